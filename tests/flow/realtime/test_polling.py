"""Where no WebSocket gets through, the client polls."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import pytest

from switchhook.http.realtime_api.channel import Timing
from switchhook.http.realtime_api.packets import join, split
from switchhook.http.realtime_api.requests import MAX_BODY_SIZE
from tests.flow.realtime.happenings import sent
from tests.flow.realtime.world import BOB, RESOURCE, WITHIN, World, serving


async def polling(world: World) -> str:
    """The path of a page that polls and was greeted."""
    socket_id = await world.handshake("bob", await world.session("bob"))
    path = f"/socket.io/1/xhr-polling/{socket_id}?v=v4&t=1"
    connect, greeting = split((await world.ask("GET", path)).text)
    assert connect == "1::"
    assert json.loads(greeting.removeprefix("5:::"))["name"] == "trouter.connected"
    return path


async def test_poll_waits_for_news() -> None:
    """And brings them."""
    async with serving() as world:
        path = await polling(world)
        poll = asyncio.create_task(world.ask("GET", path))
        while not poll.done():
            world.hub.push(RESOURCE, sent("Hi"))
            await asyncio.wait([poll], timeout=0.01)

        packet = split((await poll).text)[0]
        assert json.loads(json.loads(packet.removeprefix("3:::"))["body"])["messageBody"] == "Hi"


async def test_poll_without_news_ends_after_a_while() -> None:
    """With a packet that says nothing; proxies end what takes longer."""
    async with serving(timing=Timing(poll=0.01)) as world:
        answer = await world.ask("GET", await polling(world))

    assert answer.text == "8::"
    assert answer.headers["cache-control"] == "no-store"


async def test_poll_is_a_sign_of_life() -> None:
    """The client sends nothing else while it has nothing to say."""
    async with serving(timing=Timing(poll=0.01)) as world:
        path = await polling(world)
        channel = next(iter(world.sessions.of(await world.tokens.caller_of("bob")))).channel
        assert channel is not None
        silent_until = time.monotonic()
        await world.ask("GET", path)

        assert channel.silence < time.monotonic() - silent_until


async def test_posted_packets_are_acknowledged() -> None:
    """In the next poll."""
    async with serving() as world:
        path = await polling(world)
        body = join(['5:1+::{"name":"ping"}', "2::"]).encode()

        posted = await world.ask("POST", path, body=body)

        assert posted.text == "1"
        assert (await world.ask("GET", path)).text == '6:::1+["pong"]'


@pytest.mark.parametrize("size", [MAX_BODY_SIZE + 1])
async def test_post_is_bounded(size: int) -> None:
    """The connection stays."""
    async with serving() as world:
        path = await polling(world)
        assert (await world.ask("POST", path, body=b"2" * size)).status == 413
        assert (await world.ask("POST", path, body=b"2::")).status == 200


@contextlib.asynccontextmanager
async def waiting(world: World, path: str) -> AsyncIterator[asyncio.StreamReader]:
    """A poll that the server has and that waits there; what it answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    await world.session("carol")  # came later, was answered
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def body_of(reader: asyncio.StreamReader) -> str:
    """What a poll was answered."""
    async with asyncio.timeout(WITHIN):
        answer = await reader.read()
    return answer.decode().partition("\r\n\r\n")[2]


async def test_client_disconnects() -> None:
    """Its poll ends too; nothing can be posted any more."""
    async with serving() as world:
        path = await polling(world)
        async with waiting(world, path) as poll:
            await world.ask("POST", path, body=b"0::")

            assert await body_of(poll) == "0::"
        await world.comings.until(("connected", BOB), ("disconnected", BOB))
        assert (await world.ask("POST", path, body=b"2::")).status == 401


async def test_client_that_goes_away_while_it_polls_has_disconnected() -> None:
    """It says no more than that."""
    async with serving() as world:
        async with waiting(world, await polling(world)):
            assert world.comings.log == [("connected", BOB)]
        await world.comings.until(("connected", BOB), ("disconnected", BOB))


async def test_polls_end_with_the_server() -> None:
    """At once: who waits for news would wait for ever."""
    async with contextlib.AsyncExitStack() as stack:
        async with serving() as world:
            path = await polling(world)
            poll = await stack.enter_async_context(waiting(world, path))
        assert await body_of(poll) == "0::"


async def test_socket_opens_one_connection() -> None:
    """A poll that comes after the end opens no other; the session may still ask for another."""
    async with serving() as world:
        session = await world.session("bob")
        socket_id = await world.handshake("bob", session)
        path = f"/socket.io/1/xhr-polling/{socket_id}"
        await world.ask("GET", path)
        await world.ask("POST", path, body=b"0::")
        await world.comings.until(("connected", BOB), ("disconnected", BOB))

        assert (await world.ask("GET", path)).status == 401
        another = await world.handshake("bob", session)
        assert (await world.ask("GET", f"/socket.io/1/xhr-polling/{another}")).status == 200
