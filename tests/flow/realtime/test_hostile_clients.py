"""What may a client do that has a connection and means no good?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from switchhook.http import websockets
from tests.flow.realtime.world import BOB, World, serving

# The most that both ends may have in flight to each other, and more.
BUFFERED = 64 << 20


@asynccontextmanager
async def raw_socket(world: World) -> AsyncIterator[asyncio.StreamWriter]:
    """A WebSocket of Bob's, of which nothing is read."""
    socket_id = await world.handshake("bob", await world.session("bob"))
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1)
    writer.write(
        f"GET /socket.io/1/websocket/{socket_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    await world.comings.until(("connected", BOB))
    yield writer
    assert not reader.at_eof()
    writer.transport.abort()


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A frame as a client sends it."""
    return Frame(opcode, data, fin=fin).serialize(mask=True)


async def test_pings_whose_answers_are_not_read_are_not_read_either() -> None:
    """The answers would wait in memory."""
    async with serving() as world, raw_socket(world) as writer:
        pings = frame(Opcode.PING, b"x" * 125) * 500

        with pytest.raises(TimeoutError):
            await write_on(writer, pings, BUFFERED // len(pings))


async def write_on(writer: asyncio.StreamWriter, data: bytes, times: int) -> None:
    """Write until the other side does not read any more."""
    for _ in range(times):
        writer.write(data)
        async with asyncio.timeout(1.0):
            await writer.drain()


async def test_empty_pieces_of_a_message_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would never reach the limit of a message, which comes through all the same."""
    made: list[websockets.BoundedWebSocket] = []

    class Made(websockets.BoundedWebSocket):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(websockets, "BoundedWebSocket", Made)
    async with serving() as world, world.page("bob") as bob:
        bob.socket.transport.write(
            frame(Opcode.TEXT, b'5:7+::{"name"', fin=False)
            + frame(Opcode.CONT, b"", fin=False) * 1000
        )
        await (await bob.socket.ping())

        assert len(made[0].frames) == 1
        bob.socket.transport.write(frame(Opcode.CONT, b':"ping"}'))
        assert await bob.packet() == '6:::7+["pong"]'


@pytest.mark.parametrize("last", [b"\xff", b"\xc3"])
async def test_what_is_no_text_ends_the_connection(
    last: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is logged: any client could fill the log."""
    async with serving() as world, world.page("bob") as bob:
        bob.socket.transport.write(
            frame(Opcode.TEXT, b"3:::", fin=False) + frame(Opcode.CONT, last)
        )

        with pytest.raises(ConnectionClosed) as closed:
            await bob.packet()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1007
    assert not caplog.records


async def test_deeply_nested_event_is_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    """It is no event that anybody knows."""
    async with serving() as world, world.page("bob") as bob:
        await bob.socket.send('5:7+::{"x":' + "[" * 30_000)

        assert await bob.packet() == "6:::7+[]"
    assert not caplog.records


async def test_deeply_nested_registration_is_refused() -> None:
    """Like any other that is none."""
    body = b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    async with serving() as world:
        answer = await world.ask(
            "POST", "/realtime/registrar/v3/registrations", "bob", body, Content_Type="a/b"
        )

    assert (answer.status, answer.body["error"]["code"]) == (400, "BadRequest")
