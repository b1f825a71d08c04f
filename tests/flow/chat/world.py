"""A chat engine over a store, with users, a clock that the test moves and ids that count."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from switchhook.clock import VirtualClock
from switchhook.communication.chat.actions import Push
from switchhook.communication.chat.engine import ChatEngine
from switchhook.communication.chat.happenings import Happening
from switchhook.communication.chat.model import Message, RetentionPolicy, Thread
from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.communication.chat.requests import (
    CreateThread,
    NewParticipant,
    PageRequest,
    SendMessage,
)
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.identity.caller import Caller, Scope
from switchhook.communication.resources import CommunicationResource, EventSettings
from switchhook.grid.ports import Store
from switchhook.grid.publish import CommitEvents
from switchhook.stores.memory import MemoryStore
from tests.flow.sms.world import a_resource, counting_guids
from tests.flow.stores import commits_to, events_in


def user_of(resource: CommunicationResource, name: str) -> str:
    """The raw id of a user of that name."""
    part = f"{int.from_bytes(name.encode(), 'big'):032x}"[-32:]
    guid = f"{part[:8]}-{part[8:12]}-{part[12:16]}-{part[16:20]}-{part[20:]}"
    return f"8:acs:{resource.immutable_id}_{guid}"


@dataclass
class KnownUsers:
    """Every user of the resource but the deleted ones; `asked` is who was asked for."""

    deleted: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def exist(
        self, resource: CommunicationResource, raw_ids: Sequence[str]
    ) -> frozenset[str]:
        """Which of them are users."""
        self.asked += raw_ids
        prefix = f"8:acs:{resource.immutable_id}_"
        return frozenset(
            each for each in raw_ids if each.startswith(prefix) and each not in self.deleted
        )


def counting_bytes() -> Callable[[int], bytes]:
    """Random bytes that are not: they count."""
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@dataclass
class ChatWorld:
    """What a test holds."""

    store: Store
    clock: VirtualClock
    directory: CommunicationDirectory
    resource: CommunicationResource
    users: KnownUsers
    engine: ChatEngine
    pushed: list[Happening]

    def id_of(self, name: str) -> str:
        """The raw id of a user."""
        return user_of(self.resource, name)

    def caller(self, name: str, *scopes: Scope) -> Caller:
        """A user with a token in force, of all of chat unless told otherwise."""
        return Caller(
            resource=self.resource,
            raw_id=self.id_of(name),
            scopes=frozenset(scopes or (Scope.CHAT,)),
        )

    def new(self, *names: str, **members: Any) -> tuple[NewParticipant, ...]:
        """Users to add."""
        return tuple(
            NewParticipant(raw_id=self.id_of(name), display_name=name, **members) for name in names
        )

    async def create(
        self, by: str = "alice", *others: str, topic: str = "", days: int | None = None
    ) -> Thread:
        """A thread of these users."""
        policy = None if days is None else RetentionPolicy(delete_thread_after_days=days)
        request = CreateThread(topic=topic, participants=self.new(*others), retention_policy=policy)
        thread, rejected = await self.engine.create_thread(self.caller(by), request, None)
        assert rejected == ()
        return thread

    async def send(self, thread_id: str, content: str, by: str = "alice") -> Message:
        """Send a text."""
        return await self.engine.send_message(
            self.caller(by), thread_id, SendMessage(content=content)
        )

    async def history(self, thread_id: str, by: str = "alice") -> list[Message]:
        """All that a user sees, oldest first."""
        found, token = await self.engine.messages(self.caller(by), thread_id, PageRequest(size=200))
        assert token == ""
        return found[::-1]

    async def texts(self, thread_id: str, by: str = "alice") -> list[str]:
        """What users have said, oldest first."""
        history = await self.history(thread_id, by)
        return [each.content or "" for each in history if not each.kind.is_system]

    async def advance(self, **span: float) -> None:
        """Move time, and let happen what becomes due."""
        await self.clock.advance(timedelta(**span))

    async def events(self, suffix: str = "") -> list[dict[str, Any]]:
        """Every event of the log, or those of the types that end so."""
        events = await events_in(self.store)
        return [event for event in events if event["eventType"].endswith(suffix)]

    async def types(self) -> list[str]:
        """The types of all events, without what they have in common."""
        prefix = "Microsoft.Communication."
        return [event["eventType"].removeprefix(prefix) for event in await self.events()]

    async def restart(self, commit: CommitEvents | None = None) -> "ChatWorld":
        """The same store after the process died: nothing of the old engine lives on."""
        await self.engine.due_work.close()
        world = a_world(
            store=self.store,
            clock=self.clock,
            resource=self.resource,
            users=self.users,
            commit=commit,
            random_bytes=lambda size: b"\xff" * (size - 8) + self.clock.now().to_bytes(8, "big"),
        )
        await world.engine.due_work.resume()
        return world

    def configure(self, **settings: Any) -> None:
        """Change how the resource's events look."""
        self.resource = msgspec.structs.replace(self.resource, events=EventSettings(**settings))
        self.directory.put(self.resource)


def a_world(
    *,
    store: Store | None = None,
    clock: VirtualClock | None = None,
    resource: CommunicationResource | None = None,
    users: KnownUsers | None = None,
    commit: CommitEvents | None = None,
    random_bytes: Callable[[int], bytes] | None = None,
    limits: RateLimits | None = None,
    push: Push | None = None,
) -> ChatWorld:
    """An engine that has not been resumed."""
    the_store: Store = store or MemoryStore()
    the_clock = clock or VirtualClock()
    the_resource = resource or a_resource()
    the_users = users or KnownUsers()
    directory = CommunicationDirectory()
    directory.put(the_resource)
    pushed: list[Happening] = []

    engine = ChatEngine(
        store=the_store,
        commit=commit or commits_to(the_store),
        clock=the_clock,
        directory=directory,
        users=the_users,
        new_guid=counting_guids(),
        random_bytes=random_bytes or counting_bytes(),
        push=push or (lambda resource, happening: pushed.append(happening)),
        limits=limits,
    )
    the_clock.wait_for(engine.due_work.quiet)
    return ChatWorld(
        store=the_store,
        clock=the_clock,
        directory=directory,
        resource=the_resource,
        users=the_users,
        engine=engine,
        pushed=pushed,
    )
