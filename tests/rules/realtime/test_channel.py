"""What one live connection takes, acknowledges and sends."""

import asyncio
import json
from collections.abc import Callable

from switchhook.http.realtime_api.channel import MAX_WAITING, Channel
from switchhook.http.realtime_api.packets import CONNECT, HEARTBEAT


def a_channel(monotonic: Callable[[], float] = lambda: 0.0) -> Channel:
    """A connection that has just begun."""
    return Channel(path="/v4/f/1/", lifetime=60, is_listening=lambda: True, monotonic=monotonic)


async def test_pushes_are_told_apart() -> None:
    """The client answers each by its id."""
    channel = a_channel()
    channel.push("one")
    channel.push("two")

    greeting, _, *packets = await channel.take()

    requests = [json.loads(packet.removeprefix("3:::")) for packet in packets]
    assert greeting == CONNECT
    assert [(each["id"], each["body"]) for each in requests] == [(1, "one"), (2, "two")]
    assert {each["url"] for each in requests} == {"/v4/f/1/"}


async def test_reader_that_is_too_slow_gets_nothing_more() -> None:
    """Neither what waited nor what comes afterwards takes memory."""
    channel = a_channel()
    over = []
    for body in ("x" * (MAX_WAITING // 2), "x" * (MAX_WAITING // 2), "late"):
        channel.push(body)
        over.append(channel.is_over)

    assert over == [False, True, True]
    assert await channel.take() == []


async def test_what_was_taken_does_not_wait() -> None:
    """A reader that keeps up is not cut off."""
    channel = a_channel()
    for _ in range(4):
        channel.push("x" * (MAX_WAITING // 2))
        await channel.take()

    assert not channel.is_over


async def test_end_is_told_to_whoever_asks() -> None:
    """What waited before it still goes out, once; nothing comes after it."""
    channel = a_channel()
    await channel.take()
    channel.beat()
    channel.end()
    channel.beat()

    async with asyncio.timeout(1):
        assert [await channel.take(), await channel.take()] == [[HEARTBEAT], []]


def test_every_packet_is_a_sign_of_life() -> None:
    """Also one that asks for nothing."""
    now = 0.0
    channel = a_channel(lambda: now)
    now = 50.0
    assert channel.silence == 50.0

    channel.receive("2::")

    assert channel.silence == 0.0
