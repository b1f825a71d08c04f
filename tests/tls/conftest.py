"""An HTTPS server with the certificate of given settings, on a port of its own."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from switchhook.settings import Settings

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

Serve = Callable[[ssl.SSLContext], Awaitable[int]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a certificate folder of their own."""
    return Settings(tls_folder=tmp_path / "tls", data=tmp_path / "data")


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers that answer `ok`; each call answers the port."""
    async with AsyncExitStack() as stack:

        async def start(context: ssl.SSLContext) -> int:
            server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
            await stack.enter_async_context(server)
            return int(server.sockets[0].getsockname()[1])

        yield start


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


async def connects(port: int, bundle: Path, name: str = "localhost") -> bool:
    """Whether a strict client that trusts only `bundle` accepts the certificate for a name."""
    context = ssl.create_default_context(cafile=str(bundle))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=name
        )
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    return True
