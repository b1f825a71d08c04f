"""Threads of as many participants as there may be: whole, and without holding up others."""

import asyncio
from collections.abc import Sequence

from switchhook.communication.chat.requests import SendMessage
from switchhook.grid.ports import Batch, Change
from switchhook.stores.memory import MemoryStore
from tests.flow.chat.faults import FaultyCommit
from tests.flow.chat.world import ChatWorld, a_world


class Commits(FaultyCommit):
    """Notes what each commit is made of."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.made: list[tuple[Sequence[Change], Sequence[Batch]]] = []

    async def __call__(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        self.made.append((changes, batches))
        return await super().__call__(changes, batches)


def a_large_world() -> tuple[ChatWorld, Commits]:
    """A world that notes its commits."""
    store = MemoryStore()
    commit = Commits(store)
    return a_world(store=store, commit=commit), commit


def names(count: int, prefix: str = "user") -> list[str]:
    """So many names."""
    return [f"{prefix}{number}" for number in range(count)]


async def count_turns(work: asyncio.Task[None]) -> int:
    """How often others have their turn until that is done."""
    turns = 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    return turns


async def test_message_to_250_is_one_commit_of_one_batch() -> None:
    """One event of the thread and 249 of users, with the message itself."""
    world, commit = a_large_world()
    thread = await world.create("alice", *names(199))
    others = world.new(*names(50, "more"))
    await world.engine.add_participants(world.caller("alice"), thread.id, others)
    commit.made.clear()

    sent = await world.engine.send_message(
        world.caller("alice"), thread.id, SendMessage(content="x" * 28 * 1024)
    )

    [(changes, batches)] = commit.made
    [batch] = batches
    assert batch.count == 250
    assert len(batch.body) > 250 * 28 * 1024
    assert f"{sent.id:016}" in "".join(str(change) for change in changes)
    told = (await world.events())[-250:]
    assert {each["data"]["messageId"] for each in told} == {str(sent.id)}
    assert [each["eventType"] for each in told] == [
        "Microsoft.Communication.ChatMessageReceivedInThread",
        *["Microsoft.Communication.ChatMessageReceived"] * 249,
    ]
    recipients = [each["data"]["recipientCommunicationIdentifier"]["rawId"] for each in told[1:]]
    assert recipients == [world.id_of(each) for each in [*names(199), *names(50, "more")]]


async def test_others_have_their_turn_while_many_join() -> None:
    """The events of their joining are made in parts, and are one commit all the same."""
    world, commit = a_large_world()
    thread = await world.create("alice", *names(9))
    joining = world.new(*names(100, "more"))

    async def add() -> None:
        await world.engine.add_participants(world.caller("alice"), thread.id, joining)

    commit.made.clear()
    turns = await count_turns(asyncio.create_task(add()))

    [(_, batches)] = commit.made
    assert [batch.count for batch in batches] == [110] * 100
    assert turns >= 100


async def test_who_acts_while_many_join_comes_after_them() -> None:
    """Nothing gets ahead of the additions, and no condition fails."""
    world, commit = a_large_world()
    thread = await world.create("alice", "bob")
    alice, joining = world.caller("alice"), world.new(*names(30))

    added, sent = await asyncio.gather(
        world.engine.add_participants(alice, thread.id, joining),
        world.send(thread.id, "welcome"),
    )

    assert (added, sent.sequence, commit.conflicts) == ((), 3, 0)
    last = (await world.events())[-32:]
    assert {each["eventType"].rpartition(".")[2] for each in last} == {
        "ChatMessageReceivedInThread",
        "ChatMessageReceived",
    }


async def test_who_asked_for_many_to_join_may_go_away() -> None:
    """The additions are made, and so is what came after them."""
    world, commit = a_large_world()
    thread = await world.create("alice", "bob")
    joining = world.new(*names(30))
    add = asyncio.create_task(
        world.engine.add_participants(world.caller("alice"), thread.id, joining)
    )
    await asyncio.sleep(0)
    add.cancel()
    await world.send(thread.id, "welcome")

    assert commit.conflicts == 0
    assert len(await world.events("ChatThreadParticipantAdded")) == 30
    assert len(await world.events("ChatMessageReceived")) == 31
