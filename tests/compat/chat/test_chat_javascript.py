"""Every operation of @azure/communication-chat 1.6.0 under Node, over HTTPS, unmodified."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.http.communication_api.chat_api import MAX_BODY_SIZE
from tests.compat.chat.conftest import javascript_client
from tests.compat.chat.server import ChatServer, JavaScript, User, serve
from tests.wire import a_context

Json = dict[str, Any]


@pytest.fixture
def store_kind() -> str:
    """What users have."""
    return "sqlite"


def identifier(user: User) -> Json:
    """A user as JavaScript names one."""
    return {"communicationUserId": user.raw_id}


def found(user: User) -> Json:
    """A user as the client hands one out."""
    return {"kind": "communicationUser", "communicationUserId": user.raw_id}


def date(at: datetime) -> Json:
    """A `Date` of JavaScript, which has milliseconds."""
    return {"$date": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"}


async def create(javascript: JavaScript, owner: User, *others: User, **options: Any) -> Json:
    """Create a thread; the thread of the reply."""
    participants = [{"id": identifier(each)} for each in others]
    answer = await javascript(
        owner, "createChatThread", {"topic": "Lunch"}, {"participants": participants} | options
    )
    thread: Json = answer["result"]["chatThread"]
    return thread


async def send(javascript: JavaScript, sender: User, thread_id: str, text: str) -> str:
    """Send a message; its id."""
    answer = await javascript(sender, "sendMessage", {"content": text}, thread_id=thread_id)
    return str(answer["result"]["id"])


async def test_thread_is_created_and_read(
    secure_server: ChatServer, javascript: JavaScript
) -> None:
    """With metadata and a retention policy, which only this client has."""
    alice, bob = await secure_server.users(2)

    thread = await create(
        javascript,
        alice,
        bob,
        metadata={"kind": "déjeuner"},
        retentionPolicy={"kind": "threadCreationDate", "deleteThreadAfterDays": 60},
    )
    read = await javascript(bob, "getProperties", thread_id=thread["id"])

    assert thread == {
        "id": thread["id"],
        "topic": "Lunch",
        "createdOn": date(secure_server.now()),
        "createdBy": found(alice),
        "metadata": {"kind": "déjeuner"},
        "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": 60},
    }
    assert read["result"] == thread


async def test_participant_that_cannot_be_added_is_named(
    secure_server: ChatServer, javascript: JavaScript
) -> None:
    """In the replies of both operations that add."""
    [alice] = await secure_server.users(1)
    unknown = User(raw_id=f"{alice.raw_id[:-4]}dead", token="")
    asked = {"participants": [{"id": identifier(unknown)}]}
    error = {"target": unknown.raw_id, "code": "404", "message": "Not found"}

    created = await javascript(alice, "createChatThread", {"topic": "Lunch"}, asked)
    thread_id = created["result"]["chatThread"]["id"]
    added = await javascript(alice, "addParticipants", asked, thread_id=thread_id)

    assert created["result"]["invalidParticipants"] == [error]
    assert added["result"]["invalidParticipants"] == [error]


async def test_same_idempotency_token_answers_the_same_thread(
    secure_server: ChatServer, javascript: JavaScript
) -> None:
    """The client sends it as `repeatability-request-id`."""
    [alice] = await secure_server.users(1)

    ids = [
        (await create(javascript, alice, idempotencyToken=token))["id"]
        for token in ("one", "one", "two")
    ]

    assert ids[0] == ids[1] != ids[2]


async def test_properties_are_updated(secure_server: ChatServer, javascript: JavaScript) -> None:
    """The topic alone, then all of them."""
    [alice] = await secure_server.users(1)
    thread_id = (await create(javascript, alice))["id"]

    await javascript(alice, "updateTopic", "Dinner", thread_id=thread_id)
    first = await javascript(alice, "getProperties", thread_id=thread_id)
    changes = {
        "topic": "Supper",
        "metadata": {"k": "v"},
        "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": 90},
    }
    await javascript(alice, "updateProperties", changes, thread_id=thread_id)
    second = await javascript(alice, "getProperties", thread_id=thread_id)
    await javascript(
        alice, "updateProperties", {"retentionPolicy": {"kind": "none"}}, thread_id=thread_id
    )
    third = await javascript(alice, "getProperties", thread_id=thread_id)

    assert first["result"]["topic"] == "Dinner"
    assert {name: second["result"][name] for name in changes} == changes
    assert third["result"]["retentionPolicy"] == {"kind": "none"}
    assert third["result"]["topic"] == "Supper"


async def test_threads_are_listed_in_pages(
    secure_server: ChatServer, javascript: JavaScript
) -> None:
    """From a time on."""
    [alice] = await secure_server.users(1)
    await create(javascript, alice)
    await secure_server.advance(hours=1)
    since = secure_server.now()
    made = [(await create(javascript, alice))["id"] for _ in range(3)]
    await send(javascript, alice, made[0], "hello")

    answer = await javascript(
        alice, "listChatThreads", {"maxPageSize": 2, "startTime": date(since)}
    )

    assert [len(page) for page in answer["pages"]] == [2, 1]
    threads = {item["id"]: item for page in answer["pages"] for item in page}
    assert set(threads) == set(made)
    assert threads[made[0]] == {
        "id": made[0],
        "topic": "Lunch",
        "lastMessageReceivedOn": date(secure_server.now()),
    }


async def test_thread_is_deleted(secure_server: ChatServer, javascript: JavaScript) -> None:
    """Its properties say so; nothing can be done with it any more."""
    [alice] = await secure_server.users(1)
    thread_id = (await create(javascript, alice))["id"]

    deleted = await javascript(alice, "deleteChatThread", thread_id)
    read = await javascript(alice, "getProperties", thread_id=thread_id)
    sent = await javascript(alice, "sendMessage", {"content": "x"}, thread_id=thread_id)

    assert "error" not in deleted
    assert read["result"]["deletedOn"] == date(secure_server.now())
    assert (sent["error"]["type"], sent["error"]["status"]) == ("RestError", 404)


async def test_message_is_sent_edited_and_deleted(
    secure_server: ChatServer, javascript: JavaScript
) -> None:
    """With everything that it may have."""
    alice, bob = await secure_server.users(2)
    thread_id = (await create(javascript, alice, bob))["id"]
    options = {"type": "html", "senderDisplayName": "Alice", "metadata": {"tag": "été"}}

    sent = await javascript(
        alice, "sendMessage", {"content": "<b>hi 👋</b>"} | options, thread_id=thread_id
    )
    message_id = sent["result"]["id"]
    first = (await javascript(bob, "getMessage", message_id, thread_id=thread_id))["result"]
    await secure_server.advance(minutes=1)
    changes = {"content": "bye", "metadata": {"tag": "hiver"}}
    await javascript(alice, "updateMessage", message_id, changes, thread_id=thread_id)
    second = (await javascript(bob, "getMessage", message_id, thread_id=thread_id))["result"]
    edited_on = date(secure_server.now())
    await javascript(alice, "deleteMessage", message_id, thread_id=thread_id)
    listed = await javascript(bob, "listMessages", thread_id=thread_id)

    assert first == {
        "id": message_id,
        "type": "html",
        "sequenceId": "3",
        "version": message_id,
        "content": {"message": "<b>hi 👋</b>"},
        "senderDisplayName": "Alice",
        "createdOn": first["createdOn"],
        "sender": found(alice),
        "metadata": {"tag": "été"},
    }
    assert set(first["createdOn"]) == {"$date"}
    assert second["content"] == {"message": "bye"}
    assert second["metadata"] == {"tag": "hiver"}
    assert second["editedOn"] == edited_on
    last = listed["pages"][0][0]
    assert (last["id"], last["deletedOn"]) == (message_id, date(secure_server.now()))
    assert last["content"] == {"message": ""}


async def test_messages_are_listed_in_pages(
    secure_server: ChatServer, javascript: JavaScript
) -> None:
    """The service's own among them, newest first."""
    alice, bob = await secure_server.users(2)
    thread_id = (await create(javascript, alice, bob))["id"]
    for number in range(3):
        await send(javascript, alice, thread_id, f"message {number}")

    answer = await javascript(alice, "listMessages", {"maxPageSize": 2}, thread_id=thread_id)

    assert [len(page) for page in answer["pages"]] == [2, 2, 1]
    messages = [item for page in answer["pages"] for item in page]
    assert [each["content"].get("message") for each in messages[:3]] == [
        "message 2",
        "message 1",
        "message 0",
    ]
    topic, added = messages[3:]
    assert topic["type"] == "topicUpdated"
    assert topic["content"] == {"topic": "Lunch", "initiator": found(alice)}
    assert added["type"] == "participantAdded"
    assert added["content"]["initiator"] == found(alice)
    joined = {each["id"]["communicationUserId"] for each in added["content"]["participants"]}
    assert joined == {alice.raw_id, bob.raw_id}


async def test_participants_come_and_go(secure_server: ChatServer, javascript: JavaScript) -> None:
    """With metadata, which only this client has."""
    alice, bob, carol = await secure_server.users(3)
    thread_id = (await create(javascript, alice))["id"]
    since = secure_server.now() - timedelta(hours=1)
    members = {"displayName": "Bob", "shareHistoryTime": date(since), "metadata": {"k": "v"}}
    asked = [{"id": identifier(bob)} | members, {"id": identifier(carol)}]

    added = await javascript(alice, "addParticipants", {"participants": asked}, thread_id=thread_id)
    listed = await javascript(alice, "listParticipants", {"maxPageSize": 2}, thread_id=thread_id)
    await javascript(alice, "removeParticipant", identifier(bob), thread_id=thread_id)
    rest = await javascript(alice, "listParticipants", {"skip": 1}, thread_id=thread_id)

    assert "error" not in added
    assert "invalidParticipants" not in added["result"]
    assert [len(page) for page in listed["pages"]] == [2, 1]
    assert listed["pages"][0][1] == {"id": found(bob)} | members
    assert [each["id"] for page in rest["pages"] for each in page] == [found(carol)]


async def test_typing_and_receipts(secure_server: ChatServer, javascript: JavaScript) -> None:
    """Receipts are listed in pages."""
    users = await secure_server.users(4)
    thread_id = (await create(javascript, *users))["id"]
    message_id = await send(javascript, users[0], thread_id, "hello")

    typing = await javascript(
        users[0],
        "sendTypingNotification",
        {"senderDisplayName": "Alice"},
        thread_id=thread_id,
    )
    for user in users[1:]:
        await javascript(
            user, "sendReadReceipt", {"chatMessageId": message_id}, thread_id=thread_id
        )
    listed = await javascript(users[0], "listReadReceipts", {"maxPageSize": 2}, thread_id=thread_id)

    assert typing["result"] is True
    assert [each.sender_display_name for each in secure_server.typing()] == ["Alice"]
    assert [len(page) for page in listed["pages"]] == [2, 1]
    receipts = [item for page in listed["pages"] for item in page]
    assert sorted(each["sender"]["communicationUserId"] for each in receipts) == sorted(
        each.raw_id for each in users[1:]
    )
    for each in receipts:
        assert each["chatMessageId"] == message_id
        assert each["readOn"] == date(secure_server.now())


async def test_refusals_are_told(secure_server: ChatServer, javascript: JavaScript) -> None:
    """As errors of the client, with status, code and message."""
    alice, mallory = await secure_server.users(2)
    thread_id = (await create(javascript, alice))["id"]
    await secure_server.revoke(mallory)
    mallory, ended = (await secure_server.token_for(mallory)), mallory

    unauthorized = await javascript(ended, "listChatThreads")
    forbidden = await javascript(mallory, "getProperties", thread_id=thread_id)
    invalid = await javascript(alice, "sendMessage", {"content": ""}, thread_id=thread_id)
    missing = await javascript(alice, "getMessage", "1", thread_id=thread_id)

    large = await javascript(
        alice, "sendMessage", {"content": "x" * MAX_BODY_SIZE}, thread_id=thread_id
    )

    errors = [each["error"] for each in (unauthorized, forbidden, invalid, missing, large)]
    assert [each["status"] for each in errors] == [401, 403, 400, 404, 413]
    assert {each["type"] for each in errors} == {"RestError"}
    assert errors[0]["code"] == "Unauthorized"
    assert errors[0]["message"] == "Request is not authorized."
    assert errors[1]["code"] == "Forbidden"
    assert "content" in errors[2]["message"]


async def test_too_many_requests_are_told(ca_bundle: Path) -> None:
    """With the seconds to wait."""
    async with serve(limits=RateLimits, context=a_context(ca_bundle)) as server:
        [alice] = await server.users(1)
        async with javascript_client(server, ca_bundle) as javascript:
            for _ in range(10):
                await create(javascript, alice)

            refused = await javascript(alice, "createChatThread", {"topic": "Lunch"})

        assert refused["error"]["status"] == 429
        assert refused["error"]["code"] == "TooManyRequests"
        assert refused["error"]["retryAfter"] == "10"
