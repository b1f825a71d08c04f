"""The two doors: HTTP and HTTPS, with the same routes behind both."""

import asyncio
import contextlib
import select
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from switchhook.grace import Grace
from switchhook.http.asgi import App, ClientGoneError, Receive, Scope, Send
from switchhook.http.direct_routes import DirectRoutes
from switchhook.http.publish_api import PublishApi
from switchhook.http.publish_connection import PublishConnection

# Connections that the system may hold for us while we are busy.
_BACKLOG = 2048
# Seconds in which a connection may be idle.
KEEP_ALIVE = 65
MAX_WEBSOCKET_MESSAGE = 64 << 10
# Seconds that the other end has, at a stop, to answer the goodbye of TLS. A pool of idle
# connections reads nothing and never does.
_GOODBYE = 0.25
# Seconds in which what can be written has been.
_MOMENT = 0.01


def websocket_protocol(*args: Any, **kwargs: Any) -> asyncio.Protocol:
    """A connection that has become a WebSocket; what that takes is imported with the first one."""
    from switchhook.http.websockets import BoundedWebSocket

    return BoundedWebSocket(*args, **kwargs)


class Door:
    """The publish route and direct routes, which connections serve themselves, and the application
    for all others, which could serve direct routes as well."""

    def __init__(
        self,
        publish: PublishApi | None,
        others: App,
        *,
        direct: DirectRoutes | None = None,
        own_lines: Callable[[str], bytes] = lambda _: b"",
    ) -> None:
        """`own_lines` are the headers that answers of direct routes have for a path."""
        self.publish = publish
        self.direct = direct
        self.lines = b""  # the headers of every answer
        self._others = others
        self._own_lines = own_lines

    def lines_for(self, path: str) -> bytes:
        """The headers that every answer to a request for that path has, each with its end."""
        return self.lines + self._own_lines(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        with contextlib.suppress(ClientGoneError):
            await self._others(scope, receive, send)


@contextlib.asynccontextmanager
async def listening(
    app: App,
    listeners: list[socket.socket],
    context: ssl.SSLContext | None,
    grace: Grace,
) -> AsyncIterator[None]:
    """Serve `app` on the bound sockets; at the end, running requests may finish.

    Only a `Door` has a publish route and direct ones.
    """
    door = app if isinstance(app, Door) else Door(None, app)
    config = _config(door, context)
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    connections = server.server_state.connections = _Connections()
    await server.startup(sockets=listeners)
    ticking = asyncio.create_task(_tick(server, door))
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.wait((ticking,))
        for each in server.servers:
            each.close()
        for listener in listeners:
            listener.close()
        await _end(server.server_state, connections, max(_GOODBYE, grace.left()))
        with contextlib.suppress(TimeoutError):  # somebody may be in the middle of a handshake
            async with asyncio.timeout(_GOODBYE):
                await asyncio.gather(*(each.wait_closed() for each in server.servers))


def _config(door: Door, context: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        door,
        http=partial(PublishConnection, door=door),  # type: ignore[arg-type]  # it is called, too
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
        timeout_keep_alive=KEEP_ALIVE,
    )
    config.load()
    config.ssl = context
    return config


async def _tick(server: uvicorn.Server, door: Door) -> None:
    """Keep the `Date` header true."""
    while True:
        await server.on_tick(0)
        headers = server.server_state.default_headers
        door.lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        await asyncio.sleep(1)


class _Connections(set[Any]):
    """The open connections."""

    def __init__(self) -> None:
        super().__init__()
        self._gone = asyncio.Event()

    def discard(self, connection: Any) -> None:
        """An HTTP connection is lost, or has become a WebSocket."""
        super().discard(connection)
        self._gone.set()

    def remove(self, connection: Any) -> None:
        """A WebSocket is lost, which may have been given up before."""
        self.discard(connection)

    async def none_left(self, seconds: float) -> bool:
        """Whether all are gone within that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self:
                    self._gone.clear()
                    await self._gone.wait()
        return not self


async def _end(state: ServerState, connections: _Connections, seconds: float) -> None:
    """Let running requests, and what is still to be written, take that long."""
    ends_at = time.monotonic() + seconds
    _shut_down(connections)
    while state.tasks and (left := ends_at - time.monotonic()) > 0:
        # Others follow: requests that wait behind these, and of connections that came meanwhile.
        await asyncio.wait(set(state.tasks), timeout=left)
        _shut_down(connections)
    for task in list(state.tasks):
        task.cancel()
    while not await connections.none_left(_GOODBYE):
        is_over = time.monotonic() >= ends_at
        for connection in list(connections) if is_over else await _idle(connections):
            connection.transport.abort()
            connections.discard(connection)


async def _idle(connections: _Connections) -> list[Any]:
    """Those that have nothing to write, now and a moment later."""
    idle = [each for each in connections if not _is_writing(each.transport)]
    await asyncio.sleep(_MOMENT)
    return [each for each in idle if each in connections and not _is_writing(each.transport)]


def _is_writing(transport: asyncio.Transport) -> bool:
    """Whether anything is left to be written.

    TLS tells what it holds itself, not what waits below it for a full socket.
    """
    with contextlib.suppress(AttributeError):  # asyncio's TLS forgets itself when closed twice
        if transport.get_write_buffer_size():
            return True
        connection = transport.get_extra_info("socket")
        return connection is not None and connection.fileno() >= 0 and not _is_writable(connection)
    return False


def _is_writable(connection: socket.socket) -> bool:
    if sys.platform == "win32":
        return bool(select.select([], [connection], [], 0)[1])
    poll = select.poll()
    poll.register(connection, select.POLLOUT)
    return bool(poll.poll(0))


def _shut_down(connections: _Connections) -> None:
    """Have each end with the requests that it has sent."""
    for connection in list(connections):
        if not connection.transport.is_closing():
            connection.shutdown()
