"""One browser for all tests of this folder, and one server for all that do not end it."""

import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import trustme

from tests.browser.pages import Pages, running_browser
from tests.browser.real_server import RealServer
from tests.system.server_process import Command

# Seconds: that long a page must be gone until its user counts as disconnected.
PRESENCE_GRACE = "0.2"


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


@pytest.fixture(scope="package")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The real command, with a certificate authority of its own."""
    return Command(tmp_path_factory.mktemp("user"))


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def server(
    command: Command, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RealServer]:
    """A server whose users are disconnected soon."""
    data = tmp_path_factory.mktemp("server") / "data"
    process = await command.serve(data, "--presence-grace", PRESENCE_GRACE)
    running = RealServer(process)
    try:
        yield running
    finally:
        running.close()
        await process.stop()
