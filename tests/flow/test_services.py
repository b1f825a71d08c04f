"""The engines are put together: what one does, the others hear of."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from switchhook.clock import VirtualClock
from switchhook.communication.chat.model import Thread
from switchhook.communication.chat.requests import CreateThread, SendMessage
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.identity.caller import Caller, Scope
from switchhook.communication.identity.requests import CreateUser
from switchhook.communication.orphans import orphaned_topics
from switchhook.errors import RequestError
from switchhook.grid.ports import Put
from switchhook.http.realtime_api.channel import Channel
from switchhook.services import Services, open_services
from switchhook.settings.read import read_settings
from switchhook.stores.memory import MemoryStore
from tests.flow.identity.world import a_world as an_identity_world
from tests.flow.realtime.world import Comings
from tests.flow.sms.world import a_resource
from tests.flow.stores import commits_to, events_in

KEPT = (
    "identity-users",
    "identity-custom-ids",
    "identity-assignments",
    "chat-threads",
    "chat-heads",
    "chat-messages",
    "chat-receipts",
    "chat-members",
    "chat-repeatability",
    "presence-users",
)


class Server:
    """The engines over one store, with one resource; time stands still."""

    def __init__(self, folder: Path, store: MemoryStore | None = None, **flags: Any) -> None:
        self.store = store or MemoryStore()
        self.clock = VirtualClock()
        self.resource = a_resource()
        self.directory = CommunicationDirectory()
        self.directory.put(self.resource)
        self.services: Services = open_services(
            read_settings({"data": str(folder), **flags}, {}, folder),
            store=self.store,
            commit=commits_to(self.store),
            clock=self.clock,
            authority=an_identity_world().authority,
            directory=self.directory,
        )
        for work in self.services.later_work:
            self.clock.wait_for(work.quiet)

    async def user(self) -> Caller:
        """A new user with a token."""
        raw_id, _ = await self.services.identity.create(self.resource, CreateUser())
        return Caller(resource=self.resource, raw_id=raw_id, scopes=frozenset({Scope.CHAT}))

    async def thread(self, caller: Caller) -> Thread:
        """A new thread of a user."""
        thread, _ = await self.services.chat.create_thread(caller, CreateThread(topic="t"), None)
        return thread

    def connect(self, caller: Caller) -> Channel:
        """The user's page connects."""
        session = self.services.sessions.open(caller, "token", "page", "")
        return self.services.sessions.connect(session)

    async def visit(self, caller: Caller) -> None:
        """The user's page connects and goes away."""
        comings = Comings()
        self.services.hub.listen(comings)
        self.connect(caller).end()
        await comings.until(("connected", caller.raw_id), ("disconnected", caller.raw_id))

    async def gone(self, **span: float) -> int:
        """How many users are told to be gone after that time."""
        await self.clock.advance(timedelta(**span))
        events = await events_in(self.store)
        return sum(each["eventType"].endswith("UserDisconnected") for each in events)

    async def close(self) -> None:
        """End."""
        await self.services.sessions.close()
        for work in self.services.later_work:
            await work.close()


Start = Callable[..., Server]


@pytest.fixture
async def start(tmp_path: Path) -> Any:
    """Starts servers, which end with the test."""
    servers: list[Server] = []

    def start(**flags: Any) -> Server:
        servers.append(Server(tmp_path, **flags))
        return servers[-1]

    yield start
    for server in servers:
        await server.close()


async def test_pages_are_told_of_messages(start: Start) -> None:
    """In real time."""
    server = start()
    caller = await server.user()
    thread = await server.thread(caller)
    channel = server.connect(caller)
    await channel.take()

    await server.services.chat.send_message(caller, thread.id, SendMessage(content="hello"))

    [packet] = await channel.take()
    body = json.loads(json.loads(packet.removeprefix("3:::"))["body"])
    assert body["messageBody"] == "hello"


async def test_page_that_goes_is_gone_after_the_grace_period(start: Start) -> None:
    """Which is set in seconds."""
    server = start(presence_grace=5)
    caller = await server.user()
    await server.visit(caller)

    assert await server.gone(seconds=4.9) == 0
    assert await server.gone(seconds=0.1) == 1


async def test_every_engine_takes_up_what_it_has_to_do_later(start: Start) -> None:
    """Deletion of a thread, and whoever was connected when the last run ended."""
    first = start()
    caller = await first.user()
    thread = await first.thread(caller)
    first.connect(caller)
    await first.clock.advance(timedelta(0))
    await first.services.chat.delete_thread(caller, thread.id)

    second = start(store=first.store)
    for work in second.services.later_work:
        await work.resume()

    assert await second.gone(days=31) == 1
    assert await second.store.scan("chat-threads") == []


async def test_limits_hold_unless_they_are_off(start: Start) -> None:
    """Ten threads in ten seconds."""
    unlimited = start(chat_rate_limits="off")
    caller = await unlimited.user()
    for _ in range(11):
        await unlimited.thread(caller)

    server = start()
    caller = await server.user()
    for _ in range(10):
        await server.thread(caller)
    with pytest.raises(RequestError) as refusal:
        await server.thread(caller)
    assert refusal.value.status == 429


async def test_forgotten_resource_leaves_nothing_and_nobody(start: Start) -> None:
    """Pages are disconnected, and nothing is told of it."""
    server = start()
    caller = await server.user()
    await server.thread(caller)
    channel = server.connect(caller)
    await server.clock.advance(timedelta(0))
    assert await server.store.scan("presence-users")

    server.directory.remove(server.resource.resource_id)
    await server.services.forget(server.resource.topic)

    assert channel.is_over
    assert [name for name in KEPT if await server.store.scan(name)] == []
    assert await server.gone(hours=1) == 0


async def test_what_happened_is_forgotten_and_users_stay(start: Start) -> None:
    """With their connections; who had just gone is not told of."""
    server = start()
    caller, other = await server.user(), await server.user()
    await server.thread(caller)
    await server.visit(other)
    channel = server.connect(caller)
    await server.clock.advance(timedelta(0))

    await server.services.forget_what_happened(server.resource.topic)

    assert not channel.is_over
    assert await server.gone(hours=1) == 0
    left = {name for name in KEPT if await server.store.scan(name)}
    assert left == {"identity-users", "presence-users"}


@pytest.mark.parametrize("collection", KEPT)
async def test_whatever_is_left_of_a_resource_is_found(collection: str) -> None:
    """Behind what belongs to one that is there, and each topic once."""
    store, directory, resource = MemoryStore(), CommunicationDirectory(), a_resource()
    directory.put(resource)
    keys = (f"{resource.topic}/1", f"{resource.topic}/2", "zz-gone/1", "zz-gone/2", "zz-too/1")
    await store.commit([Put(collection, key, b"{}") for key in keys])

    assert await orphaned_topics(store, directory) == {"zz-gone", "zz-too"}
