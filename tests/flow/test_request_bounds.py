"""What may a client that nobody knows do to the doors? Raw bytes to a real server."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import pytest

from switchhook.grace import Grace
from switchhook.http import bounded_connection
from switchhook.http.asgi import Receive, Scope, Send, reply
from switchhook.http.bounded_connection import MAX_HEAD_BYTES
from switchhook.http.listener import listening

WITHIN = 10.0  # seconds
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


class Client:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def close(self) -> None:
        """Go away."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def send(self, text: bytes) -> None:
        """Send as it is."""
        self._writer.write(text)
        await self._writer.drain()

    async def answer(self) -> bytes:
        """An answer's body."""
        async with asyncio.timeout(WITHIN):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return await self._reader.readexactly(int(length))

    async def closed(self) -> bytes:
        """What came until the server closed the connection."""
        async with asyncio.timeout(WITHIN):
            return await self._reader.read()

    async def send_until_closed(self, pieces: Iterable[bytes]) -> int:
        """Send until the server has closed the connection; how many bytes were sent by then."""
        sent = 0
        for piece in pieces:
            sent += len(piece)
            try:
                await self.send(piece)
            except ConnectionError:
                break
            assert sent < 64 << 20
        return sent


@dataclass
class Answering:
    """An application that reads the body, or waits, and answers the names of the headers."""

    port: int = 0
    reads: bool = False
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[Client] = field(default_factory=list)

    async def client(self) -> Client:
        """A new connection."""
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.clients[-1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            self.began.set()
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        while self.reads and (await receive()).get("more_body"):
            pass
        self.began.set()
        await self.answers.wait()
        await reply(send, 200, [], b" ".join(name for name, _ in scope["headers"]))


@pytest.fixture
async def app() -> AsyncIterator[Answering]:
    """The application behind a door, answering at once."""
    answering = Answering()
    answering.answers.set()
    sockets = [socket.create_server(("127.0.0.1", 0))]
    answering.port = sockets[0].getsockname()[1]
    async with listening(answering, sockets, None, Grace(1)):
        yield answering
        for client in answering.clients:
            await client.close()


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"GET / HTTP/1.1\r\n", b"x-more: of it\r\n"),
        (b"GET / HTTP/1.1\r\nx: ", b"of it"),
        (b"GET /", b"of-it"),
        (CHUNKED + b"0\r\n", b"x-more: of it\r\n"),
        (CHUNKED + b"0\r\nx: ", b"of it"),
        (CHUNKED + b"1;x=", b"of-it"),
    ],
    ids=["headers", "one header", "path", "trailers", "one trailer", "chunk extension"],
)
async def test_what_is_no_body_is_bounded(app: Answering, beginning: bytes, piece: bytes) -> None:
    """Nobody has been asked for a credential then: it must not fill the memory."""
    for reads in (True, False):
        app.reads = reads
        client = await app.client()
        await client.send(beginning)
        pieces = itertools.repeat(piece * (8192 // len(piece)))

        assert await client.send_until_closed(pieces) >= MAX_HEAD_BYTES


async def test_long_body_is_no_head(app: Answering) -> None:
    """In one piece and in many chunks."""
    app.reads = True
    client = await app.client()
    size = 4 * MAX_HEAD_BYTES

    await client.send(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)
    assert await client.answer() == b"content-length"
    await client.send(CHUNKED + b"1\r\nx\r\n" * MAX_HEAD_BYTES + b"0\r\n\r\n")
    assert await client.answer() == b"host transfer-encoding"


async def test_trailers_are_no_headers(app: Answering) -> None:
    """What a proxy in front has taken out of the head does not come back behind the body."""
    app.reads = True
    client = await app.client()

    await client.send(CHUNKED + b"1\r\nx\r\n0\r\nauthorization: Bearer x\r\n\r\n")

    assert await client.answer() == b"host transfer-encoding"


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: a\r\n"])
async def test_slow_head_is_given_up(
    app: Answering, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    """Also one of which nothing comes at all."""
    monkeypatch.setattr(bounded_connection, "HEAD_WITHIN", 0.01)
    client = await app.client()
    await client.send(head)

    assert await client.closed() == b""


@pytest.mark.parametrize("head", [b"\r\n", b"GET / HT"])
async def test_slow_head_of_a_later_request_is_given_up(
    app: Answering, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    """The connection was idle before."""
    client = await app.client()
    await client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert await client.answer() == b"host"
    monkeypatch.setattr(bounded_connection, "HEAD_WITHIN", 0.01)

    await client.send(head)

    assert await client.closed() == b""


async def test_slow_answer_is_awaited(app: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a connection that has become a WebSocket, and a body that comes slowly."""
    monkeypatch.setattr(bounded_connection, "HEAD_WITHIN", 0.05)
    app.answers.clear()
    slow, upgraded, sending = [await app.client() for _ in range(3)]
    await slow.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    await sending.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n")
    await upgraded.send(UPGRADE + b"\r\n")
    async with asyncio.timeout(WITHIN):
        await app.began.wait()

    for _ in range(3):  # each is there for as long as a head may take
        await (await app.client()).closed()
    app.answers.set()

    assert await slow.answer() == b"host"
    await sending.send(b"x")
    assert await sending.answer() == b"host content-length"
    await upgraded.send(b"\x88\x80\0\0\0\0")
    assert (await upgraded.closed()).startswith(b"HTTP/1.1 101 ")


async def test_next_head_does_not_cut_a_slow_answer(
    app: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take its time while the server does: the beginning of one came with the request."""
    monkeypatch.setattr(bounded_connection, "HEAD_WITHIN", 0.05)
    app.answers.clear()
    client = await app.client()
    await client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HT")
    async with asyncio.timeout(WITHIN):
        await app.began.wait()

    for _ in range(2):
        await (await app.client()).closed()
    app.answers.set()

    assert await client.answer() == b"host"
    await client.send(b"TP/1.1\r\nx: a\r\n\r\n")
    assert await client.answer() == b"x"


@pytest.mark.parametrize(
    "headers",
    [b"x: " + b"a" * 9000 + b"\r\n", b"".join(b"x-%d: a\r\n" % each for each in range(300))],
    ids=["long", "many"],
)
async def test_upgrade_that_cannot_be_read_is_refused(app: Answering, headers: bytes) -> None:
    """The connection is not left open."""
    client = await app.client()

    await client.send(UPGRADE + headers + b"\r\n")

    assert (await client.closed()).startswith(b"HTTP/1.1 431 ")
