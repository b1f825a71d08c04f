"""Threads from creation to deletion, as their users and subscribers see them."""

import pytest

from switchhook.clock import VirtualClock, to_datetime
from switchhook.communication.chat import listing
from switchhook.communication.chat.happenings import ThreadCreated
from switchhook.communication.chat.listing import LOOKED_AT
from switchhook.communication.chat.model import MessageKind, RetentionPolicy
from switchhook.communication.chat.requests import (
    CreateThread,
    PageRequest,
    SkipRequest,
    UpdateMessage,
    UpdateThread,
)
from switchhook.communication.chat.store import KEPT, PurgeDue
from switchhook.communication.due_work import due_key
from switchhook.communication.identity.caller import Scope
from switchhook.communication.records import put
from switchhook.errors import RequestError
from tests.flow.chat.world import ChatWorld, a_world, user_of
from tests.flow.sms.world import a_resource

UNKNOWN = "19:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1@thread.v2"


async def test_first_message_of_a_user_is_the_third_of_the_history(world: ChatWorld) -> None:
    """The service tells first who was added, then the topic."""
    thread = await world.create("alice", "bob", topic="Lunch")
    await world.advance(seconds=1)
    sent = await world.send(thread.id, "hello")

    history = await world.history(thread.id)
    assert [each.kind for each in history] == [
        MessageKind.PARTICIPANT_ADDED,
        MessageKind.TOPIC_UPDATED,
        MessageKind.TEXT,
    ]
    assert [each.sequence for each in history] == [1, 2, 3]
    assert history[2] == sent
    assert history[1].topic == "Lunch"
    assert history[0].initiator == world.id_of("alice")
    assert [each.display_name for each in history[0].participants] == [None, "bob"]


async def test_creation_is_told_to_all_but_the_creator(world: ChatWorld) -> None:
    """Once to the thread, once to each of the others; and to real time."""
    thread = await world.create("alice", "bob", "carol", topic="Lunch")

    assert await world.types() == [
        "ChatThreadCreated",
        "ChatThreadCreatedWithUser",
        "ChatThreadCreatedWithUser",
    ]
    assert world.pushed == [ThreadCreated(thread=thread)]


async def test_unknown_users_are_rejected_and_the_rest_joins(world: ChatWorld) -> None:
    """Users of another resource, deleted ones and phones cannot take part."""
    world.users.deleted.add(world.id_of("carol"))
    stranger = user_of(a_resource(immutable_id="b" * 8 + "-0000-0000-0000-" + "0" * 12), "dave")
    new = (
        *world.new("bob", "carol"),
        *(type(each)(raw_id=raw_id) for each, raw_id in [(world.new("x")[0], stranger)]),
        *world.new("bob"),
    )
    request = CreateThread(topic="t", participants=new)
    thread, rejected = await world.engine.create_thread(world.caller("alice"), request, None)

    assert [each.raw_id for each in thread.participants] == [
        world.id_of("alice"),
        world.id_of("bob"),
    ]
    assert rejected == (world.id_of("carol"), stranger)


async def test_same_repeatability_id_answers_the_same_thread(world: ChatWorld) -> None:
    """As it is now, for as long as the id is remembered, to the same user only."""
    request = CreateThread(topic="t", participants=world.new("bob"))
    alice, bob = world.caller("alice"), world.caller("bob")
    first, _ = await world.engine.create_thread(alice, request, "ID-1")
    await world.engine.update_thread(alice, first.id, UpdateThread(topic="changed"))
    again, rejected = await world.engine.create_thread(alice, request, "id-1")
    other, _ = await world.engine.create_thread(bob, request, "id-1")

    assert (again.id, again.topic, rejected) == (first.id, "changed", ())
    assert other.id != first.id
    assert len(await world.events("ChatThreadCreated")) == 2

    await world.advance(days=7)
    late, _ = await world.engine.create_thread(alice, request, "id-1")

    assert late.id not in (first.id, other.id)
    assert len(await world.store.scan("chat-repeatability")) == 1


async def test_repetition_answers_who_was_rejected(world: ChatWorld) -> None:
    """The reply of a repetition is that of the first request."""
    world.users.deleted.add(world.id_of("carol"))
    request = CreateThread(topic="t", participants=world.new("carol"))
    for _ in range(2):
        _, rejected = await world.engine.create_thread(world.caller("alice"), request, "x" * 99999)
        assert rejected == (world.id_of("carol"),)


async def test_threads_are_listed_newest_first_in_pages(world: ChatWorld) -> None:
    """A thread created between two pages neither hides nor repeats one."""
    created = []
    for number in range(7):
        created.append((await world.create("alice", "bob", topic=f"{number}")).id)
        await world.advance(seconds=number % 2)  # some within one millisecond
    await world.create("bob")
    found, token, sizes = [], "", []
    while True:
        page = PageRequest(size=3, token=token)
        items, token = await world.engine.threads(world.caller("bob"), page)
        found += [item.thread.id for item in items]
        sizes.append(len(items))
        if not token:
            break
        assert token.replace("-", "").replace("_", "").replace("~", "").isalnum()
        await world.create("alice", "bob")

    assert sizes == [3, 3, 2]
    assert len(set(found)) == 8
    assert set(found) >= set(created)
    assert len((await world.engine.threads(world.caller("alice"), PageRequest()))[0]) == 9


async def test_changed_properties_are_activity(world: ChatWorld) -> None:
    """Though no message tells of metadata."""
    thread = await world.create("alice")
    await world.create("alice")
    await world.advance(minutes=1)
    alice, now = world.caller("alice"), world.clock.now()
    await world.engine.update_thread(alice, thread.id, UpdateThread(metadata={"k": "v"}))

    items, _ = await world.engine.threads(alice, PageRequest(start_time=now))

    assert [item.thread.id for item in items] == [thread.id]


async def test_threads_without_activity_since_start_time_are_left_out(world: ChatWorld) -> None:
    """A message is activity; its time is told, that of the thread's first message otherwise."""
    quiet = await world.create("alice", topic="quiet")
    busy = await world.create("alice", topic="busy")
    await world.advance(minutes=1)
    now = world.clock.now()
    sent = await world.send(busy.id, "hello")

    items, _ = await world.engine.threads(world.caller("alice"), PageRequest(start_time=now))
    everything, _ = await world.engine.threads(world.caller("alice"), PageRequest())

    assert [(item.thread.id, item.last_message_at) for item in items] == [
        (busy.id, sent.created_at)
    ]
    assert {item.thread.id: item.last_message_at for item in everything}[quiet.id] == (
        quiet.created_at
    )


@pytest.mark.parametrize("token", ["x", "1", "~", "9" * 30 + "~abc", "1~\u00e9", "0~", "\udcff"])
async def test_foreign_token_is_refused(world: ChatWorld, token: str) -> None:
    """As a bad request, in the lists of threads and of messages."""
    thread = await world.create("alice")
    page = PageRequest(token=token)
    with pytest.raises(RequestError) as refusal:
        await world.engine.threads(world.caller("alice"), page)
    assert refusal.value.status == 400
    if token != "1":
        with pytest.raises(RequestError) as refusal:
            await world.engine.messages(world.caller("alice"), thread.id, page)
        assert refusal.value.status == 400


async def test_update_writes_history_where_the_topic_changed(world: ChatWorld) -> None:
    """Each update is told; the version rises even within a millisecond."""
    thread = await world.create("alice", "bob", topic="Lunch")
    alice = world.caller("alice")
    updates = [
        UpdateThread(topic="Dinner"),
        UpdateThread(topic="Dinner"),
        UpdateThread(metadata={"k": "v"}),
        UpdateThread(),
    ]
    versions = [thread.version]
    for update in updates:
        await world.engine.update_thread(alice, thread.id, update)
        versions.append((await world.engine.thread(alice, thread.id)).version)

    after = await world.engine.thread(alice, thread.id)
    assert (after.topic, after.metadata) == ("Dinner", {"k": "v"})
    assert versions == [thread.version + rise for rise in (0, 1, 2, 3, 3)]
    kinds = [each.kind for each in await world.history(thread.id)]
    assert kinds.count(MessageKind.TOPIC_UPDATED) == 2
    assert len(await world.events("ChatThreadPropertiesUpdated")) == 3
    assert len(await world.events("ChatThreadPropertiesUpdatedPerUser")) == 3


async def test_deleted_thread_tells_no_more_than_that(world: ChatWorld) -> None:
    """`deletedOn` in properties and list, for those who were in it; the rest is not found."""
    thread = await world.create("alice", "bob", topic="Lunch")
    sent = await world.send(thread.id, "hello")
    await world.advance(seconds=1)
    await world.engine.delete_thread(world.caller("alice"), thread.id)
    bob, at = world.caller("bob"), world.clock.now()

    assert (await world.engine.thread(bob, thread.id)).deleted_at == at
    items, _ = await world.engine.threads(bob, PageRequest())
    assert [item.thread.deleted_at for item in items] == [at]
    assert (await world.types())[-2:] == ["ChatThreadDeleted", "ChatThreadWithUserDeleted"]
    engine = world.engine
    for request in (
        engine.thread(world.caller("carol"), thread.id),
        engine.update_thread(bob, thread.id, UpdateThread(topic="x")),
        engine.delete_thread(world.caller("carol"), thread.id),
        engine.participants(bob, thread.id, SkipRequest()),
        engine.add_participants(bob, thread.id, world.new("carol")),
        engine.remove_participant(bob, thread.id, world.id_of("alice")),
        world.send(thread.id, "late", by="bob"),
        engine.messages(bob, thread.id, PageRequest()),
        engine.message(bob, thread.id, sent.id),
        engine.update_message(bob, thread.id, sent.id, UpdateMessage(content="x")),
        engine.delete_message(bob, thread.id, sent.id),
        engine.send_typing(bob, thread.id, None),
        engine.send_read_receipt(bob, thread.id, sent.id),
        engine.read_receipts(bob, thread.id, SkipRequest()),
    ):
        with pytest.raises(RequestError) as refusal:
            await request
        assert (refusal.value.status, refusal.value.code) == (404, "NotFound")


async def test_thread_is_deleted_once(world: ChatWorld) -> None:
    """Each participant may ask for it again; nothing is told of that, nor does its time change."""
    thread = await world.create("alice", "bob")
    await world.engine.delete_thread(world.caller("alice"), thread.id)
    at, told = world.clock.now(), await world.types()
    await world.advance(seconds=1)

    for name in ("alice", "bob"):
        await world.engine.delete_thread(world.caller(name), thread.id)

    assert (await world.engine.thread(world.caller("bob"), thread.id)).deleted_at == at
    assert await world.types() == told


async def test_scopes_come_before_threads_and_threads_before_participants(
    world: ChatWorld,
) -> None:
    """403 for the scope whether or not there is a thread; then 404; then 403."""
    thread = await world.create("alice")
    engine, carol = world.engine, world.caller("carol")
    limited = world.caller("alice", Scope.CHAT_JOIN_LIMITED)
    voice = world.caller("alice", Scope.VOIP)
    for status, request in (
        (403, engine.delete_thread(limited, UNKNOWN)),
        (403, engine.add_participants(limited, UNKNOWN, world.new("bob"))),
        (403, engine.messages(voice, UNKNOWN, PageRequest())),
        (403, engine.threads(voice, PageRequest())),
        (403, engine.create_thread(limited, CreateThread(topic="t"), None)),
        (404, engine.delete_thread(carol, UNKNOWN)),
        (404, engine.messages(carol, UNKNOWN, PageRequest())),
        (404, engine.messages(carol, "\udcff\u00e9/../x", PageRequest())),
        (403, engine.delete_thread(carol, thread.id)),
        (403, engine.thread(carol, thread.id)),
        (403, engine.add_participants(carol, thread.id, world.new("carol"))),
        (403, engine.update_message(carol, thread.id, 1, UpdateMessage(content="x"))),
        (403, engine.send_read_receipt(carol, thread.id, 1)),
        (404, engine.update_message(world.caller("alice"), thread.id, 1, UpdateMessage())),
        (404, engine.send_read_receipt(world.caller("alice"), thread.id, 1)),
    ):
        with pytest.raises(RequestError) as refusal:
            await request
        assert refusal.value.status == status


async def test_thread_of_another_resource_is_not_found(world: ChatWorld) -> None:
    """Even where ids were known."""
    thread = await world.create("alice")
    other = a_resource(name="other", topic="topic-of-other")
    caller = world.caller("alice")
    stranger = type(caller)(resource=other, raw_id=caller.raw_id, scopes=caller.scopes)

    with pytest.raises(RequestError) as refusal:
        await world.engine.thread(stranger, thread.id)
    assert refusal.value.status == 404


async def test_retention_policy_is_told_and_taken_away(world: ChatWorld) -> None:
    """None where none was ever set; a policy without days afterwards."""
    alice = world.caller("alice")
    thread = await world.create("alice", days=30)
    assert thread.retention_policy == RetentionPolicy(delete_thread_after_days=30)

    await world.engine.update_thread(
        alice, thread.id, UpdateThread(retention_policy=RetentionPolicy())
    )

    assert (await world.engine.thread(alice, thread.id)).retention_policy == RetentionPolicy()
    assert (await world.create("alice")).retention_policy is None


@pytest.mark.parametrize(
    ("profile", "length"), [("GA", 44), ("docs-2024", 44), ("preview-2020-07", 32)]
)
async def test_ids_look_as_in_the_profiles_documents(
    world: ChatWorld, profile: str, length: int
) -> None:
    """And its threads are listed and paged all the same."""
    world.configure(profile=profile)
    ids = [(await world.create("alice")).id for _ in range(3)]
    assert {len(each) - len("19:@thread.v2") for each in ids} == {length}

    first, token = await world.engine.threads(world.caller("alice"), PageRequest(size=2))
    rest, end = await world.engine.threads(world.caller("alice"), PageRequest(size=2, token=token))

    assert [item.thread.id for item in first + rest] == sorted(ids, reverse=True)
    assert end == ""


async def test_list_of_messages_does_not_search_for_ever(world: ChatWorld) -> None:
    """Where the clock was set back, ids say nothing of times: a page may be empty, not the last."""
    thread = await world.create("alice")
    first = world.clock.now()
    await world.advance(days=1)
    later = world.clock.now()
    await world.send(thread.id, "new")
    world = a_world(store=world.store, clock=VirtualClock(to_datetime(first)))
    for _ in range(LOOKED_AT + 10):
        await world.send(thread.id, "old")
    alice = world.caller("alice")

    empty, token = await world.engine.messages(
        alice, thread.id, PageRequest(size=1, start_time=later)
    )
    rest, end = await world.engine.messages(
        alice, thread.id, PageRequest(size=1, start_time=later, token=token)
    )

    assert (empty, [each.content for each in rest], end) == ([], ["new"], "")


async def test_list_of_threads_does_not_search_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of many idle threads is empty, and not the last."""
    monkeypatch.setattr(listing, "LOOKED_AT", 4)
    monkeypatch.setattr(listing, "_CHUNK", 2)
    world = a_world()
    busy, *_ = [await world.create("alice") for _ in range(5)]
    await world.advance(minutes=1)
    alice, now = world.caller("alice"), world.clock.now()
    await world.send(busy.id, "hello")

    empty, token = await world.engine.threads(alice, PageRequest(start_time=now))
    rest, end = await world.engine.threads(alice, PageRequest(start_time=now, token=token))

    assert (empty, [item.thread.id for item in rest], end) == ([], [busy.id], "")


async def test_history_that_is_not_shared_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is, the newcomer's first page is the last."""
    monkeypatch.setattr(listing, "LOOKED_AT", 4)
    world = a_world()
    thread = await world.create("alice")
    for _ in range(10):
        await world.send(thread.id, "old")
    await world.advance(seconds=1)
    new = world.new("bob", share_history_time=world.clock.now())
    await world.engine.add_participants(world.caller("alice"), thread.id, new)

    found, token = await world.engine.messages(world.caller("bob"), thread.id, PageRequest(size=2))

    assert ([each.kind for each in found], token) == ([MessageKind.PARTICIPANT_ADDED], "")


async def test_forgotten_resource_leaves_nothing(world: ChatWorld) -> None:
    """Neither records nor a thread in memory."""
    thread = await world.create("alice", "bob", days=30)
    sent = await world.send(thread.id, "hello")
    await world.engine.send_read_receipt(world.caller("bob"), thread.id, sent.id)
    await world.engine.create_thread(world.caller("alice"), CreateThread(topic="t"), "once")
    other = put("chat-due", due_key(0, "purge/t"), PurgeDue(topic="other", thread_id="t"))
    await world.store.commit([other])
    world.directory.remove(world.resource.resource_id)
    await world.engine.forget(world.resource.topic)

    for collection in KEPT:
        assert await world.store.scan(collection) == []
    assert [each.key for each in await world.store.scan("chat-due")] == [other.key]
    with pytest.raises(RequestError) as refusal:
        await world.engine.thread(world.caller("alice"), thread.id)
    assert refusal.value.status == 404
