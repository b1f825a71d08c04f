"""Every event of every action of the engine, by the lifecycle table, as the store has them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from switchhook.communication.chat.model import Message, RetentionPolicy, Thread
from switchhook.communication.chat.requests import (
    CreateThread,
    NewParticipant,
    SendMessage,
    UpdateMessage,
    UpdateThread,
)
from switchhook.communication.resources import CommunicationResource
from tests.flow.chat.world import ChatWorld, KnownUsers
from tests.rules.chat.lifecycle import (
    ACTIONS,
    BOT,
    Scene,
    check_envelopes,
    expected_events,
    told,
)

# Whose documents describe chat in ways of their own; `tests/rules/chat` has the rest.
PROFILES = ("GA", "preview-2020-07", "draft-2020-07")
THE_BOT = f"{BOT}dispatch"
SWITCHES: tuple[dict[str, bool], ...] = (
    {},
    {"include_initiator": True},
    {"typing_events": True, "bot_events": True, "newest_members": True},
)
CASES = [(profile, switches) for profile in PROFILES for switches in SWITCHES]
NAMES = [f"{profile}-{'-'.join(switches)}" for profile, switches in CASES]


class WithBots(KnownUsers):
    """Users, and whoever is of a directory that is not ours."""

    async def exist(
        self, resource: CommunicationResource, raw_ids: Sequence[str]
    ) -> frozenset[str]:
        """Which of them may take part."""
        foreign = [each for each in raw_ids if each.startswith(BOT)]
        return await super().exist(resource, raw_ids) | frozenset(foreign)


class Stage:
    """A thread of Alice, who created it, Bob, Carol and a bot; Bob has written to it."""

    def __init__(self, world: ChatWorld, *, has_name: bool) -> None:
        self.world = world
        self.name = "Bob" if has_name else None
        self.alice, self.bob, self.carol, self.dave, self.erin = (
            world.id_of(name) for name in ("alice", "bob", "carol", "dave", "erin")
        )
        self.all = (self.alice, self.bob, self.carol, THE_BOT)

    async def set(self) -> None:
        """Make it so."""
        self.thread = await self.create()
        self.message = await self.send()

    async def create(self) -> Thread:
        """A new thread of them all."""
        request = CreateThread(
            topic="Shifts",
            participants=tuple(NewParticipant(raw_id=raw_id) for raw_id in self.all[1:]),
            retention_policy=RetentionPolicy(delete_thread_after_days=30),
        )
        thread, _ = await self.world.engine.create_thread(self.world.caller("alice"), request, None)
        return thread

    async def send(self) -> Message:
        """A message of Bob."""
        request = SendMessage(content="Late today", sender_display_name=self.name)
        return await self.world.engine.send_message(
            self.world.caller("bob"), self.thread.id, request
        )

    async def perform(self, action: str) -> Scene:
        """Do what the table calls so; answer what it needs to know of that."""
        actions: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
            "create-thread": self.create_thread,
            "update-properties": self.update_properties,
            "delete-thread": self.delete_thread,
            "retention": self.retention,
            "add-participants": self.add_participants,
            "remove-participant": self.remove_participant,
            "leave": self.leave,
            "send-message": self.send_message,
            "edit-message": self.edit_message,
            "delete-message": self.delete_message,
            "send-typing": self.send_typing,
            "send-read-receipt": self.send_read_receipt,
        }
        values: dict[str, Any] = {
            "thread": self.thread.id,
            "participants": self.all,
            "initiator": self.bob,
            "creator": self.alice,
            "sender_has_name": self.name is not None,
        }
        return Scene(**(values | await actions[action]()))

    async def create_thread(self) -> dict[str, Any]:
        """Alice creates another one."""
        return {"thread": (await self.create()).id, "initiator": self.alice}

    async def update_properties(self) -> dict[str, Any]:
        """Bob changes the topic."""
        request = UpdateThread(topic="Shifts of May")
        await self.world.engine.update_thread(self.world.caller("bob"), self.thread.id, request)
        return {}

    async def delete_thread(self) -> dict[str, Any]:
        """Bob deletes the thread."""
        await self.world.engine.delete_thread(self.world.caller("bob"), self.thread.id)
        return {}

    async def retention(self) -> dict[str, Any]:
        """The thread's time has come."""
        await self.world.advance(days=30)
        return {"initiator": None}

    async def add_participants(self) -> dict[str, Any]:
        """Bob adds two; one who is there already and one who is nobody are passed over."""
        names = (self.dave, self.carol, self.erin, "4:+14255550123")
        new = tuple(NewParticipant(raw_id=raw_id) for raw_id in names)
        await self.world.engine.add_participants(self.world.caller("bob"), self.thread.id, new)
        added = (self.dave, self.erin)
        return {"participants": (*self.all, *added), "affected": added}

    async def remove_participant(self) -> dict[str, Any]:
        """Bob removes Carol."""
        bob = self.world.caller("bob")
        await self.world.engine.remove_participant(bob, self.thread.id, self.carol)
        rest = (self.alice, self.bob, THE_BOT)
        return {"participants": rest, "affected": (self.carol,)}

    async def leave(self) -> dict[str, Any]:
        """Bob leaves."""
        bob = self.world.caller("bob")
        await self.world.engine.remove_participant(bob, self.thread.id, self.bob)
        rest = (self.alice, self.carol, THE_BOT)
        return {"participants": rest, "affected": (self.bob,)}

    async def send_message(self) -> dict[str, Any]:
        """Bob writes once more."""
        await self.send()
        return {}

    async def edit_message(self) -> dict[str, Any]:
        """Bob changes his message."""
        request = UpdateMessage(content="Very late")
        await self.world.engine.update_message(
            self.world.caller("bob"), self.thread.id, self.message.id, request
        )
        return {}

    async def delete_message(self) -> dict[str, Any]:
        """Bob deletes it."""
        bob = self.world.caller("bob")
        await self.world.engine.delete_message(bob, self.thread.id, self.message.id)
        return {}

    async def send_typing(self) -> dict[str, Any]:
        """Bob is typing."""
        await self.world.engine.send_typing(self.world.caller("bob"), self.thread.id, self.name)
        return {}

    async def send_read_receipt(self) -> dict[str, Any]:
        """Bob has read his own message."""
        bob = self.world.caller("bob")
        await self.world.engine.send_read_receipt(bob, self.thread.id, self.message.id)
        return {}


async def a_stage(
    world: ChatWorld, profile: str, switches: dict[str, bool], *, has_name: bool = True
) -> Stage:
    """A stage in a resource with these settings."""
    world.configure(profile=profile, **switches)
    stage = Stage(world, has_name=has_name)
    await stage.set()
    return stage


@pytest.fixture
def users() -> KnownUsers:
    """Who may take part: bots, too."""
    return WithBots()


@pytest.mark.parametrize(("profile", "switches"), CASES, ids=NAMES)
async def test_actions_publish_what_the_table_says(
    world: ChatWorld, profile: str, switches: dict[str, bool]
) -> None:
    """These events, to these users, in this order, and no others."""
    for action in ACTIONS:
        stage = await a_stage(world, profile, switches)
        before = len(await world.events())

        scene = await stage.perform(action)

        published = (await world.events())[before:]
        assert told(published) == expected_events(action, scene, world.resource.events), action
        check_envelopes(published)
        await world.engine.forget(world.resource.topic)


@pytest.mark.parametrize("profile", PROFILES)
async def test_messages_without_a_name_publish_what_the_table_says(
    world: ChatWorld, profile: str
) -> None:
    """In the public preview nothing."""
    for action in ("send-message", "edit-message", "delete-message"):
        stage = await a_stage(world, profile, {}, has_name=False)
        before = len(await world.events())

        scene = await stage.perform(action)

        published = (await world.events())[before:]
        assert told(published) == expected_events(action, scene, world.resource.events), action


@pytest.mark.parametrize(("profile", "switches"), CASES, ids=NAMES)
async def test_deletion_of_a_user_publishes_a_departure_from_each_thread(
    world: ChatWorld, profile: str, switches: dict[str, bool]
) -> None:
    """As if the user had left each, and nothing else."""
    stage = await a_stage(world, profile, switches)
    threads = {stage.thread.id, (await stage.create()).id}
    before = len(await world.events())
    now = world.clock.now()
    world.users.deleted.add(stage.bob)
    changes = world.engine.user_deleted_changes(world.resource, stage.bob, now)
    await world.store.commit(changes, ())

    await world.advance(minutes=2)

    published = (await world.events())[before:]
    for thread in threads:
        rest = (stage.alice, stage.carol, THE_BOT)
        scene = Scene(thread, rest, stage.bob, stage.alice, (stage.bob,))
        expected = expected_events("leave", scene, world.resource.events)
        of_thread = [each for each in published if each["data"].get("threadId") == thread]
        assert told(of_thread) == expected
        published = [each for each in published if each not in of_thread]
    assert published == []
