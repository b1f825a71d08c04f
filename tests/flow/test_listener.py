"""How a door closes: at once where nothing runs, whole where something does."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme

from switchhook.grace import Grace
from switchhook.http.asgi import App
from switchhook.http.listener import listening

SOON = 5.0  # seconds; a stop without work takes a fraction of one
LONG = 60.0
LARGE = 16 << 20  # more than the system holds for a connection

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Those of the server and of its clients."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


class Gate:
    """An application that answers when it may, with as much as it is told."""

    def __init__(self, size: int = 2) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.cancelled = False
        self._size = size

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        headers = [(b"content-length", b"%d" % self._size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * self._size})


@contextlib.asynccontextmanager
async def a_door(
    app: App, context: ssl.SSLContext | None, grace: float, held_by_system: int = 0
) -> AsyncIterator[int]:
    """A door that ends with the block; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    if held_by_system:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, held_by_system)
    async with listening(app, [listener], context, Grace(grace)):
        yield listener.getsockname()[1]


def asking(
    port: int, context: ssl.SSLContext | None, request: bytes = REQUEST, reads: int = 0
) -> socket.socket:
    """A connection on which something was asked; `reads`: how much the system takes for it."""
    client = socket.socket()
    client.settimeout(SOON)
    if reads:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, reads)
    client.connect(("127.0.0.1", port))
    if context is not None:
        client = context.wrap_socket(client, server_hostname="localhost")
    client.sendall(request)
    return client


def read_answer(client: socket.socket) -> None:
    """Read to the end of a short answer."""
    found = b""
    while not found.endswith(b"\r\n\r\nxx"):
        found += client.recv(1000)


def everything(client: socket.socket) -> bytes:
    """What comes until the connection ends."""
    with client:
        found = b""
        while part := client.recv(1 << 20):
            found += part
        return found


@pytest.mark.parametrize("secure", [False, True])
async def test_idle_connection_holds_nothing_up(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], secure: bool
) -> None:
    """Though its client, a pool of connections, reads nothing and so never says goodbye."""
    server, trust = contexts if secure else (None, None)
    gate = Gate()
    gate.may_answer.set()
    async with asyncio.timeout(SOON), a_door(gate, server, LONG) as port:
        client = await asyncio.to_thread(asking, port, trust)
        await asyncio.to_thread(read_answer, client)

    assert await asyncio.to_thread(everything, client) == b""


async def test_silent_handshake_holds_nothing_up(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """Of a client that has connected and says nothing."""
    gate = Gate()
    gate.may_answer.set()
    async with asyncio.timeout(SOON), a_door(gate, contexts[0], LONG) as port:
        silent = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port), SOON)
        # Whoever comes later is heard: so the first has been accepted.
        (await asyncio.to_thread(asking, port, contexts[1])).close()
        await gate.asked.wait()

    silent.close()


@pytest.mark.parametrize("secure", [False, True])
async def test_running_request_is_answered_whole(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], secure: bool
) -> None:
    """Within the grace; a client that reads late gets the end of a long answer, too."""
    server, trust = contexts if secure else (None, None)
    gate = Gate(LARGE)
    async with a_door(gate, server, LONG) as port:
        client = await asyncio.to_thread(asking, port, trust)
        await gate.asked.wait()
        asyncio.get_running_loop().call_later(0.05, gate.may_answer.set)
        reading = asyncio.create_task(after_a_goodbye(client))
    answer = await reading

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(answer.partition(b"\r\n\r\n")[2]) == LARGE


async def after_a_goodbye(client: socket.socket) -> bytes:
    """What a client reads that begins when idle connections are gone."""
    await asyncio.sleep(0.4)
    return await asyncio.to_thread(everything, client)


@pytest.mark.parametrize("secure", [False, True])
async def test_requests_behind_a_running_one_are_answered(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], secure: bool
) -> None:
    """Whoever has sent several at once gets all answers, however long they take together."""
    server, trust = contexts if secure else (None, None)
    begun = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await asyncio.sleep(0.15)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async with a_door(app, server, LONG) as port:
        client = await asyncio.to_thread(asking, port, trust, REQUEST * 4)
        await begun.wait()
    answers = await asyncio.to_thread(everything, client)

    assert answers.count(b"HTTP/1.1 204 ") == 4


async def test_what_waits_below_tls_is_written(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """The end of an answer that TLS has handed on, and the system has no room for."""
    gate = Gate(size=50_000)
    gate.may_answer.set()
    async with asyncio.timeout(SOON), a_door(gate, contexts[0], LONG, held_by_system=8192) as port:
        client = await asyncio.to_thread(asking, port, contexts[1], reads=4096)
        await gate.asked.wait()
        reading = asyncio.create_task(after_a_goodbye(client))
    answer = await reading

    assert len(answer.partition(b"\r\n\r\n")[2]) == 50_000


@pytest.mark.parametrize("secure", [False, True])
async def test_websocket_that_has_just_ended_holds_nothing_up(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], secure: bool
) -> None:
    """It is said goodbye to once."""
    server, trust = contexts if secure else (None, None)
    ended = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        ended.set()

    async with asyncio.timeout(SOON), a_door(app, server, LONG) as port:
        client = await asyncio.to_thread(asking, port, trust, UPGRADE)
        await asyncio.to_thread(client.recv, 1000)
        await asyncio.to_thread(client.sendall, b"\x88\x80\0\0\0\0")
        await ended.wait()

    client.close()


async def test_request_that_outlasts_the_grace_is_cancelled() -> None:
    """The door closes all the same."""
    gate = Gate()
    async with asyncio.timeout(SOON), a_door(gate, None, 0.01) as port:
        client = await asyncio.to_thread(asking, port, None)
        await gate.asked.wait()
    await asyncio.to_thread(everything, client)

    assert gate.cancelled
