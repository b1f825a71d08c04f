"""Sending a request and waiting for what comes of it; webhooks that behave as no webhook should."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from switchhook.grid.heard_request import HeardRequest
from switchhook.grid.ports import Transport, WebhookRequest, WebhookResponse
from switchhook.webhook.transport import HttpTransport

T = TypeVar("T")

PATIENCE = 5.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def a_request(url: str, **members: Any) -> WebhookRequest:
    """A small notification."""
    defaults = {"headers": b"aeg-event-type: Notification\r\n", "body": b"[]", "timeout": PATIENCE}
    return WebhookRequest(url=url, **{**defaults, **members})


def begin(transport: Transport, url: str, **members: Any) -> asyncio.Future[WebhookResponse]:
    """Send, and answer a future of the response."""
    future = asyncio.get_running_loop().create_future()
    send(transport, a_request(url, **members), future.set_result)
    return future


def send(
    transport: Transport, request: WebhookRequest, heard: Callable[[WebhookResponse], None]
) -> None:
    """Send, and let a function hear of it."""
    transport.send(HeardRequest.of(request, heard))


async def post(transport: Transport, url: str, **members: Any) -> WebhookResponse:
    """Send and wait."""
    return await within(begin(transport, url, **members))


async def within(awaitable: Awaitable[T]) -> T:
    """Wait, but not for ever."""
    async with asyncio.timeout(2 * PATIENCE):
        return await awaitable


@asynccontextmanager
async def open_transport(**settings: Any) -> AsyncIterator[HttpTransport]:
    """A transport that knows no proxy, closed afterwards."""
    transport = HttpTransport(**{"environ": {}, **settings})
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def webhook(
    handle: Handler, *, ssl_context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """Serve each connection by `handle`, which need not close it; gives the URL."""
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await handle(reader, writer)
            await reader.read()  # until the client closes
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client closed first
        finally:
            handlers.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, host, 0, ssl=ssl_context)
    port = server.sockets[0].getsockname()[1]
    name = "localhost" if ssl_context else f"[{host}]" if ":" in host else host
    try:
        yield f"{'https' if ssl_context else 'http'}://{name}:{port}/events"
    finally:
        server.close()
        for task in list(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request of `a_request`, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


def answering(*chunks: bytes, close: bool = False) -> Handler:
    """A handler that reads one request and writes these chunks, each as a write of its own."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        if close:
            writer.close()

    return handle
