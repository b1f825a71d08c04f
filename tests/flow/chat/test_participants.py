"""Who joins and leaves, and what they see of the history."""

import pytest

from switchhook.communication.chat.model import Message, MessageKind
from switchhook.communication.chat.receipts import MAX_PARTICIPANTS
from switchhook.communication.chat.requests import (
    CreateThread,
    NewParticipant,
    PageRequest,
    SkipRequest,
)
from switchhook.communication.identity.caller import Scope
from switchhook.errors import RequestError
from tests.flow.chat.world import ChatWorld


async def refusal_of(request: object) -> int:
    """The status with which a request is refused."""
    with pytest.raises(RequestError) as refusal:
        await request  # type: ignore[misc]
    return refusal.value.status


async def test_added_users_are_told_of_once_each(world: ChatWorld) -> None:
    """One message in the history for all; who was there before is left alone."""
    thread = await world.create("alice", "bob")
    caller = world.caller("alice", Scope.CHAT_JOIN)
    before = len(await world.events())
    new = world.new("bob", "carol", "dave", "carol")
    rejected = await world.engine.add_participants(caller, thread.id, new)

    found, more = await world.engine.participants(caller, thread.id, SkipRequest())
    assert rejected == ()
    assert [each.raw_id for each in found] == [
        world.id_of(name) for name in ("alice", "bob", "carol", "dave")
    ]
    assert not more
    history = await world.history(thread.id)
    assert [each.kind for each in history] == [MessageKind.PARTICIPANT_ADDED] * 2
    assert [each.display_name for each in history[1].participants] == ["carol", "dave"]
    types = (await world.types())[before:]
    assert types.count("ChatThreadParticipantAdded") == 2
    assert types.count("ChatParticipantAddedToThreadWithUser") == 6
    items, _ = await world.engine.threads(world.caller("dave"), PageRequest())
    assert [item.thread.id for item in items] == [thread.id]


async def test_strangers_do_not_make_the_server_look_for_users(world: ChatWorld) -> None:
    """How long that takes would tell which users there are."""
    thread = await world.create("alice")
    world.users.asked.clear()

    adding = world.engine.add_participants(world.caller("bob"), thread.id, world.new("carol"))

    assert await refusal_of(adding) == 403
    assert world.users.asked == []


async def test_adding_participants_again_changes_nothing(world: ChatWorld) -> None:
    """No event, no message, no new version; unknown ones are answered."""
    thread = await world.create("alice", "bob")
    events = await world.events()
    world.users.deleted.add(world.id_of("carol"))
    new = world.new("bob", "carol", "carol")
    rejected = await world.engine.add_participants(world.caller("alice"), thread.id, new)

    assert rejected == (world.id_of("carol"),)
    assert await world.events() == events
    assert await world.engine.thread(world.caller("alice"), thread.id) == thread


@pytest.mark.parametrize("rest", ["/", "/0001767225600000", "%2F", "0"])
async def test_id_that_begins_with_another_ones_joins_for_itself_only(
    world: ChatWorld, rest: str
) -> None:
    """Nothing appears in the other one's list, whatever characters the id has."""
    bob = world.caller("bob")
    new = NewParticipant(raw_id=bob.raw_id + rest)
    request = CreateThread(topic="t", participants=(new,))
    thread, rejected = await world.engine.create_thread(world.caller("alice"), request, None)
    longer = type(bob)(resource=bob.resource, raw_id=new.raw_id, scopes=bob.scopes)

    assert rejected == ()
    assert await world.engine.threads(bob, PageRequest()) == ([], "")
    items, _ = await world.engine.threads(longer, PageRequest())
    assert [item.thread.id for item in items] == [thread.id]


async def test_participants_are_listed_in_pages(world: ChatWorld) -> None:
    """In the order in which they joined."""
    names = [f"user{number}" for number in range(5)]
    thread = await world.create("alice", *names)
    caller, pages = world.caller("alice"), []
    for skip in (0, 2, 4, 6):
        page = SkipRequest(size=2, skip=skip)
        found, more = await world.engine.participants(caller, thread.id, page)
        pages.append(([each.raw_id for each in found], more))

    ids = [world.id_of(name) for name in ("alice", *names)]
    assert pages == [(ids[:2], True), (ids[2:4], True), (ids[4:], False), ([], False)]


async def test_removed_user_has_no_part_any_more(world: ChatWorld) -> None:
    """Nothing is seen, listed or sent; the others and the removed one are told."""
    thread = await world.create("alice", "bob", "carol")
    sent = await world.send(thread.id, "hello")
    bob = world.caller("bob")
    await world.engine.send_read_receipt(bob, thread.id, sent.id)
    before = len(await world.events())
    await world.engine.remove_participant(world.caller("alice"), thread.id, world.id_of("bob"))

    engine = world.engine
    assert await refusal_of(engine.thread(bob, thread.id)) == 403
    assert await refusal_of(engine.messages(bob, thread.id, PageRequest())) == 403
    assert await refusal_of(world.send(thread.id, "x", by="bob")) == 403
    assert (await engine.threads(bob, PageRequest())) == ([], "")
    alice = world.caller("alice")
    assert await engine.read_receipts(alice, thread.id, SkipRequest()) == ([], False)
    last = (await world.history(thread.id))[-1]
    assert last.kind is MessageKind.PARTICIPANT_REMOVED
    assert [each.raw_id for each in last.participants] == [world.id_of("bob")]
    types = (await world.types())[before:]
    assert types == [
        "ChatThreadParticipantRemoved",
        "ChatParticipantRemovedFromThreadWithUser",
        "ChatParticipantRemovedFromThreadWithUser",
    ]
    await engine.remove_participant(alice, thread.id, bob.raw_id)
    assert (await world.types())[before:] == types


async def test_last_one_to_leave_takes_the_thread_along(world: ChatWorld) -> None:
    """Nobody could come back; nothing of it is kept for ever."""
    thread = await world.create("alice", "bob", days=30)
    await world.send(thread.id, "hello")
    for name in ("bob", "alice"):
        caller = world.caller(name)
        await world.engine.remove_participant(caller, thread.id, caller.raw_id)

    assert await world.events("ChatThreadDeleted") == []
    assert await refusal_of(world.engine.thread(world.caller("alice"), thread.id)) == 404
    await world.advance(days=31)
    assert await world.events("ChatThreadDeleted") == []
    for collection in ("threads", "heads", "messages", "members", "due"):
        assert await world.store.scan(f"chat-{collection}") == []


async def test_thread_holds_250_participants(world: ChatWorld) -> None:
    """One more is refused, and then nobody is added."""
    thread = await world.create("alice", *(f"a{number}" for number in range(199)))
    alice = world.caller("alice")
    fifty = [f"b{number}" for number in range(50)]
    too_many = world.new(*fifty, "one more")

    assert await refusal_of(world.engine.add_participants(alice, thread.id, too_many)) == 400
    assert len((await world.engine.thread(alice, thread.id)).participants) == 200
    await world.engine.add_participants(alice, thread.id, world.new(*fifty))
    assert len((await world.engine.thread(alice, thread.id)).participants) == 250
    assert await refusal_of(world.engine.add_participants(alice, thread.id, world.new("x"))) == 400
    again = world.new("a1", "b1")
    assert await world.engine.add_participants(alice, thread.id, again) == ()


async def test_receipts_of_a_thread_that_has_grown_large_are_not_listed(world: ChatWorld) -> None:
    """Until it is small again."""
    thread = await world.create("alice", "bob")
    alice, bob = world.caller("alice"), world.caller("bob")
    message = await world.send(thread.id, "hello")
    await world.engine.send_read_receipt(bob, thread.id, message.id)
    names = [f"user{number}" for number in range(MAX_PARTICIPANTS - 1)]

    await world.engine.add_participants(alice, thread.id, world.new(*names))
    assert await world.engine.read_receipts(alice, thread.id, SkipRequest()) == ([], False)
    await world.engine.remove_participant(alice, thread.id, world.id_of(names[0]))
    [receipt], _ = await world.engine.read_receipts(alice, thread.id, SkipRequest())

    assert receipt.sender == bob.raw_id


async def test_history_begins_where_it_is_shared(world: ChatWorld) -> None:
    """Older messages are neither listed nor found, nor can they be read."""
    thread = await world.create("alice")
    sent: list[Message] = []
    for number in range(6):
        await world.advance(microseconds=400)  # two or three in a millisecond
        sent.append(await world.send(thread.id, f"{number}"))
    since = sent[3].created_at
    new = world.new("bob", share_history_time=since)
    await world.engine.add_participants(world.caller("alice"), thread.id, new)

    assert await world.texts(thread.id, by="bob") == ["3", "4", "5"]
    assert await world.texts(thread.id) == [f"{number}" for number in range(6)]
    bob = world.caller("bob")
    assert (await world.engine.message(bob, thread.id, sent[3].id)) == sent[3]
    for hidden in sent[:3]:
        assert await refusal_of(world.engine.message(bob, thread.id, hidden.id)) == 404
        assert await refusal_of(world.engine.send_read_receipt(bob, thread.id, hidden.id)) == 404
    page = PageRequest(start_time=sent[4].created_at)
    found, _ = await world.engine.messages(bob, thread.id, page)
    assert [each.content for each in found if each.content] == ["5", "4"]


async def test_messages_are_listed_newest_first_while_new_ones_come(world: ChatWorld) -> None:
    """A page neither skips nor repeats."""
    thread = await world.create("alice")
    sent = [await world.send(thread.id, f"{number}") for number in range(10)]
    found: list[int] = []
    token, pages = "", 0
    while True:
        page = PageRequest(size=4, token=token)
        messages, token = await world.engine.messages(world.caller("alice"), thread.id, page)
        found += [each.id for each in messages]
        pages += 1
        if not token:
            break
        await world.send(thread.id, "new")

    assert pages == 3
    assert found[:-1] == [each.id for each in reversed(sent)]
    assert len(found) == 11  # and the message that tells who was added
