"""The two doors: HTTP and HTTPS, with the same routes behind both."""

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from switchhook.grace import Grace
from switchhook.http.asgi import App, ClientGoneError, Receive, Scope, Send
from switchhook.http.publish_api import PublishApi

# Connections that the system may hold for us while we are busy.
_BACKLOG = 2048
MAX_HEAD_BYTES = 64 << 10
MAX_WEBSOCKET_MESSAGE = 64 << 10


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request head does not end within `MAX_HEAD_BYTES`."""

    _is_in_head = True
    _head_bytes = 0

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > MAX_HEAD_BYTES:
            self.transport.close()


def websocket_protocol(*args: Any, **kwargs: Any) -> asyncio.Protocol:
    """A connection that has become a WebSocket; what that takes is imported with the first one."""
    from switchhook.http.websockets import BoundedWebSocket

    return BoundedWebSocket(*args, **kwargs)


class Door:
    """The application: the publish route in front of every other."""

    def __init__(self, publish: PublishApi, others: App) -> None:
        self._publish = publish
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientGoneError):
            if scope["type"] == "http" and self._publish.serves(scope["path"]):
                await self._publish(scope, receive, send)
            else:
                await self._others(scope, receive, send)


@contextlib.asynccontextmanager
async def listening(
    app: App,
    listeners: list[socket.socket],
    context: ssl.SSLContext | None,
    grace: Grace,
) -> AsyncIterator[None]:
    """Serve `app` on the bound sockets; at the end, running requests may finish."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws=websocket_protocol,  # type: ignore[arg-type]  # it is called, as the class would be
        ws_max_size=MAX_WEBSOCKET_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # whoever speaks over it sees to that
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=65,
    )
    config.load()
    config.ssl = context
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=listeners)
    loop = asyncio.create_task(server.main_loop())
    try:
        yield
    finally:
        server.should_exit = True
        await loop
        # At least a moment for idle connections to close.
        config.timeout_graceful_shutdown = max(1, math.ceil(grace.left()))
        await server.shutdown(sockets=listeners)
