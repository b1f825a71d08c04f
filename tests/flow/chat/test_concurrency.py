"""Many act on one thread at once: each builds on the others, and on nothing that was not made."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from switchhook.communication.chat.happenings import (
    Happening,
    MessageSent,
    ThreadCreated,
    TypingStarted,
)
from switchhook.communication.chat.model import Message
from switchhook.communication.chat.requests import (
    CreateThread,
    PageRequest,
    SkipRequest,
    UpdateMessage,
    UpdateThread,
)
from switchhook.communication.chat.store import ChatRecords
from switchhook.communication.chat.thread_cache import ThreadCache
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import (
    CommitUnknownError,
    RequestError,
    StoreError,
    StoreFullError,
)
from switchhook.grid.ports import Batch, Change
from switchhook.stores.memory import MemoryStore
from tests.flow.chat import faults
from tests.flow.chat.faults import Fault, FaultyCommit, SlowStore
from tests.flow.chat.world import ChatWorld, a_world


async def a_faulty_world() -> tuple[ChatWorld, FaultyCommit, str]:
    """A thread of Alice and Bob, and the commits that follow."""
    store = MemoryStore()
    commit = FaultyCommit(store)
    world = a_world(store=store, commit=commit)
    thread = await world.create("alice", "bob")
    return world, commit, thread.id


async def together(*requests: Coroutine[Any, Any, Any]) -> list[Any]:
    """What comes of requests that begin in this order, before any of them is answered."""
    return await asyncio.gather(*requests, return_exceptions=True)


async def turns(count: int = 20) -> None:
    """Let everything go on that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_senders_share_group_commits(world: ChatWorld) -> None:
    """Their messages have sequences, events and pushes in the order in which they came."""
    thread = await world.create("alice", "bob")
    sent = await asyncio.gather(*(world.send(thread.id, f"{number}") for number in range(64)))

    assert [each.sequence for each in sent] == list(range(2, 66))
    assert len({each.id for each in sent}) == 64
    assert await world.texts(thread.id) == [f"{number}" for number in range(64)]
    told = [each["data"]["messageBody"] for each in await world.events("ReceivedInThread")]
    assert told == [f"{number}" for number in range(64)]
    pushed = [each for each in world.pushed if isinstance(each, MessageSent)]
    assert [each.message for each in pushed] == sent


async def test_senders_do_not_wait_for_each_other() -> None:
    """One commit each, all under way at once, and no condition fails."""
    world, commit, thread_id = await a_faulty_world()
    await together(*(world.send(thread_id, "x") for _ in range(64)))

    assert (commit.count, commit.conflicts) == (65, 0)
    assert commit.most_in_flight == 64


@pytest.mark.parametrize("place", [1, 4, 8])
@pytest.mark.parametrize(
    ("fault", "is_durable"),
    [
        (faults.full, False),
        (faults.conflict, False),
        (faults.failed, False),
        (faults.unknown, False),
        (faults.unknown, True),
    ],
)
async def test_commit_that_fails_takes_nothing_acknowledged_along(
    fault: Fault, place: int, *, is_durable: bool
) -> None:
    """What is acknowledged is there once, with its events; what is not there was refused."""
    world, commit, thread_id = await a_faulty_world()
    commit.fail(*[None] * (place - 1), fault)
    if is_durable:
        commit.durable = {commit.count + place}
    outcomes = await together(*(world.send(thread_id, f"{number}") for number in range(8)))
    later = await world.send(thread_id, "later")

    acknowledged = [each.content or "" for each in outcomes if isinstance(each, Message)]
    errors = [each for each in outcomes if not isinstance(each, Message)]
    assert all(isinstance(each, StoreError) for each in errors)
    texts = await world.texts(thread_id)
    expected = [*acknowledged, *([f"{place - 1}"] if is_durable else []), "later"]
    assert sorted(texts) == sorted(expected)
    history = await world.history(thread_id)
    assert [each.sequence for each in history] == list(range(1, len(history) + 1))
    assert history[-1] == later
    told = [each["data"]["messageBody"] for each in await world.events("ReceivedInThread")]
    assert told == texts
    pushed = [each.message for each in world.pushed if isinstance(each, MessageSent)]
    assert [each.content for each in pushed] == [
        text for text in texts if not (is_durable and text == f"{place - 1}")
    ]
    if fault is faults.full:  # those behind have no more room than the one that failed
        assert len(errors) == 8 - place + 1
    elif fault is faults.conflict:
        assert errors == []
    else:
        assert len(errors) == 1


async def test_first_try_that_is_repeated_below_stays_in_order() -> None:
    """The publisher tries again once it has made room; those behind it meet a conflict."""
    world, commit, thread_id = await a_faulty_world()

    async def make_room_first(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        if commit.count == 1:
            commit.count += 1
            await turns(10)
        return await commit(changes, batches)

    world = a_world(store=commit.store, clock=world.clock, commit=make_room_first)
    outcomes = await together(*(world.send(thread_id, f"{number}") for number in range(5)))

    assert all(isinstance(each, Message) for each in outcomes)
    assert sorted(await world.texts(thread_id)) == [f"{number}" for number in range(5)]
    assert [each.sequence for each in await world.history(thread_id)] == list(range(1, 7))


async def test_nobody_is_refused_because_of_a_removal_that_failed() -> None:
    """Bob is removed, but for the store; his message comes through."""
    world, commit, thread_id = await a_faulty_world()
    commit.fail(faults.failed)
    removal, sent, other = await together(
        world.engine.remove_participant(world.caller("alice"), thread_id, world.id_of("bob")),
        world.send(thread_id, "still here", by="bob"),
        world.engine.remove_participant(world.caller("alice"), thread_id, world.id_of("carol")),
    )

    assert isinstance(removal, StoreError)
    assert isinstance(sent, Message)
    assert other is None
    assert await world.texts(thread_id, by="bob") == ["still here"]


async def test_nobody_is_told_of_a_change_that_failed() -> None:
    """To add a user again is acknowledged only where the first addition was made."""
    world, commit, thread_id = await a_faulty_world()
    commit.fail(faults.failed)
    add = world.engine.add_participants
    first, second = await together(
        add(world.caller("alice"), thread_id, world.new("carol")),
        add(world.caller("bob"), thread_id, world.new("carol")),
    )

    assert isinstance(first, StoreError)
    assert second == ()
    assert await world.history(thread_id, by="carol")
    assert len(await world.events("ChatThreadParticipantAdded")) == 1
    added = (await world.history(thread_id))[-1]
    assert added.initiator == world.id_of("bob")


async def test_removed_user_whose_message_came_later_is_refused(world: ChatWorld) -> None:
    """Requests that begin in an order take effect in it."""
    thread = await world.create("alice", "bob")
    alice, bob = world.caller("alice"), world.id_of("bob")
    early, removal, late = await together(
        world.send(thread.id, "early", by="bob"),
        world.engine.remove_participant(alice, thread.id, bob),
        world.send(thread.id, "late", by="bob"),
    )

    assert (early.content, removal) == ("early", None)
    assert isinstance(late, RequestError)
    assert await world.texts(thread.id) == ["early"]


async def test_reads_answer_only_what_is_durable() -> None:
    """A change is not seen before it is made, nor after it has failed."""
    world, commit, thread_id = await a_faulty_world()
    alice = world.caller("alice")
    for fault, topic in ((None, "new"), (faults.failed, "newer")):
        before = (await world.engine.thread(alice, thread_id)).topic
        commit.gate.clear()
        commit.fail(fault)
        update = asyncio.create_task(
            world.engine.update_thread(alice, thread_id, UpdateThread(topic=topic))
        )
        await turns()
        assert (await world.engine.thread(alice, thread_id)).topic == before
        commit.gate.set()
        await asyncio.wait((update,))
        assert (await world.engine.thread(alice, thread_id)).topic == "new"
        assert (update.exception() is None) == (fault is None)


@pytest.mark.parametrize("wait", [1, 2, 3, 4, 5, 50])
async def test_sender_who_goes_away_leaves_the_thread_in_order(wait: int) -> None:
    """Its message is there or not; the next one follows; those who are there are told."""
    world, commit, thread_id = await a_faulty_world()
    commit.gate.clear()
    gone = asyncio.create_task(world.send(thread_id, "gone"))
    stays = asyncio.create_task(world.send(thread_id, "stays"))
    for _ in range(wait):
        await asyncio.sleep(0)
    gone.cancel()
    await turns()
    commit.gate.set()
    await asyncio.wait((gone, stays))
    await world.send(thread_id, "next")

    assert gone.cancelled()
    texts = await world.texts(thread_id)
    assert texts in (["gone", "stays", "next"], ["stays", "next"])
    assert [each.sequence for each in await world.history(thread_id)] == list(
        range(1, len(texts) + 2)
    )
    pushed = [each.message for each in world.pushed if isinstance(each, MessageSent)]
    assert [each.content for each in pushed] == texts
    assert commit.conflicts == 0


async def test_creator_who_goes_away_is_told_of_by_the_repetition() -> None:
    """The same id finds the thread that was made meanwhile."""
    store = MemoryStore()
    commit = FaultyCommit(store)
    world = a_world(store=store, commit=commit)
    request = CreateThread(topic="t")
    commit.gate.clear()
    gone = asyncio.create_task(world.engine.create_thread(world.caller("alice"), request, "id"))
    await turns()
    gone.cancel()
    await turns()
    commit.gate.set()
    await turns()
    [durable] = await store.scan("chat-threads")
    thread, _ = await world.engine.create_thread(world.caller("alice"), request, "id")

    assert durable.key.endswith(thread.id)
    items, _ = await world.engine.threads(world.caller("alice"), PageRequest())
    assert [item.thread.id for item in items] == [thread.id]
    assert world.pushed == [ThreadCreated(thread=thread)]


async def test_same_repeatability_id_at_once_makes_one_thread(world: ChatWorld) -> None:
    """Whoever is second finds the first."""
    request = CreateThread(topic="t", participants=world.new("bob"))
    create = world.engine.create_thread
    outcomes = await together(*(create(world.caller("alice"), request, "id") for _ in range(9)))

    assert len({thread.id for thread, _ in outcomes}) == 1
    assert len(await world.store.scan("chat-threads")) == 1
    assert len(await world.events("ChatThreadCreated")) == 1


async def test_edits_of_one_message_lose_nothing(world: ChatWorld) -> None:
    """Each builds on the one before, whatever else goes on in the thread."""
    thread = await world.create("alice")
    sent = await world.send(thread.id, "first")
    alice = world.caller("alice")
    outcomes = await together(
        *(
            world.engine.update_message(
                alice, thread.id, sent.id, UpdateMessage(metadata={f"k{number}": "v"})
            )
            for number in range(8)
        ),
        *(world.send(thread.id, "x") for _ in range(8)),
    )

    assert [each for each in outcomes if isinstance(each, Exception)] == []
    edited = await world.engine.message(alice, thread.id, sent.id)
    assert set(edited.metadata) == {f"k{number}" for number in range(8)}
    assert edited.version == sent.version + 8
    assert len(await world.texts(thread.id)) == 9


async def test_receipts_at_once_do_not_go_back(world: ChatWorld) -> None:
    """The last message that was read counts, in whatever order the receipts come."""
    thread = await world.create("alice", "bob")
    sent = [await world.send(thread.id, "x") for _ in range(5)]
    bob = world.caller("bob")
    await together(
        *(
            world.engine.send_read_receipt(bob, thread.id, sent[number].id)
            for number in (2, 4, 1, 3, 0)
        )
    )

    [receipt], _ = await world.engine.read_receipts(bob, thread.id, SkipRequest())
    assert receipt.message_id == sent[4].id


async def test_unknown_outcome_is_looked_up() -> None:
    """The next sender goes on from what the store has, whichever it is."""
    for is_durable in (False, True):
        world, commit, thread_id = await a_faulty_world()
        commit.fail(faults.unknown)
        commit.durable = {commit.count + 1} if is_durable else set()
        with pytest.raises(CommitUnknownError):
            await world.send(thread_id, "perhaps")
        later = await world.send(thread_id, "later")

        assert later.sequence == 2 + is_durable
        assert commit.conflicts == 0


async def test_full_store_refuses_all_who_wait_in_one_round() -> None:
    """No sender tries over and over while there is no room."""
    world, commit, thread_id = await a_faulty_world()
    commit.fail(faults.full)
    outcomes = await together(*(world.send(thread_id, "x") for _ in range(50)))

    assert [type(each) for each in outcomes] == [StoreFullError] * 50
    assert commit.count == 1 + 50


async def test_push_that_fails_undoes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; the request has succeeded."""

    def push(resource: CommunicationResource, happening: Happening) -> None:
        raise OSError("the browser is gone")

    world = a_world(push=push)
    thread = await world.create("alice")
    sent = await world.send(thread.id, "x")

    assert (await world.history(thread.id))[-1] == sent
    assert "chat.push_failed" in caplog.text


async def test_cache_keeps_what_is_used_and_what_is_in_flight() -> None:
    """No more participants than its capacity; a thread with commits on their way stays."""
    world = a_world()
    ids = [(await world.create("alice", "bob", "carol")).id for _ in range(5)]
    cache = ThreadCache(ChatRecords(world.store), capacity=12)
    topic = world.resource.topic
    first = await cache.slot(topic, ids[0])
    assert first is not None
    assert first.state is not None
    commit = asyncio.create_task(asyncio.sleep(0))
    cache.submitted(first, first.state, commit)
    for each in ids[1:]:
        await cache.slot(topic, each)

    assert await cache.slot(topic, ids[0]) is first
    assert await cache.slot(topic, ids[1]) is not None
    cache.succeeded(first, first.state)
    for each in ids[1:]:
        await cache.slot(topic, each)
    assert await cache.slot(topic, ids[0]) is not first
    assert await cache.slot(topic, "19:unknown@thread.v2") is None
    await commit


async def test_readers_at_once_share_one_read() -> None:
    """Also when the first of them goes away."""
    world = a_world(store=SlowStore(faults.seeded(1)))
    thread = await world.create("alice")
    cache = ThreadCache(ChatRecords(world.store))
    tasks = [asyncio.create_task(cache.slot(world.resource.topic, thread.id)) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    slots = await asyncio.gather(*tasks[1:])

    assert slots[0] is not None
    assert len({id(each) for each in slots}) == 1


async def test_thread_of_a_commit_of_unknown_outcome_is_deleted_in_its_time() -> None:
    """Whoever asked was told of a failure; its retention policy holds all the same."""
    commit = FaultyCommit(MemoryStore())
    world = a_world(store=commit.store, commit=commit)
    commit.fail(faults.unknown)
    commit.durable.add(commit.count + 1)
    with pytest.raises(CommitUnknownError):
        await world.create("alice", days=30)
    await world.advance(days=30)

    assert len(await world.events("ChatThreadDeleted")) == 1


async def test_typing_is_pushed() -> None:
    """It leaves nothing else in the thread."""
    world, _, thread_id = await a_faulty_world()
    alice = world.caller("alice")
    before = await world.history(thread_id)
    world.pushed.clear()

    await world.engine.send_typing(alice, thread_id, "Alice")

    [typing] = world.pushed
    assert isinstance(typing, TypingStarted)
    assert (typing.sender, typing.sender_display_name) == (alice.raw_id, "Alice")
    assert await world.history(thread_id) == before
