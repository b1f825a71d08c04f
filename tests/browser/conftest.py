"""One browser for all tests of this folder, and a server for each."""

import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import trustme

from tests.browser.pages import Pages, running_browser


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def pages(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pages]:
    """Chromium; each test opens pages of its own."""
    async with running_browser(tmp_path_factory.mktemp("browser") / "console.log") as running:
        yield running


@pytest.fixture(scope="session")
def context() -> ssl.SSLContext:
    """What the HTTPS door shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context
