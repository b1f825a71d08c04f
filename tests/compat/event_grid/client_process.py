"""A process of a user's own: it has the official clients, and what the server says to export."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.node import node_with_clients
from tests.system.server_process import Command, ServerProcess

COMPAT = Path(__file__).parents[1]
ANSWERED_WITHIN = 60.0
LARGEST_LINE = 1 << 24


class ClientProcess:
    """Does what it is told, order by order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def __call__(self, **order: Any) -> dict[str, Any]:
        """Send an order; the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
            read = self._process.stdout.readline()
            line = await asyncio.wait_for(read, ANSWERED_WITHIN)
        assert line, "the client process ended: see what it wrote to stderr"
        answer: dict[str, Any] = json.loads(line)
        return answer


def python() -> list[str]:
    """The command line of the Python clients."""
    return [sys.executable, str(COMPAT / "scripts/event_grid_client.py")]


def javascript() -> list[str]:
    """The command line of the JavaScript client."""
    return [node_with_clients(), str(COMPAT / "js/event_grid_client.mjs")]


@asynccontextmanager
async def client_process(
    words: list[str], command: Command, server: ServerProcess
) -> AsyncIterator[ClientProcess]:
    """Start it in a shell that has done `eval "$(switchhook endpoints --exports-azure)"`."""
    exports = await command.run("endpoints", "--data", str(server.data), "--exports-azure")
    assert exports.code == 0, exports.stderr
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'{exports.stdout}\nexec "$@"', "sh", *words),
        env=command.environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LARGEST_LINE,
    )
    try:
        yield ClientProcess(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), ANSWERED_WITHIN)
