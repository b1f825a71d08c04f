"""Every operation of azure-communication-chat 1.3.0, sync and asyncio, unmodified."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.communication.chat import (
    ChatMessageType,
    ChatParticipant,
    CommunicationUserIdentifier,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)

from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.http.communication_api.chat_api import MAX_BODY_SIZE
from tests.compat.chat.clients import Clients, python_clients
from tests.compat.chat.server import ChatServer, User, serve

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN_USER = "0000dead-0000-0000-0000-000000000000"


@pytest.fixture(params=["memory", "sqlite"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Both: the blocking clients have the one, those of asyncio the other."""
    return str(request.param)


def a_participant(user: User, **members: Any) -> ChatParticipant:
    """A user to add."""
    return ChatParticipant(identifier=CommunicationUserIdentifier(user.raw_id), **members)


async def a_thread(clients: Clients, owner: User, *others: User, topic: str = "Lunch") -> Any:
    """The owner's client of a new thread."""
    chat = clients.chat(owner.token)
    result = await clients.call(
        chat.create_chat_thread,
        topic,
        thread_participants=[a_participant(each) for each in others],
    )
    return clients.thread(chat, result.chat_thread.id)


def seen_by(clients: Clients, user: User, thread: Any) -> Any:
    """Another user's client of the same thread."""
    return clients.thread(clients.chat(user.token), thread.thread_id)


@contextmanager
def refused(status: int, code: str = "") -> Iterator[None]:
    """What is done within is refused, with that code, by an error of the status' own type."""
    type_ = {401: ClientAuthenticationError, 404: ResourceNotFoundError}.get(
        status, HttpResponseError
    )
    with pytest.raises(type_) as failure:
        yield
    assert failure.value.status_code == status
    assert failure.value.error is not None
    assert failure.value.error.code == code or not code


async def everything(clients: Clients, function: Any, **options: Any) -> list[Any]:
    """A whole list."""
    return [item for page in await clients.pages(function, **options) for item in page]


async def test_thread_is_created(server: ChatServer, clients: Clients) -> None:
    """With its participants; the creator is one of them."""
    alice, bob = await server.users(2)
    chat = clients.chat(alice.token)

    result = await clients.call(
        chat.create_chat_thread, "Déjeuner 🥗", thread_participants=[a_participant(bob)]
    )

    thread = result.chat_thread
    assert thread.id.startswith("19:")
    assert thread.id.endswith("@thread.v2")
    assert thread.topic == "Déjeuner 🥗"
    assert thread.created_on == server.now()
    assert thread.created_by == CommunicationUserIdentifier(alice.raw_id)
    assert result.errors == []
    found = await everything(clients, clients.thread(chat, thread.id).list_participants)
    assert {each.identifier.raw_id for each in found} == {alice.raw_id, bob.raw_id}


async def test_participants_that_cannot_be_added_are_named(
    server: ChatServer, clients: Clients
) -> None:
    """The client finds them by the error's target."""
    alice, bob = await server.users(2)
    unknown = User(raw_id=f"{alice.raw_id.rpartition('_')[0]}_{UNKNOWN_USER}", token="")
    chat = clients.chat(alice.token)

    result = await clients.call(
        chat.create_chat_thread,
        "Lunch",
        thread_participants=[a_participant(bob), a_participant(unknown)],
    )
    thread = clients.thread(chat, result.chat_thread.id)
    failed = await clients.call(thread.add_participants, [a_participant(unknown)])

    for [(participant, error)] in (result.errors, failed):
        assert participant.identifier.raw_id == unknown.raw_id
        assert (error.code, error.target) == ("404", unknown.raw_id)
    found = await everything(clients, thread.list_participants)
    assert {each.identifier.raw_id for each in found} == {alice.raw_id, bob.raw_id}


async def test_same_idempotency_token_answers_the_same_thread(
    server: ChatServer, clients: Clients
) -> None:
    """A client that lost the reply may ask again."""
    [alice] = await server.users(1)
    chat = clients.chat(alice.token)

    ids = [
        (
            await clients.call(chat.create_chat_thread, "Lunch", idempotency_token=token)
        ).chat_thread.id
        for token in ("one", "one", "two")
    ]

    assert ids[0] == ids[1] != ids[2]
    assert len(await everything(clients, chat.list_chat_threads)) == 2


async def test_properties_follow_the_topic(server: ChatServer, clients: Clients) -> None:
    """An update of the topic is seen by all."""
    alice, bob = await server.users(2)
    thread = await a_thread(clients, alice, bob)

    await clients.call(thread.update_topic, "Dinner")

    properties = await clients.call(seen_by(clients, bob, thread).get_properties)
    assert properties.id == thread.thread_id
    assert properties.topic == "Dinner"
    assert properties.created_by == CommunicationUserIdentifier(alice.raw_id)


async def test_threads_are_listed_in_pages(server: ChatServer, clients: Clients) -> None:
    """Each once, however many pages they take."""
    [alice] = await server.users(1)
    chat = clients.chat(alice.token)
    made = []
    for number in range(5):
        result = await clients.call(chat.create_chat_thread, f"Thread {number}")
        made.append(result.chat_thread.id)
        await server.advance(seconds=1)
    await clients.call(clients.thread(chat, made[2]).send_message, "hello")

    pages = await clients.pages(chat.list_chat_threads, results_per_page=2)

    assert [len(page) for page in pages] == [2, 2, 1]
    threads = {item.id: item for page in pages for item in page}
    assert set(threads) == set(made)
    assert threads[made[2]].topic == "Thread 2"
    assert threads[made[2]].last_message_received_on == server.now()
    assert threads[made[2]].deleted_on is None


async def test_threads_are_listed_from_a_time_on(server: ChatServer, clients: Clients) -> None:
    """On every page."""
    [alice] = await server.users(1)
    chat = clients.chat(alice.token)
    await clients.call(chat.create_chat_thread, "Old")
    await server.advance(hours=1)
    since = server.now()
    for number in range(3):
        await clients.call(chat.create_chat_thread, f"New {number}")

    pages = await clients.pages(chat.list_chat_threads, results_per_page=1, start_time=since)

    assert {item.topic for page in pages for item in page} == {"New 0", "New 1", "New 2"}


async def test_thread_is_deleted(server: ChatServer, clients: Clients) -> None:
    """The list says so; nothing can be done with it any more but delete it again."""
    alice, bob = await server.users(2)
    thread = await a_thread(clients, alice, bob)

    await clients.call(clients.chat(alice.token).delete_chat_thread, thread.thread_id)

    await clients.call(clients.chat(alice.token).delete_chat_thread, thread.thread_id)
    [item] = await everything(clients, clients.chat(bob.token).list_chat_threads)
    assert (item.id, item.deleted_on) == (thread.thread_id, server.now())
    with refused(404):
        await clients.call(seen_by(clients, bob, thread).send_message, "hello")


async def test_message_is_sent_and_read(server: ChatServer, clients: Clients) -> None:
    """With everything that it may have."""
    alice, bob = await server.users(2)
    thread = await a_thread(clients, alice, bob)

    sent = await clients.call(
        thread.send_message,
        "<p>Bonjour à tous 👋</p>",
        chat_message_type=ChatMessageType.HTML,
        sender_display_name="Alice",
        metadata={"tag": "été"},
    )
    message = await clients.call(seen_by(clients, bob, thread).get_message, sent.id)

    assert message.id == message.version == sent.id
    assert message.type is ChatMessageType.HTML
    assert message.sequence_id == "3"  # after the participants and the topic
    assert message.content.message == "<p>Bonjour à tous 👋</p>"
    assert message.sender == CommunicationUserIdentifier(alice.raw_id)
    assert message.sender_display_name == "Alice"
    assert message.created_on - server.now() < timedelta(seconds=1)
    assert message.metadata == {"tag": "été"}
    assert message.edited_on is message.deleted_on is None
    assert message.content.participants == message.content.attachments == []


async def test_text_is_the_usual_type(server: ChatServer, clients: Clients) -> None:
    """Without display name and metadata."""
    [alice] = await server.users(1)
    thread = await a_thread(clients, alice)

    sent = await clients.call(thread.send_message, "hello")

    message = await clients.call(thread.get_message, sent.id)
    assert message.type is ChatMessageType.TEXT
    assert message.sender_display_name == ""
    assert not message.metadata


async def test_messages_are_listed_in_pages_newest_first(
    server: ChatServer, clients: Clients
) -> None:
    """The service's own messages are among them."""
    alice, bob = await server.users(2)
    thread = await a_thread(clients, alice, bob)
    for number in range(5):
        await clients.call(thread.send_message, f"message {number}")

    pages = await clients.pages(thread.list_messages, results_per_page=3)

    assert [len(page) for page in pages] == [3, 3, 1]
    messages = [item for page in pages for item in page]
    assert [int(each.sequence_id) for each in messages] == [7, 6, 5, 4, 3, 2, 1]
    assert [each.content.message for each in messages[:5]] == [
        f"message {number}" for number in (4, 3, 2, 1, 0)
    ]
    topic, added = messages[5:]
    assert topic.type == ChatMessageType.TOPIC_UPDATED
    assert topic.content.topic == "Lunch"
    assert added.type == ChatMessageType.PARTICIPANT_ADDED
    assert {each.identifier.raw_id for each in added.content.participants} == {
        alice.raw_id,
        bob.raw_id,
    }
    for message in (topic, added):
        assert message.sender is None
        assert message.content.initiator == CommunicationUserIdentifier(alice.raw_id)


async def test_messages_are_listed_from_a_time_on(server: ChatServer, clients: Clients) -> None:
    """On every page."""
    [alice] = await server.users(1)
    thread = await a_thread(clients, alice)
    await clients.call(thread.send_message, "old")
    await server.advance(hours=1)
    since = server.now()
    for number in range(3):
        await clients.call(thread.send_message, f"new {number}")

    pages = await clients.pages(thread.list_messages, results_per_page=2, start_time=since)

    texts = [[each.content.message for each in page] for page in pages]
    assert texts == [["new 2", "new 1"], ["new 0"]]


async def test_message_is_edited(server: ChatServer, clients: Clients) -> None:
    """Its version moves on, its id and time stay."""
    [alice] = await server.users(1)
    thread = await a_thread(clients, alice)
    sent = await clients.call(thread.send_message, "helo", metadata={"a": "1"})
    created = (await clients.call(thread.get_message, sent.id)).created_on
    await server.advance(minutes=1)

    await clients.call(thread.update_message, sent.id, "hello", metadata={"b": "2"})

    message = await clients.call(thread.get_message, sent.id)
    assert message.content.message == "hello"
    assert message.metadata == {"a": "1", "b": "2"}  # an edit is a merge patch
    assert message.edited_on == server.now()
    assert message.created_on == created
    assert int(message.version) > int(message.id)


async def test_message_is_deleted(server: ChatServer, clients: Clients) -> None:
    """What is left of it in the list says when."""
    [alice] = await server.users(1)
    thread = await a_thread(clients, alice)
    sent = await clients.call(thread.send_message, "hello")
    await server.advance(minutes=1)

    await clients.call(thread.delete_message, sent.id)

    [message] = [
        each for each in await everything(clients, thread.list_messages) if each.id == sent.id
    ]
    assert message.deleted_on == server.now()
    assert message.content.message == ""


async def test_participants_are_added_and_listed_in_pages(
    server: ChatServer, clients: Clients
) -> None:
    """With names and times, in the order in which they came."""
    alice, *others = await server.users(5)
    thread = await a_thread(clients, alice)
    since = datetime(2026, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)  # seconds are what is told

    failed = await clients.call(
        thread.add_participants,
        [
            a_participant(each, display_name=f"Name {index}", share_history_time=since)
            for index, each in enumerate(others)
        ],
    )
    pages = await clients.pages(thread.list_participants, results_per_page=2)

    assert failed == []
    assert [len(page) for page in pages] == [2, 2, 1]
    creator, *added = [item for page in pages for item in page]
    assert creator.identifier == CommunicationUserIdentifier(alice.raw_id)
    assert creator.share_history_time == EPOCH
    assert [each.identifier.raw_id for each in added] == [each.raw_id for each in others]
    assert [each.display_name for each in added] == [f"Name {index}" for index in range(4)]
    assert {each.share_history_time for each in added} == {since.replace(microsecond=0)}


async def test_participants_can_be_skipped(server: ChatServer, clients: Clients) -> None:
    """The pages go on from there."""
    users = await server.users(5)
    thread = await a_thread(clients, *users)

    pages = await clients.pages(thread.list_participants, results_per_page=2, skip=1)

    assert [len(page) for page in pages] == [2, 2]


async def test_history_is_shared_from_a_time_on(server: ChatServer, clients: Clients) -> None:
    """Who joins later sees no more than that."""
    alice, bob = await server.users(2)
    thread = await a_thread(clients, alice)
    old = await clients.call(thread.send_message, "old")
    await server.advance(minutes=1)
    since = server.now()
    new = await clients.call(thread.send_message, "new")
    await clients.call(thread.add_participants, [a_participant(bob, share_history_time=since)])

    bobs = seen_by(clients, bob, thread)
    seen = await everything(clients, bobs.list_messages)

    texts = [each.content.message for each in seen if each.type == ChatMessageType.TEXT]
    assert texts == ["new"]
    assert (await clients.call(bobs.get_message, new.id)).content.message == "new"
    with refused(404):
        await clients.call(bobs.get_message, old.id)


async def test_participant_is_removed(server: ChatServer, clients: Clients) -> None:
    """The history tells, and the thread is closed to them."""
    alice, bob = await server.users(2)
    thread = await a_thread(clients, alice, bob)

    await clients.call(thread.remove_participant, CommunicationUserIdentifier(bob.raw_id))

    [last, *_] = await everything(clients, thread.list_messages)
    assert last.type == ChatMessageType.PARTICIPANT_REMOVED
    assert [each.identifier.raw_id for each in last.content.participants] == [bob.raw_id]
    bobs = seen_by(clients, bob, thread)
    with refused(403):
        await clients.call(bobs.send_message, "hello")


async def test_participant_leaves(server: ChatServer, clients: Clients) -> None:
    """By removing themselves."""
    alice, bob = await server.users(2)
    thread = await a_thread(clients, alice, bob)

    await clients.call(
        seen_by(clients, bob, thread).remove_participant, CommunicationUserIdentifier(bob.raw_id)
    )

    [only] = await everything(clients, thread.list_participants)
    assert only.identifier.raw_id == alice.raw_id


async def test_typing_is_told(server: ChatServer, clients: Clients) -> None:
    """With and without a name; the answer has no body."""
    alice, bob = await server.users(2)
    thread = await a_thread(clients, alice, bob)

    assert await clients.call(thread.send_typing_notification) is None
    assert await clients.call(thread.send_typing_notification, sender_display_name="Alice") is None

    names = [each.sender_display_name for each in server.typing()]
    assert names == [None, "Alice"]


async def test_receipts_are_sent_and_listed_in_pages(server: ChatServer, clients: Clients) -> None:
    """One for each participant that has read."""
    users = await server.users(4)
    thread = await a_thread(clients, *users)
    sent = await clients.call(thread.send_message, "hello")
    await server.advance(minutes=1)
    for user in users[1:]:
        await clients.call(seen_by(clients, user, thread).send_read_receipt, sent.id)

    pages = await clients.pages(thread.list_read_receipts, results_per_page=2)

    assert [len(page) for page in pages] == [2, 1]
    receipts = [item for page in pages for item in page]
    assert {each.sender.raw_id for each in receipts} == {each.raw_id for each in users[1:]}
    assert {each.chat_message_id for each in receipts} == {sent.id}
    assert {each.read_on for each in receipts} == {server.now()}
    skipped = await everything(clients, thread.list_read_receipts, skip=2)
    assert len(skipped) == 1


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
async def test_refusals_are_told(server: ChatServer, clients: Clients) -> None:
    """By the error type of each status, with the code that the OpenAPI has for it."""
    alice, mallory = await server.users(2)
    ended, mallory = mallory, await server.token_for(mallory)
    thread = await a_thread(clients, alice)
    sent = await clients.call(thread.send_message, "hello")

    with refused(403, "Forbidden"):
        await clients.call(seen_by(clients, mallory, thread).update_message, sent.id, "x")
    with refused(404, "NotFound"):
        await clients.call(thread.get_message, "1")
    with refused(400, "BadRequest"):
        await clients.call(thread.send_message, "x" * (28 * 1024 + 1))
    with refused(413, "RequestEntityTooLarge"):
        await clients.call(thread.send_message, "x" * MAX_BODY_SIZE)
    await server.revoke(mallory)
    with refused(401, "Unauthorized"):
        await clients.call(clients.chat(ended.token).create_chat_thread, "Lunch")


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_clients_wait_as_they_are_told(kind: str) -> None:
    """Too many requests delay a client; what it asked for comes about all the same."""
    async with serve(limits=RateLimits) as server:
        waits: list[float] = []

        async def wait(
            seconds: float, server: ChatServer = server, waits: list[float] = waits
        ) -> None:
            waits.append(seconds)
            await server.advance(seconds=seconds)

        [alice] = await server.users(1)
        async with python_clients(kind, server.endpoint, wait=wait, retries=3) as clients:
            chat = clients.chat(alice.token)
            for number in range(12):
                await clients.call(chat.create_chat_thread, f"Thread {number}")
            threads = await everything(clients, chat.list_chat_threads)

        assert len(waits) == 1
        assert len(threads) == 12


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_clients_give_up_with_the_error(kind: str) -> None:
    """429 in the words of the OpenAPI."""
    async with serve(limits=RateLimits) as server:
        [alice] = await server.users(1)
        async with python_clients(kind, server.endpoint) as clients:
            chat = clients.chat(alice.token)
            with refused(429, "TooManyRequests"):
                for _ in range(100):
                    await clients.call(chat.create_chat_thread, "Lunch")


async def test_clients_work_over_https(
    store_kind: str, secure_server: ChatServer, ca_bundle: Path
) -> None:
    """As they are, with the authority trusted: page by page too."""
    [alice] = await secure_server.users(1)
    kind = "sync" if store_kind == "memory" else "async"
    async with python_clients(kind, secure_server.endpoint, ca=ca_bundle) as clients:
        thread = await a_thread(clients, alice)
        sent = await clients.call(thread.send_message, "hello")
        pages = await clients.pages(thread.list_messages, results_per_page=1)

    assert [len(page) for page in pages] == [1, 1, 1]
    assert pages[0][0].id == sent.id
