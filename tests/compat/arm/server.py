"""The management routes behind a real HTTP server, for the vendor's own clients."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import ASGIApp


@contextlib.asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve `app` on a free loopback port; yields its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, http="httptools", ws="none")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await _close(server)
        listener.close()


async def _close(server: uvicorn.Server) -> None:
    """As `server.shutdown`, which sleeps for a tenth of a second, and another while one closes."""
    for each in server.servers:
        each.close()
    state = server.server_state
    async with asyncio.timeout(10):
        for connection in list(state.connections):
            connection.shutdown()
        while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.001)
