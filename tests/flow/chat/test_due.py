"""What happens to threads as time goes by."""

from collections.abc import Sequence

import pytest

from switchhook.communication.chat.due import AT_ONCE, LEAVES_PER_PASS, PURGE_LIMIT
from switchhook.communication.chat.model import MessageKind, RetentionPolicy
from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.communication.chat.requests import (
    CreateThread,
    PageRequest,
    SendMessage,
    SkipRequest,
    UpdateThread,
)
from switchhook.communication.chat.store import (
    DUE,
    MEMBERS,
    PurgeDue,
    RepeatabilityDue,
    member_key,
)
from switchhook.communication.due_work import PASS_LIMIT, due_key
from switchhook.communication.records import put
from switchhook.errors import RequestError, StoreFullError
from switchhook.grid.ports import Batch, Change, Delete, Put
from switchhook.stores.memory import MemoryStore
from tests.flow.chat import faults
from tests.flow.chat.faults import FaultyCommit
from tests.flow.chat.world import ChatWorld, a_world


async def collections(world: ChatWorld) -> dict[str, int]:
    """How many records chat has left, where there are any."""
    names = ("threads", "heads", "messages", "members", "receipts", "repeatability", "due")
    counts = {name: len(await world.store.scan(f"chat-{name}")) for name in names}
    return {name: count for name, count in counts.items() if count}


async def set_policy(world: ChatWorld, thread_id: str, days: int | None) -> None:
    """Change when a thread is deleted."""
    policy = RetentionPolicy(delete_thread_after_days=days)
    await world.engine.update_thread(
        world.caller("alice"), thread_id, UpdateThread(retention_policy=policy)
    )


async def delete_user(world: ChatWorld, name: str, *, is_announced: bool = True) -> None:
    """Delete a user as identity does: in one commit with what becomes of the threads, which begins
    at once where that is announced, or else a second later."""
    raw_id, now = world.id_of(name), world.clock.now()
    world.users.deleted.add(raw_id)
    changes = world.engine.user_deleted_changes(world.resource, raw_id, now)
    await world.store.commit(changes, ())
    if is_announced:
        world.engine.due_work.expect(now)


async def test_retention_policy_deletes_the_thread(world: ChatWorld) -> None:
    """Days after its creation, and all participants are told."""
    thread = await world.create("alice", "bob", days=30)
    await world.send(thread.id, "hello")
    await world.advance(days=30, seconds=-1)
    assert (await world.engine.thread(world.caller("bob"), thread.id)).deleted_at is None

    await world.advance(seconds=1)

    deleted = await world.engine.thread(world.caller("bob"), thread.id)
    assert deleted.deleted_at == world.clock.now()
    assert len(await world.events("ChatThreadDeleted")) == 1
    assert len(await world.events("ChatThreadWithUserDeleted")) == 2
    assert await collections(world) == {"threads": 1, "heads": 1, "members": 2, "due": 1}


async def test_changed_policy_counts(world: ChatWorld) -> None:
    """Whatever was planned before: taken away, later, or so short that it has passed."""
    kept = await world.create("alice", days=30)
    later = await world.create("alice", days=30)
    shorter = await world.create("alice", days=90)
    await set_policy(world, kept.id, None)
    await set_policy(world, later.id, 40)
    await world.advance(days=35)
    assert await world.events("ChatThreadDeleted") == []

    await set_policy(world, shorter.id, 30)
    await world.advance(seconds=0)
    assert [each["data"]["threadId"] for each in await world.events("ChatThreadDeleted")] == [
        shorter.id
    ]
    await world.advance(days=100)

    assert [each["data"]["threadId"] for each in await world.events("ChatThreadDeleted")] == [
        shorter.id,
        later.id,
    ]
    items, _ = await world.engine.threads(world.caller("alice"), PageRequest())
    assert [item.thread.id for item in items] == [kept.id]


async def test_policy_that_is_set_again_counts_once(world: ChatWorld) -> None:
    """What is due twice deletes once."""
    thread = await world.create("alice", days=30)
    for days in (60, 30, None, 30):
        await set_policy(world, thread.id, days)
    await world.advance(days=100)

    assert len(await world.events("ChatThreadDeleted")) == 1


async def test_deleted_thread_loses_its_content_at_once(world: ChatWorld) -> None:
    """In bounded commits; it is remembered for 30 days."""
    thread = await world.create("alice", "bob", days=90)
    alice = world.caller("alice")
    count = PURGE_LIMIT + 20
    for number in range(count):
        sent = await world.send(thread.id, f"{number}")
    await world.engine.send_read_receipt(world.caller("bob"), thread.id, sent.id)
    await world.engine.delete_thread(alice, thread.id)
    assert (await collections(world))["messages"] == count + 1

    await world.advance(seconds=0)
    assert await collections(world) == {"threads": 1, "heads": 1, "members": 2, "due": 2}
    await world.advance(days=30, seconds=-1)
    assert (await world.engine.thread(alice, thread.id)).deleted_at is not None
    await world.advance(seconds=1)

    with pytest.raises(RequestError) as refusal:
        await world.engine.thread(alice, thread.id)
    assert refusal.value.status == 404
    assert await world.engine.threads(alice, PageRequest()) == ([], "")
    await world.advance(days=90)
    assert await collections(world) == {}


async def test_deleted_user_leaves_all_threads(world: ChatWorld) -> None:
    """As by itself: the others are told, and the user is in no list."""
    count = LEAVES_PER_PASS + 7
    threads = [await world.create("alice", "bob") for _ in range(count)]
    alone = await world.create("bob")
    gone = await world.create("alice", "bob")
    await world.engine.delete_thread(world.caller("alice"), gone.id)
    before = len(await world.events())
    await delete_user(world, "bob")
    await world.advance(seconds=0)

    alice, bob = world.caller("alice"), world.id_of("bob")
    for thread in threads:
        found, _ = await world.engine.participants(alice, thread.id, SkipRequest())
        assert [each.raw_id for each in found] == [alice.raw_id]
    last = (await world.history(threads[0].id))[-1]
    assert (last.kind, last.initiator) == (MessageKind.PARTICIPANT_REMOVED, bob)
    assert await world.engine.threads(world.caller("bob"), PageRequest()) == ([], "")
    types = (await world.types())[before:]
    assert types.count("ChatThreadParticipantRemoved") == count + 1
    assert types.count("ChatParticipantRemovedFromThreadWithUser") == count
    with pytest.raises(RequestError) as refusal:
        await world.engine.thread(world.caller("alice"), alone.id)
    assert refusal.value.status == 404
    await world.advance(days=100)
    assert (await collections(world))["threads"] == count
    assert "due" not in await collections(world)


async def test_user_who_is_added_while_being_deleted_leaves_all_the_same(
    world: ChatWorld,
) -> None:
    """A request that still knew the user is looked after a little later."""
    thread = await world.create("alice")
    await delete_user(world, "bob")
    await world.advance(seconds=1)
    world.users.deleted.clear()  # the request asked before
    await world.engine.add_participants(world.caller("alice"), thread.id, world.new("bob"))
    world.users.deleted.add(world.id_of("bob"))
    await world.advance(minutes=2)

    found, _ = await world.engine.participants(world.caller("alice"), thread.id, SkipRequest())
    assert len(found) == 1
    assert await collections(world) == {"threads": 1, "heads": 1, "members": 1, "messages": 3}


@pytest.mark.parametrize("is_announced", [True, False], ids=["at once", "later"])
async def test_user_who_comes_back_keeps_what_it_joined_since(
    world: ChatWorld, *, is_announced: bool
) -> None:
    """Users of Entra come back under their id; they have left what they were in before, however
    much they joined until that begins."""
    left = [await world.create("alice", "bob") for _ in range(LEAVES_PER_PASS)]
    await delete_user(world, "bob", is_announced=is_announced)
    world.users.deleted.clear()
    await world.send(left[0].id, "bob is gone, and back")
    joined = [await world.create("alice", "bob") for _ in range(LEAVES_PER_PASS + 1)]
    await world.advance(minutes=2)

    items, _ = await world.engine.threads(world.caller("bob"), PageRequest())
    assert {item.thread.id for item in items} == {thread.id for thread in joined}
    removals = await world.events("ChatThreadParticipantRemoved")
    assert {each["data"]["threadId"] for each in removals} == {thread.id for thread in left}
    assert "due" not in await collections(world)


async def test_departure_that_fails_does_not_forget_when_the_user_was_deleted() -> None:
    """It is tried again a second later; what the user joined meanwhile counts."""
    commit = FaultyCommit(MemoryStore())
    world = a_world(store=commit.store, commit=commit)
    left = await world.create("alice", "bob")
    await delete_user(world, "bob", is_announced=False)
    world.users.deleted.clear()
    joined = [await world.create("alice", "bob")]
    commit.fail(faults.full)
    await world.advance(seconds=1)
    assert (await world.history(left.id))[-1].kind is MessageKind.PARTICIPANT_ADDED
    joined.append(await world.create("alice", "bob"))
    await world.advance(minutes=2)

    items, _ = await world.engine.threads(world.caller("bob"), PageRequest())
    assert {item.thread.id for item in items} == {thread.id for thread in joined}
    assert (await world.history(left.id))[-1].kind is MessageKind.PARTICIPANT_REMOVED


async def test_user_who_is_added_again_while_leaving_stays_in_the_list() -> None:
    """What is dropped is the part that was looked at, not a newer one under its key."""
    store = MemoryStore()

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        if (
            len(changes) == 1
            and isinstance(changes[0], Delete)
            and changes[0].collection == MEMBERS
        ):
            world.users.deleted.clear()
            new = world.new("bob")
            await world.engine.add_participants(world.caller("alice"), thread.id, new)
        return await store.commit(changes, batches)

    world = a_world(store=store, commit=commit)
    thread = await world.create("alice")
    left = put(MEMBERS, member_key(world.resource.topic, world.id_of("bob"), thread), {})
    await store.commit([left])
    await delete_user(world, "bob")
    await world.advance(minutes=2)

    items, _ = await world.engine.threads(world.caller("bob"), PageRequest())
    assert [item.thread.id for item in items] == [thread.id]


async def test_policy_that_is_set_again_while_the_old_one_is_dropped_counts() -> None:
    """What is due by it has the same key."""
    store = MemoryStore()

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        if len(changes) == 1 and isinstance(changes[0], Delete) and changes[0].collection == DUE:
            await set_policy(world, thread.id, 30)
        return await store.commit(changes, batches)

    world = a_world(store=store, commit=commit)
    thread = await world.create("alice", days=30)
    await set_policy(world, thread.id, None)
    await world.advance(days=30, seconds=2)

    assert len(await world.events("ChatThreadDeleted")) == 1


async def test_deletion_that_nobody_announces_is_found(world: ChatWorld) -> None:
    """A second later."""
    thread = await world.create("alice", "bob")
    await delete_user(world, "bob", is_announced=False)
    await world.advance(seconds=1)

    assert (await world.engine.thread(world.caller("alice"), thread.id)).participants[-1:] == (
        thread.participants[:1]
    )


async def test_restart_goes_on_with_what_is_due(world: ChatWorld) -> None:
    """Retention, purge and departures are done once, after the start."""
    kept = await world.create("alice", "bob", days=30)
    deleted = await world.create("alice", "bob")
    await world.send(deleted.id, "hello")
    await world.engine.due_work.close()
    await world.engine.delete_thread(world.caller("alice"), deleted.id)
    await delete_user(world, "bob")
    world = await world.restart()
    await world.advance(seconds=0)

    assert (
        await world.store.scan(
            "chat-messages",
            start=f"{world.resource.topic}/{deleted.id}/",
            end=f"{world.resource.topic}/{deleted.id}0",
        )
        == []
    )
    found, _ = await world.engine.participants(world.caller("alice"), kept.id, SkipRequest())
    assert len(found) == 1
    await world.advance(days=30)
    assert len(await world.events("ChatThreadDeleted")) == 2


async def test_failure_of_one_does_not_hold_up_the_others() -> None:
    """What failed comes again in its time."""
    store, refused = MemoryStore(), set[str]()

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        if any(isinstance(each, Put) and each.key in refused for each in changes):
            raise StoreFullError("no room")
        return await store.commit(changes, batches)

    world = a_world(store=store, commit=commit)
    threads = [await world.create("alice", days=30) for _ in range(3)]
    refused.add(f"{world.resource.topic}/{threads[0].id}")
    await world.advance(days=30)
    assert len(await world.events("ChatThreadDeleted")) == 2

    refused.clear()
    await world.advance(seconds=1)

    assert len(await world.events("ChatThreadDeleted")) == 3


async def test_what_cannot_be_done_makes_way_for_the_rest() -> None:
    """However many deletions find no room for their events, others need none."""
    store, refused = MemoryStore(), set[str]()

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        if any(isinstance(each, Put) and each.key in refused for each in changes):
            raise StoreFullError("no room")
        return await store.commit(changes, batches)

    world = a_world(store=store, commit=commit)
    threads = [await world.create("alice", days=30) for _ in range(PASS_LIMIT)]
    refused |= {f"{world.resource.topic}/{thread.id}" for thread in threads}
    deleted = await world.create("bob")
    await world.send(deleted.id, "hello", by="bob")
    await world.advance(days=30, milliseconds=1)
    await world.engine.delete_thread(world.caller("bob"), deleted.id)
    await world.advance(seconds=0)

    prefix = f"{world.resource.topic}/{deleted.id}/"
    assert await store.scan("chat-messages", start=prefix, end=prefix + "~") == []
    refused.clear()
    await world.advance(seconds=1)
    assert len(await world.events("ChatThreadDeleted")) == PASS_LIMIT + 1


async def test_long_work_makes_way_for_what_waits() -> None:
    """A purge that is not over goes behind what was due before now."""
    store = MemoryStore()
    world = a_world(store=store)
    topic, now = world.resource.topic, world.clock.now()
    message_keys = [f"{topic}/long/{number:016}" for number in range(PURGE_LIMIT + 1)]
    long = put(DUE, due_key(now, "purge/long"), PurgeDue(topic=topic, thread_id="long"))
    short = [
        put(DUE, due_key(now + 1, f"once/{number:03}"), RepeatabilityDue(key="x"))
        for number in range(PASS_LIMIT)
    ]
    await store.commit([long, *short, *(Put("chat-messages", key, b"") for key in message_keys)])
    seen: list[list[str]] = []

    async def look(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        left = await store.scan(DUE)
        seen.append([record.key.partition("/")[2] for record in left])
        return await store.commit(changes, batches)

    await world.advance(seconds=1)
    world = a_world(store=store, clock=world.clock, commit=look)
    await world.engine.due_work.resume()
    await world.advance(seconds=0)

    # The purge's first part, what else was in the pass, then the last one and the rest of it.
    assert [(len(keys), keys[0], keys[-1]) for keys in seen[:3]] == [
        (PASS_LIMIT + 1, "purge/long", "once/255"),
        (PASS_LIMIT + 1, "purge/long", "once/255"),
        (2, "once/255", "purge/long"),
    ]
    assert await collections(world) == {}


async def test_little_is_done_at_once() -> None:
    """Others are served between thousands of deletions of the same instant."""
    commit = FaultyCommit(MemoryStore())
    world = a_world(store=commit.store, commit=commit)
    for _ in range(5 * AT_ONCE):
        await world.create("alice", "bob", days=30)
    for _ in range(5 * AT_ONCE):
        await world.create("alice", "carol")
    commit.most_in_flight = 0
    await world.advance(days=30)
    assert len(await world.events("ChatThreadDeleted")) == 5 * AT_ONCE
    await delete_user(world, "carol")
    await world.advance(seconds=0)

    assert len(await world.events("ChatThreadParticipantRemoved")) == 5 * AT_ONCE
    assert commit.most_in_flight == AT_ONCE


async def test_due_work_of_a_resource_that_is_gone_is_dropped(world: ChatWorld) -> None:
    """Without events."""
    await world.create("alice", days=30)
    world.directory.remove(world.resource.resource_id)
    await delete_user(world, "alice")
    events = await world.events()
    await world.advance(days=31)

    assert await world.events() == events
    assert await world.store.scan("chat-due") == []


async def test_rate_limits_count_what_is_allowed() -> None:
    """Refusals do not count, nor do repetitions within one request."""
    store = MemoryStore()
    commit = FaultyCommit(store)
    clock = a_world().clock
    world = a_world(store=store, commit=commit, clock=clock, limits=RateLimits(clock))
    thread = await world.create("alice", "bob")
    for _ in range(20):
        with pytest.raises(RequestError) as refusal:
            await world.send(thread.id, "x", by="carol")
        assert refusal.value.status == 403
    commit.fail(faults.conflict, faults.conflict)
    for number in range(10):
        await world.send(thread.id, f"{number}", by=("alice", "bob")[number % 2])
    with pytest.raises(RequestError) as refusal:
        await world.send(thread.id, "one too many")

    assert (refusal.value.status, refusal.value.code) == (429, "TooManyRequests")
    assert len(await world.texts(thread.id)) == 10
    for _ in range(9):
        await world.engine.create_thread(world.caller("alice"), CreateThread(topic="t"), None)
    with pytest.raises(RequestError) as refusal:
        await world.engine.create_thread(world.caller("alice"), CreateThread(topic="t"), None)
    assert refusal.value.status == 429
    await world.advance(seconds=10)
    request = SendMessage(content="again")
    assert await world.engine.send_message(world.caller("alice"), thread.id, request)
