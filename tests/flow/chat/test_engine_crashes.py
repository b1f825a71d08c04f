"""The process dies, or commits fail at random: state and events tell the same story."""

import asyncio
import contextlib
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from switchhook.clock import VirtualClock
from switchhook.communication.chat.model import Message, MessageKind, RetentionPolicy
from switchhook.communication.chat.requests import (
    PageRequest,
    SkipRequest,
    UpdateMessage,
    UpdateThread,
)
from switchhook.communication.chat.store import ChatRecords
from switchhook.errors import RequestError, StoreError
from switchhook.stores.memory import MemoryStore
from tests.flow.chat.faults import RandomCommit, SlowStore, seeded
from tests.flow.chat.world import ChatWorld, KnownUsers, a_world
from tests.flow.dying_commit import DyingCommit

NAMES = ("alice", "bob", "carol", "dave")


async def run_until_death(world: ChatWorld, commit: DyingCommit) -> list[Message]:
    """Use chat in every way; answer the messages that were acknowledged."""
    acknowledged: list[Message] = []
    with contextlib.suppress(StoreError, RequestError):
        engine, alice, bob = world.engine, world.caller("alice"), world.caller("bob")
        thread = await world.create("alice", "bob", topic="Lunch", days=30)
        acknowledged.append(await world.send(thread.id, "one"))
        acknowledged.append(await world.send(thread.id, "two", by="bob"))
        await engine.update_message(
            alice, thread.id, acknowledged[0].id, UpdateMessage(content="1")
        )
        await engine.send_read_receipt(bob, thread.id, acknowledged[0].id)
        await engine.add_participants(alice, thread.id, world.new("carol", "dave"))
        await engine.remove_participant(alice, thread.id, world.id_of("dave"))
        await engine.update_thread(alice, thread.id, UpdateThread(topic="Dinner"))
        other = await world.create("bob", "carol")
        acknowledged.append(await world.send(other.id, "three", by="carol"))
        gone = world.engine.user_deleted_changes(
            world.resource, world.id_of("carol"), world.clock.now()
        )
        await world.store.commit(gone, ())
        await engine.delete_message(bob, thread.id, acknowledged[1].id)
        await world.advance(seconds=2)
        await engine.delete_thread(bob, other.id)
        await world.advance(minutes=2)
        if not commit.is_dead:
            # To the retention policy and no further: what fails is tried again each second.
            await world.advance(days=30, minutes=-2)
    return acknowledged


async def check(world: ChatWorld) -> dict[str, list[Message]]:
    """Records and events agree with each other; answers the messages of each thread."""
    records, topic = ChatRecords(world.store), world.resource.topic
    histories: dict[str, list[Message]] = {}
    told = Told(await world.events())
    members = {each.key for each in await world.store.scan("chat-members")}
    expected_members = set()
    for record in await world.store.scan("chat-threads"):
        thread_id = record.key.partition("/")[2]
        stored = await records.thread(topic, thread_id)
        assert stored is not None
        thread, head = stored.state.thread, stored.state.head
        history = await records.messages(topic, thread_id, first=0, before=None, limit=10_000)
        history = histories[thread_id] = history[::-1]
        expected_members |= {
            f"{topic}/{each.raw_id}/{thread.created_at // 1_000_000:016}/{thread_id}"
            for each in thread.participants
        }
        assert thread_id in told.created
        assert (thread.deleted_at is not None) == (
            thread_id in told.deleted or not thread.participants
        )
        if thread.deleted_at is None:
            assert [each.sequence for each in history] == list(range(1, head.sequence + 1))
            assert history[-1].id == head.message_id
            told.check_history(thread_id, history)
            participants = [each.raw_id for each in thread.participants]
            assert told.participants[thread_id] == set(participants)
            assert len(participants) == len(set(participants))
    assert members == expected_members
    assert told.created - set(histories) <= told.deleted  # and forgotten
    return histories


class Told:
    """What subscribers know."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.created: set[str] = set()
        self.deleted: set[str] = set()
        self.texts: dict[str, dict[str, str | None]] = defaultdict(dict)
        self.order: dict[str, list[str]] = defaultdict(list)
        self.participants: dict[str, set[str]] = defaultdict(set)
        for event in events:
            kind = event["eventType"].removeprefix("Microsoft.Communication.Chat")
            handler = getattr(self, f"_{kind}", None)
            if handler is not None:
                handler(event["data"]["threadId"], event["data"])

    def check_history(self, thread_id: str, history: list[Message]) -> None:
        """The messages of users are those that events told of, as they are now, in order."""
        users = [each for each in history if not each.kind.is_system]
        assert self.order[thread_id] == [str(each.id) for each in users]
        assert self.texts[thread_id] == {str(each.id): each.content for each in users}

    def _ThreadCreated(self, thread_id: str, data: dict[str, Any]) -> None:  # noqa: N802 - a type
        assert thread_id not in self.created
        self.created.add(thread_id)
        self.participants[thread_id] = {
            each["participantCommunicationIdentifier"]["rawId"] for each in data["participants"]
        }

    def _ThreadDeleted(self, thread_id: str, data: dict[str, Any]) -> None:  # noqa: N802
        assert thread_id not in self.deleted
        self.deleted.add(thread_id)

    def _ThreadParticipantAdded(self, thread_id: str, data: dict[str, Any]) -> None:  # noqa: N802
        raw_id = data["participantAdded"]["participantCommunicationIdentifier"]["rawId"]
        assert raw_id not in self.participants[thread_id]
        self.participants[thread_id].add(raw_id)

    def _ThreadParticipantRemoved(  # noqa: N802
        self, thread_id: str, data: dict[str, Any]
    ) -> None:
        raw_id = data["participantRemoved"]["participantCommunicationIdentifier"]["rawId"]
        self.participants[thread_id].remove(raw_id)

    def _MessageReceivedInThread(self, thread_id: str, data: dict[str, Any]) -> None:  # noqa: N802
        assert data["messageId"] not in self.texts[thread_id]
        self.order[thread_id].append(data["messageId"])
        self.texts[thread_id][data["messageId"]] = data["messageBody"]

    def _MessageEditedInThread(self, thread_id: str, data: dict[str, Any]) -> None:  # noqa: N802
        assert data["messageId"] in self.texts[thread_id]
        self.texts[thread_id][data["messageId"]] = data["messageBody"]

    def _MessageDeletedInThread(self, thread_id: str, data: dict[str, Any]) -> None:  # noqa: N802
        assert data["messageId"] in self.texts[thread_id]
        self.texts[thread_id][data["messageId"]] = None


@pytest.mark.parametrize("is_durable", [False, True], ids=["lost", "durable"])
@pytest.mark.parametrize("last", range(1, 26))
async def test_death_at_any_commit_leaves_state_and_events_in_step(
    last: int, *, is_durable: bool
) -> None:
    """The next start finds one of two worlds, and goes on from there."""
    store, clock = MemoryStore(), VirtualClock()
    commit = DyingCommit(store, last, is_durable=is_durable)
    world = a_world(store=store, clock=clock, commit=commit)
    acknowledged = await run_until_death(world, commit)
    ids = [event["data"].get("messageId") for event in await world.events()]
    assert {str(each.id) for each in acknowledged} <= set(ids)

    world = await world.restart()
    await check(world)
    await world.advance(days=32)
    await check(world)
    await world.advance(days=31)

    await check(world)
    left = await world.store.scan("chat-due")
    assert [json.loads(each.value)["type"] for each in left] == []


async def test_death_is_met_at_every_commit() -> None:
    """The campaign above covers all of them."""
    store = MemoryStore()
    commit = DyingCommit(store, 1000, is_durable=True)
    world = a_world(store=store, commit=commit)
    acknowledged = await run_until_death(world, commit)

    assert len(acknowledged) == 3
    assert 1000 - commit._left <= 25
    await world.engine.due_work.close()


class Crowd:
    """Users who do at random what they like, and some go away before they are answered."""

    def __init__(self, world: ChatWorld, randomness: random.Random, thread_ids: list[str]) -> None:
        self.world = world
        self.random = randomness
        self.thread_ids = thread_ids
        self.sent: list[tuple[str, Message]] = []
        self.acknowledged: list[tuple[str, Message]] = []

    async def act(self) -> None:
        """One request, perhaps with an early end."""
        thread_id = self.random.choice(self.thread_ids)
        task = asyncio.create_task(self._request(thread_id))
        if self.random.random() < 0.1:
            for _ in range(self.random.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
        with contextlib.suppress(RequestError, StoreError, asyncio.CancelledError):
            await task

    async def _request(self, thread_id: str) -> None:
        actions: list[Callable[[str], Awaitable[object]]] = [
            *[self._send] * 6,
            self._edit,
            self._delete_message,
            self._read,
            self._add,
            self._remove,
            self._update,
            self._list,
        ]
        await self.random.choice(actions)(thread_id)

    def _someone(self) -> str:
        return self.random.choice(NAMES)

    async def _send(self, thread_id: str) -> None:
        message = await self.world.send(thread_id, f"{self.random.random()}", by=self._someone())
        self.acknowledged.append((thread_id, message))

    def _message(self, thread_id: str) -> tuple[str, int]:
        mine = [message for at, message in self.acknowledged if at == thread_id]
        if not mine:
            return "alice", 1
        message = self.random.choice(mine)
        names = {self.world.id_of(name): name for name in NAMES}
        return names[message.sender or ""], message.id

    async def _edit(self, thread_id: str) -> None:
        name, message_id = self._message(thread_id)
        update = UpdateMessage(content=f"edited {self.random.random()}")
        await self.world.engine.update_message(
            self.world.caller(name), thread_id, message_id, update
        )

    async def _delete_message(self, thread_id: str) -> None:
        name, message_id = self._message(thread_id)
        await self.world.engine.delete_message(self.world.caller(name), thread_id, message_id)

    async def _read(self, thread_id: str) -> None:
        _, message_id = self._message(thread_id)
        caller = self.world.caller(self._someone())
        await self.world.engine.send_read_receipt(caller, thread_id, message_id)

    async def _add(self, thread_id: str) -> None:
        caller = self.world.caller(self._someone())
        new = self.world.new(self._someone(), self._someone())
        await self.world.engine.add_participants(caller, thread_id, new)

    async def _remove(self, thread_id: str) -> None:
        caller = self.world.caller(self._someone())
        raw_id = self.world.id_of(self.random.choice(NAMES[1:]))  # Alice stays
        await self.world.engine.remove_participant(caller, thread_id, raw_id)

    async def _update(self, thread_id: str) -> None:
        update = UpdateThread(
            topic=f"{self.random.randrange(3)}", retention_policy=RetentionPolicy()
        )
        await self.world.engine.update_thread(self.world.caller(self._someone()), thread_id, update)

    async def _list(self, thread_id: str) -> None:
        caller = self.world.caller(self._someone())
        found, _ = await self.world.engine.messages(caller, thread_id, PageRequest(size=3))
        sequences = [each.sequence for each in found]
        assert sequences == sorted(sequences, reverse=True)


@pytest.mark.parametrize("seed", range(40))
async def test_crowd_on_failing_commits_leaves_state_and_events_in_step(seed: int) -> None:
    """Whatever fails, is late or goes away: nothing acknowledged is lost, nothing told is wrong."""
    randomness = seeded(seed)
    store = SlowStore(randomness) if seed % 2 else MemoryStore()
    commit = RandomCommit(store, randomness, chance=0.0)
    world = a_world(store=store, commit=commit, users=KnownUsers())
    thread_ids = [(await world.create(*NAMES)).id for _ in range(2)]
    crowd = Crowd(world, randomness, thread_ids)
    for _ in range(5):
        commit.chance = randomness.choice((0.0, 0.05, 0.3))
        await asyncio.gather(*(crowd.act() for _ in range(30)))
        await world.advance(milliseconds=randomness.randrange(3))
    for _ in range(200):  # the commits of those who went away
        await asyncio.sleep(0)
    commit.chance = 0.0
    histories = await check(world)

    for thread_id, message in crowd.acknowledged:
        assert message.id in {each.id for each in histories[thread_id]}
    alice = world.caller("alice")
    for thread_id in thread_ids:
        stored = await ChatRecords(store).thread(world.resource.topic, thread_id)
        assert stored is not None
        assert await world.engine.thread(alice, thread_id) == stored.state.thread
        receipts, _ = await world.engine.read_receipts(alice, thread_id, SkipRequest())
        assert {each.sender for each in receipts} <= {
            each.raw_id for each in stored.state.thread.participants
        }
        last = await world.send(thread_id, "last")
        assert last.sequence == histories[thread_id][-1].sequence + 1
        system = [each for each in histories[thread_id] if each.kind.is_system]
        assert {each.kind for each in system} >= {MessageKind.PARTICIPANT_ADDED}
