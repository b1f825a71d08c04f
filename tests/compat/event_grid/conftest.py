"""One server for all of these tests, and the processes of its users."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.compat.event_grid.client_process import (
    ClientProcess,
    client_process,
    javascript,
    python,
)
from tests.compat.event_grid.site import Site, make_all, opened
from tests.system.server_process import Command


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command in a user folder of this test run, whose certificate authority is made once."""
    return Command(tmp_path_factory.mktemp("user"))


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def site(command: Command, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A server with topics and domains of every schema, and all their subscriptions."""
    server = await command.serve(tmp_path_factory.mktemp("event-grid") / "data")
    try:
        async with opened(server) as site:
            await make_all(site)
            yield site
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def in_python(command: Command, site: Site) -> AsyncIterator[ClientProcess]:
    """A process that publishes with `azure-eventgrid`."""
    async with client_process(python(), command, site.server) as process:
        yield process


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def in_javascript(command: Command, site: Site) -> AsyncIterator[ClientProcess]:
    """A process that publishes and reads with `@azure/eventgrid`."""
    async with client_process(javascript(), command, site.server) as process:
        yield process
