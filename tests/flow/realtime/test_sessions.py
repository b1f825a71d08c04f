"""Whose sessions are they, what opens their connections, and when are they forgotten?"""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from switchhook.communication.identity.caller import Caller
from switchhook.communication.realtime.hub import Hub
from switchhook.errors import StoreError
from switchhook.http.realtime_api.channel import Channel, Timing
from switchhook.http.realtime_api.packets import HEARTBEAT
from switchhook.http.realtime_api.sessions import Session, Sessions
from tests.flow.realtime.happenings import sent
from tests.flow.realtime.world import BOB, CAROL, RESOURCE, WITHIN, Comings, Tokens

IDLE = 60.0  # seconds


class Room:
    """Sessions without a server, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.is_store_down = False
        self.tokens = Tokens()
        self.tokens.issue("bob", BOB)
        self.tokens.issue("carol", CAROL)
        self.hub = Hub()
        self.comings = Comings()
        self.hub.listen(self.comings)
        self.sessions = Sessions(
            hub=self.hub,
            caller_of=self._caller_of,
            timing=Timing(heartbeat=0.005, idle=IDLE),
            monotonic=lambda: self.now,
        )

    async def _caller_of(self, token: str, host: str = "", /) -> Caller:
        if self.is_store_down:
            raise StoreError("the store cannot be read")
        return await self.tokens.caller_of(token, host)

    async def open(self, token: str = "bob", *, proof: str = "", endpoint: str = "page") -> Session:
        """Ask for a session."""
        caller = await self.tokens.caller_of(token)
        return self.sessions.open(caller, token, endpoint, proof)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    """Nobody is connected."""
    room = Room()
    yield room
    async with asyncio.timeout(WITHIN):
        await room.sessions.close()


def proof_of(session: Session) -> str:
    """What opens a session again."""
    return f"{session.id}.{session.secret}"


async def pushes(channel: Channel) -> int:
    """How many pushes wait in a connection."""
    return sum(packet.startswith("3:::") for packet in await channel.take())


async def beats(channel: Channel) -> bool:
    """Whether the connection outlives the next heartbeat."""
    async with asyncio.timeout(WITHIN):
        while not channel.is_over:
            if HEARTBEAT in await channel.take():
                return True
    return False


@pytest.mark.parametrize("secret", ["", ".", ".wrong"])
async def test_id_alone_opens_nothing(room: Room, secret: str) -> None:
    """It stands in addresses; not even before there is a secret for the connection."""
    session = await room.open()
    guess = f"{session.id}{secret}"

    assert room.sessions.find(guess) is None
    assert room.sessions.for_socket(guess) is None
    socket_id = room.sessions.allow_socket(session)
    assert room.sessions.for_socket(guess) is None
    assert room.sessions.for_socket(proof_of(session)) is None
    assert room.sessions.for_socket(socket_id) is session


async def test_address_counts_as_a_whole(room: Room) -> None:
    """From where it is not reached, nobody registers a page."""
    session = await room.open()

    assert room.sessions.at(f"https://chat.example{session.path}") is session
    assert room.sessions.at(f"/elsewhere/{session.id}/") is None
    assert room.sessions.at(session.id) is None


async def test_pages_without_an_id_of_their_own_are_told_apart(room: Room) -> None:
    """Each of them hears what happens."""
    channels = [room.sessions.connect(await room.open(endpoint="")) for _ in range(2)]

    room.hub.push(RESOURCE, sent())

    assert [await pushes(each) for each in channels] == [1, 1]


async def test_page_that_connects_again_hears_before_it_registers(room: Room) -> None:
    """Also one that had unregistered."""
    session = await room.open()
    room.sessions.connect(session)
    room.sessions.unregister(session)

    channel = room.sessions.connect(session)
    room.hub.push(RESOURCE, sent())

    assert await pushes(channel) == 1


async def test_registration_lasts_as_long_as_it_says(room: Room) -> None:
    """Up to its last moment; and none any more from the moment when it is taken back."""
    session = await room.open()
    channel = room.sessions.connect(session)
    room.sessions.register(session, "page", 100.0)
    room.now = 99.9
    room.hub.push(RESOURCE, sent())
    assert await pushes(channel) == 1

    room.now = 100.0
    channel.beat()
    room.hub.push(RESOURCE, sent())
    assert await pushes(channel) == 0

    room.sessions.register(session, "page", 100.0)
    room.sessions.unregister(session)
    channel.beat()
    room.hub.push(RESOURCE, sent())
    assert await pushes(channel) == 0


async def test_end_of_a_connection_leaves_the_one_in_its_place(room: Room) -> None:
    """And the secret with which that one was opened."""
    session = await room.open()
    room.sessions.allow_socket(session)
    room.sessions.connect(session)
    socket_id = room.sessions.allow_socket(session)
    channel = room.sessions.connect(session)
    await room.comings.until(("connected", BOB), ("connected", BOB), ("disconnected", BOB))

    assert room.sessions.for_socket(socket_id) is session
    assert session.channel is channel


async def test_token_that_has_become_anothers_ends_the_connection(room: Room) -> None:
    """Such as that of the same user id of a resource that was created again."""
    channel = room.sessions.connect(await room.open())

    again = msgspec.structs.replace(RESOURCE, topic="again")
    room.tokens.issue("bob", BOB, again)

    async with asyncio.timeout(WITHIN):
        await channel.over()


async def test_connection_outlives_a_store_that_cannot_be_asked(room: Room) -> None:
    """Nobody knows that the token is not in force."""
    channel = room.sessions.connect(await room.open())
    room.is_store_down = True

    assert await beats(channel)
    assert await beats(channel)


async def test_newer_token_keeps_the_connection(room: Room) -> None:
    """The client asks for its session with each token that it gets."""
    session = await room.open()
    room.tokens.issue("newer", BOB)
    await room.open("newer", proof=proof_of(session))
    room.tokens.revoke("bob")

    assert await beats(room.sessions.connect(session))


async def test_sessions_are_forgotten_in_their_order(room: Room) -> None:
    """One that is asked for again waits anew, and holds up no other."""
    first = await room.open()
    second = await room.open()
    room.now = IDLE / 2
    await room.open(proof=proof_of(first))

    room.now = IDLE
    await room.open("carol")

    assert room.sessions.find(proof_of(first)) is first
    assert room.sessions.find(proof_of(second)) is None


async def test_connected_session_is_not_forgotten(room: Room) -> None:
    """However long ago it was asked for; it waits again from the end of its connection."""
    session = await room.open()
    channel = room.sessions.connect(session)
    room.now = 10 * IDLE
    await room.open("carol")
    assert not channel.is_over

    channel.end()
    await room.comings.until(("connected", BOB), ("disconnected", BOB))
    room.now += IDLE - 1
    await room.open("carol")
    assert room.sessions.find(proof_of(session)) is session


async def test_session_that_ended_with_its_connection_is_not_waited_for(room: Room) -> None:
    """There is nothing left to forget."""
    session = await room.open()
    room.sessions.connect(session)
    room.sessions.drop(session)
    await room.comings.until(("connected", BOB), ("disconnected", BOB))

    room.now = 2 * IDLE
    await room.open("carol")

    assert room.sessions.find(proof_of(session)) is None


async def test_connection_that_opens_late_ends_with_its_resource(room: Room) -> None:
    """Its session made room for others while the handshake of its WebSocket was under way."""
    session = await room.open()
    room.sessions.drop(session)
    channel = room.sessions.connect(session)

    async with asyncio.timeout(WITHIN):
        await room.sessions.forget(RESOURCE.topic)

    assert channel.is_over
    assert room.hub.is_empty


async def test_connection_that_opens_while_the_server_closes_ends(room: Room) -> None:
    """At once."""
    session = await room.open()
    await room.sessions.close()

    assert room.sessions.connect(session).is_over
