"""The real command, for tests that start it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.system.server_process import Command, ServerProcess

Serve = Callable[..., Awaitable[ServerProcess]]


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command in a user folder of this test run, whose certificate authority is made once."""
    return Command(tmp_path_factory.mktemp("user"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    command: Command, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerProcess]:
    """One server for the tests of a module that neither end it nor mind what others left there."""
    running = await command.serve(tmp_path_factory.mktemp("shared") / "data")
    yield running
    assert await running.stop() == 0


@pytest.fixture
async def serve(command: Command, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts servers, on one data folder unless another is named; ends what the test left."""
    servers: list[ServerProcess] = []

    async def start(*options: str, data: Path | None = None) -> ServerProcess:
        servers.append(await command.serve(data or tmp_path / "data", *options))
        return servers[-1]

    yield start
    for server in servers:
        if server.is_running:
            await server.kill()
