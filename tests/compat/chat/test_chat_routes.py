"""What is on the wire, where no client looks: statuses, headers, links, refusals."""

import json
import uuid
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.http.communication_api.chat_api import MAX_BODY_SIZE, VERSIONS
from tests.compat.chat.server import ChatServer, Store, User, serve
from tests.wire import Answer

VERSION = "api-version=2025-03-15"
UNAUTHORIZED = {"error": {"code": "Unauthorized", "message": "Request is not authorized."}}
FORBIDDEN = {
    "error": {
        "code": "Forbidden",
        "message": "User is not allowed to perform specified action.",
    }
}


def identifier(user: User) -> dict[str, Any]:
    """A user as the clients write one: without a `kind`."""
    return {"rawId": user.raw_id, "communicationUser": {"id": user.raw_id}}


def participant(user: User, **members: Any) -> dict[str, Any]:
    """A user to add."""
    return {"communicationIdentifier": identifier(user)} | members


async def create(server: ChatServer, owner: User, *others: User, **headers: str) -> Answer:
    """Create a thread."""
    body = {"topic": "Lunch", "participants": [participant(each) for each in others]}
    return await server.request("POST", f"/chat/threads?{VERSION}", body, owner, **headers)


async def a_thread(server: ChatServer, owner: User, *others: User) -> str:
    """The path of a new thread."""
    created = await create(server, owner, *others)
    assert created.status == 201, created.body
    return f"/chat/threads/{quote(created.body['chatThread']['id'], safe='')}"


async def send(server: ChatServer, thread: str, sender: User, text: str = "hello") -> str:
    """Send a message; its id."""
    sent = await server.request(
        "POST", f"{thread}/messages?{VERSION}", {"content": text, "type": "text"}, sender
    )
    assert sent.status == 201, sent.body
    return str(sent.body["id"])


async def test_created_thread_has_a_location(server: ChatServer) -> None:
    """Root-relative, and it leads there; nothing is said of invalid participants."""
    alice, bob = await server.users(2)

    created = await create(server, alice, bob)
    found = await server.request("GET", created.headers["location"], None, bob)

    assert created.status == 201
    assert set(created.body) == {"chatThread"}
    assert found.status == 200
    assert found.body == created.body["chatThread"]
    assert found.body["createdByCommunicationIdentifier"]["rawId"] == alice.raw_id


async def test_sent_message_has_a_location(server: ChatServer) -> None:
    """The same for a message; its answer is the id alone."""
    [alice] = await server.users(1)
    thread = await a_thread(server, alice)

    sent = await server.request("POST", f"{thread}/messages?{VERSION}", {"content": "x"}, alice)
    found = await server.request("GET", sent.headers["location"], None, alice)

    assert sent.status == 201
    assert sent.body == {"id": found.body["id"]}
    assert found.body["type"] == "text"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "", {"topic": "Dinner"}, 204),
        ("POST", "/typing", {}, 200),
        ("POST", "/typing", None, 200),
        ("POST", "/readReceipts", {"chatMessageId": "{message}"}, 200),
        ("PATCH", "/messages/{message}", {"content": "x"}, 204),
        ("DELETE", "/messages/{message}", None, 204),
        ("POST", "/participants/:remove", {"rawId": "{bob}"}, 204),
        ("DELETE", "", None, 204),
    ],
)
async def test_answers_without_a_body_have_none(
    server: ChatServer, method: str, path: str, body: Any, status: int
) -> None:
    """And exactly this status: clients take any other for an error."""
    alice, bob = await server.users(2)
    thread = await a_thread(server, alice, bob)
    message = await send(server, thread, alice)

    def filled(text: str) -> str:
        return text.replace("{message}", message).replace("{bob}", bob.raw_id)

    answer = await server.request(
        method,
        f"{thread}{filled(path)}?{VERSION}",
        None if body is None else json.loads(filled(json.dumps(body))),
        alice,
    )

    assert (answer.status, answer.content) == (status, b"")
    assert answer.headers.get("content-length", "0") == "0"


async def test_added_participants_are_answered_with_an_object(server: ChatServer) -> None:
    """201, empty where all went well."""
    alice, bob = await server.users(2)
    thread = await a_thread(server, alice)

    added = await server.request(
        "POST", f"{thread}/participants/:add?{VERSION}", {"participants": [participant(bob)]}, alice
    )

    assert (added.status, added.body) == (201, {})


async def test_user_of_another_resource_is_not_permitted(server: ChatServer) -> None:
    """Named by the raw id, as 403; a phone number as well."""
    [alice] = await server.users(1)
    stranger = "8:acs:11111111-2222-4333-8444-555555555555_0000001a-0000-0000-0000-000000000b0b"
    body = {
        "topic": "Lunch",
        "participants": [
            {"communicationIdentifier": {"rawId": stranger}},
            {"communicationIdentifier": {"phoneNumber": {"value": "+14255550123"}}},
        ],
    }

    created = await server.request("POST", f"/chat/threads?{VERSION}", body, alice)

    assert created.status == 201
    errors = created.body["invalidParticipants"]
    assert [(each["target"], each["code"]) for each in errors] == [
        (stranger, "403"),
        ("4:+14255550123", "403"),
    ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_is_served(server: ChatServer, version: str) -> None:
    """Alike; answers name them all."""
    [alice] = await server.users(1)

    created = await server.request(
        "POST", f"/chat/threads?api-version={version}", {"topic": "Lunch"}, alice
    )

    assert created.status == 201
    assert version in created.headers["api-supported-versions"].split(", ")


@pytest.mark.parametrize("query", ["", "?api-version=", "?api-version=latest"])
async def test_write_needs_a_version(server: ChatServer, query: str) -> None:
    """Reads do without."""
    [alice] = await server.users(1)

    refused = await server.request("POST", f"/chat/threads{query}", {"topic": "x"}, alice)
    read = await server.request("GET", f"/chat/threads{query}", None, alice)

    assert refused.status == 400
    assert "api-version" in refused.body["error"]["message"]
    assert read.status == 200


async def test_answers_carry_the_usual_headers(server: ChatServer) -> None:
    """Errors too; the client's own id only where it asks for it."""
    [alice] = await server.users(1)

    asked = await server.request(
        "GET",
        f"/chat/threads?{VERSION}",
        None,
        alice,
        x_ms_client_request_id="mine",
        x_ms_return_client_request_id="true",
    )
    refused = await server.request(
        "POST", f"/chat/threads?{VERSION}", {}, alice, x_ms_client_request_id="mine"
    )

    assert asked.headers["x-ms-client-request-id"] == "mine"
    assert "x-ms-client-request-id" not in refused.headers
    assert refused.status == 400
    for answer in (asked, refused):
        assert uuid.UUID(answer.headers["x-ms-request-id"])
        assert "retry-after" not in answer.headers
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("escape", [True, False])
async def test_ids_in_paths_may_be_escaped_or_not(server: ChatServer, escape: bool) -> None:
    """The sync client escapes `:` and `@`, the asyncio client does not."""
    [alice] = await server.users(1)
    thread_id = (await create(server, alice)).body["chatThread"]["id"]
    thread = quote(thread_id, safe="" if escape else ":@")

    found = await server.request("GET", f"/chat/threads/{thread}?{VERSION}", None, alice)

    assert found.body["id"] == thread_id


async def test_next_link_is_relative_and_keeps_the_query(server: ChatServer) -> None:
    """It names the same list, with the same size and times, after the page before."""
    [alice] = await server.users(1)
    thread = await a_thread(server, alice)
    for _ in range(4):
        await send(server, thread, alice)
    since = quote("2026-01-01T00:00:00.000+00:00", safe="")

    first = await server.request(
        "GET", f"{thread}/messages?{VERSION}&maxPageSize=2&startTime={since}", None, alice
    )
    link = first.body["nextLink"]
    second = await server.request("GET", link, None, alice)

    assert urlsplit(link).path == f"{thread}/messages"
    assert not urlsplit(link).netloc
    query = parse_qs(urlsplit(link).query)
    assert query["maxPageSize"] == ["2"]
    assert query["startTime"] == ["2026-01-01T00:00:00.000+00:00"]
    assert query["api-version"] == ["2025-03-15"]
    assert len(second.body["value"]) == 2
    ids = [each["id"] for page in (first, second) for each in page.body["value"]]
    assert len(set(ids)) == 4


async def test_link_of_skipped_participants_counts_on(server: ChatServer) -> None:
    """`skip` of the next page is where this one ended."""
    users = await server.users(5)
    thread = await a_thread(server, *users)

    pages = [
        await server.request(
            "GET", f"{thread}/participants?{VERSION}&maxPageSize=2&skip=1", None, users[0]
        )
    ]
    while "nextLink" in pages[-1].body:
        pages.append(await server.request("GET", pages[-1].body["nextLink"], None, users[0]))

    assert [len(page.body["value"]) for page in pages] == [2, 2]
    assert parse_qs(urlsplit(pages[0].body["nextLink"]).query)["skip"] == ["3"]


async def test_head_is_answered_like_get(server: ChatServer) -> None:
    """Without the body."""
    [alice] = await server.users(1)
    thread = await a_thread(server, alice)

    head = await server.request("HEAD", f"{thread}?{VERSION}", None, alice)

    assert (head.status, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/chat", 404),
        ("GET", "/chat/threads/x/nothing", 404),
        ("POST", "/chat/threads/x/participants/:drop", 404),
        ("GET", "/chat/threads/x/participants/:add", 405),
        ("PUT", "/chat/threads/x", 405),
        ("DELETE", "/chat/threads", 405),
        ("OPTIONS", "/chat/threads", 405),
    ],
)
async def test_what_there_is_not_has_an_error(
    server: ChatServer, method: str, path: str, status: int
) -> None:
    """In the usual form; 405 names the methods that there are."""
    [alice] = await server.users(1)

    answer = await server.request(method, f"{path}?{VERSION}", None, alice)

    assert answer.status == status
    assert set(answer.body["error"]) >= {"code", "message"}
    assert ("allow" in answer.headers) == (status == 405)


async def test_allowed_methods_are_those_of_the_path(server: ChatServer) -> None:
    """All of them."""
    answer = await server.request("PUT", "/chat/threads/x", None, None)

    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH", "DELETE"}


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x.y.z", "Basic eDp5", "bearer ", "Bearer \xe9"]
)
async def test_without_a_token_nothing_is_served(server: ChatServer, authorization: str) -> None:
    """401, in the words of the OpenAPI's examples."""
    headers = {"authorization": authorization} if authorization else {}

    answer = await server.request("GET", f"/chat/threads?{VERSION}", None, None, **headers)

    assert (answer.status, answer.body) == (401, UNAUTHORIZED)
    assert "retry-after" not in answer.headers


async def test_key_opens_nothing_in_chat(server: ChatServer) -> None:
    """Chat has users, and a key is nobody's."""
    answer = await server.signed("GET", f"/chat/threads?{VERSION}")

    assert (answer.status, answer.body) == (401, UNAUTHORIZED)


async def test_token_ends(server: ChatServer) -> None:
    """By real time, whatever the clock of the test says."""
    [alice] = await server.users(1)

    server.age_credentials(hours=25)
    answer = await server.request("GET", f"/chat/threads?{VERSION}", None, alice)

    assert (answer.status, answer.body) == (401, UNAUTHORIZED)


async def test_revoked_token_is_refused(server: ChatServer) -> None:
    """At once."""
    [alice] = await server.users(1)
    before = await server.request("GET", f"/chat/threads?{VERSION}", None, alice)

    await server.revoke(alice)
    after = await server.request("GET", f"/chat/threads?{VERSION}", None, alice)

    assert before.status == 200
    assert (after.status, after.body) == (401, UNAUTHORIZED)


async def test_token_of_a_deleted_user_is_refused(server: ChatServer) -> None:
    """Deletion revokes."""
    [alice] = await server.users(1)

    await server.delete(alice)
    answer = await server.request("GET", f"/chat/threads?{VERSION}", None, alice)

    assert (answer.status, answer.body) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    ("scope", "path", "body", "status"),
    [
        ("voip", "/chat/threads", {"topic": "x"}, 403),
        ("chat.join", "/chat/threads", {"topic": "x"}, 403),
        ("chat", "/chat/threads", {"topic": "x"}, 201),
    ],
)
async def test_scope_decides(
    server: ChatServer, scope: str, path: str, body: Any, status: int
) -> None:
    """Only `chat` creates threads."""
    [user] = await server.users(1, scopes=[scope])

    answer = await server.request("POST", f"{path}?{VERSION}", body, user)

    assert answer.status == status
    if status == 403:
        assert answer.body == FORBIDDEN


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"topic": "x"}),
        ("DELETE", "", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"content": "x"}),
        ("GET", "/messages/{message}", None),
        ("PATCH", "/messages/{message}", {"content": "x"}),
        ("DELETE", "/messages/{message}", None),
        ("GET", "/participants", None),
        ("POST", "/participants/:add", {"participants": [{"communicationIdentifier": {}}]}),
        ("POST", "/participants/:remove", {"rawId": "{alice}"}),
        ("POST", "/typing", {}),
        ("POST", "/readReceipts", {"chatMessageId": "{message}"}),
        ("GET", "/readReceipts", None),
    ],
)
async def test_thread_is_closed_to_others(
    server: ChatServer, method: str, path: str, body: Any
) -> None:
    """403 for whoever is no participant."""
    alice, mallory = await server.users(2)
    thread = await a_thread(server, alice)
    message = await send(server, thread, alice)
    text = json.dumps(body).replace("{message}", message).replace("{alice}", alice.raw_id)
    text = text.replace(
        '"communicationIdentifier": {}',
        f'"communicationIdentifier": {json.dumps(identifier(mallory))}',
    )

    answer = await server.request(
        method,
        f"{thread}{path.replace('{message}', message)}?{VERSION}",
        None if body is None else json.loads(text),
        mallory,
    )

    assert (answer.status, answer.body) == (403, FORBIDDEN)


@pytest.mark.parametrize("message_id", ["1", "x", "0", "-1", "9" * 40, "\N{FULLWIDTH DIGIT ONE}"])
async def test_unknown_message_is_not_found(server: ChatServer, message_id: str) -> None:
    """Whatever its id looks like."""
    [alice] = await server.users(1)
    thread = await a_thread(server, alice)

    answer = await server.request(
        "GET", f"{thread}/messages/{quote(message_id)}?{VERSION}", None, alice
    )

    assert answer.status == 404
    assert "retry-after" not in answer.headers


async def test_unknown_thread_is_not_found(server: ChatServer) -> None:
    """An error body, and no reason to try again."""
    [alice] = await server.users(1)

    answer = await server.request(
        "GET", f"/chat/threads/19%3Anothing%40thread.v2?{VERSION}", None, alice
    )

    assert answer.status == 404
    assert set(answer.body["error"]) >= {"code", "message"}
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "JSON"),
        (b"[]", "object"),
        (b'{"content": ""}', "content"),
        (b'{"content": 1}', "content"),
        (b'{"content": "x", "type": "topicUpdated"}', "type"),
        (b'{"content": "\xff"}', "UTF-8"),
        (b'{"content": "x", "metadata": {"a": 1}}', "metadata"),
        (b"[" * 100_000, ""),
    ],
)
async def test_bad_message_is_refused(server: ChatServer, body: bytes, named: str) -> None:
    """400 that names the member."""
    [alice] = await server.users(1)
    thread = await a_thread(server, alice)

    answer = await server.request("POST", f"{thread}/messages?{VERSION}", body, alice)

    assert answer.status == 400
    assert named in answer.body["error"]["message"]
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/messages", "maxPageSize=0", "maxPageSize"),
        ("/messages", "maxPageSize=x", "maxPageSize"),
        ("/messages", "startTime=yesterday", "startTime"),
        ("/messages", "syncState=x", "token"),
        ("/participants", "skip=-1", "skip"),
        ("/readReceipts", "skip=x", "skip"),
    ],
)
async def test_bad_query_is_refused(server: ChatServer, path: str, query: str, named: str) -> None:
    """400 that names the parameter."""
    [alice] = await server.users(1)
    thread = await a_thread(server, alice)

    answer = await server.request("GET", f"{thread}{path}?{VERSION}&{query}", None, alice)

    assert answer.status == 400, answer.body
    assert named in answer.body["error"]["message"]


async def test_longest_message_fits_however_it_is_written(server: ChatServer) -> None:
    """28 KB, of which each may be six bytes of JSON; one more is too many."""
    [alice] = await server.users(1)
    thread = await a_thread(server, alice)
    text = "\x01" * 28 * 1024

    sent = await server.request("POST", f"{thread}/messages?{VERSION}", {"content": text}, alice)
    over = await server.request(
        "POST", f"{thread}/messages?{VERSION}", {"content": text + "x"}, alice
    )

    assert sent.status == 201
    assert over.status == 400
    assert "content" in over.body["error"]["message"]


async def test_largest_batch_of_participants_fits(server: ChatServer) -> None:
    """200, with names and metadata as long as they may be, all escaped."""
    alice, bob = await server.users(2)
    one = participant(
        bob, displayName="\N{SMILING FACE WITH SUNGLASSES}" * 256, metadata={"k": "\x01" * 900}
    )

    thread = await a_thread(server, alice)
    added = await server.request(
        "POST", f"{thread}/participants/:add?{VERSION}", {"participants": [one] * 200}, alice
    )

    assert added.status == 201, added.body


async def test_body_over_the_limit_is_refused(server: ChatServer) -> None:
    """413, in the usual form."""
    [alice] = await server.users(1)

    answer = await server.request(
        "POST", f"/chat/threads?{VERSION}", b" " * (MAX_BODY_SIZE + 1), alice
    )

    assert answer.status == 413
    assert answer.body["error"]["code"] == "RequestEntityTooLarge"
    assert "retry-after" not in answer.headers


async def test_too_many_requests_are_told_when_to_come_back() -> None:
    """And are served then."""
    async with serve(limits=RateLimits) as server:
        [alice] = await server.users(1)
        answers = [await create(server, alice) for _ in range(11)]

        refused = answers.pop()
        assert {each.status for each in answers} == {201}
        assert refused.status == 429
        assert refused.body == {
            "error": {"code": "TooManyRequests", "message": "Rate limit exceeded."}
        }
        seconds = int(refused.headers["retry-after"])
        assert 0 < seconds <= 60
        await server.advance(seconds=seconds)
        assert (await create(server, alice)).status == 201


async def test_who_may_not_act_uses_up_nothing() -> None:
    """A token without the scope is refused as often as it comes."""
    async with serve(limits=RateLimits) as server:
        [user] = await server.users(1, scopes=["voip"])

        statuses = {(await create(server, user)).status for _ in range(30)}

        assert statuses == {403}


async def test_who_is_no_participant_uses_up_nothing() -> None:
    """Nor does a stranger keep participants from sending."""
    async with serve(limits=RateLimits) as server:
        alice, mallory = await server.users(2)
        thread = await a_thread(server, alice)
        target = f"{thread}/messages?{VERSION}"

        statuses = {
            (await server.request("POST", target, {"content": "x"}, mallory)).status
            for _ in range(30)
        }

        assert statuses == {403}
        assert (await server.request("POST", target, {"content": "x"}, alice)).status == 201


async def test_failing_store_asks_for_another_try() -> None:
    """503 with `Retry-After`, which clients obey."""
    store = Store()
    async with serve(store=store) as server:
        [alice] = await server.users(1)
        store.fails = True

        answer = await create(server, alice)

        assert answer.status == 503
        assert answer.body["error"]["code"] == "ServiceUnavailable"
        assert answer.headers["retry-after"] == "1"
        store.fails = False
        assert (await create(server, alice)).status == 201


async def test_repeated_creation_answers_the_first_thread(server: ChatServer) -> None:
    """For the same user and id only."""
    alice, bob = await server.users(2)

    answers = [
        await create(server, user, repeatability_request_id="7f5c1d0e")
        for user in (alice, alice, bob)
    ]

    ids = [answer.body["chatThread"]["id"] for answer in answers]
    assert ids[0] == ids[1] != ids[2]


async def test_page_of_another_origin_may_call(server: ChatServer) -> None:
    """Preflight and answer."""
    [alice] = await server.users(1)

    preflight = await server.request(
        "OPTIONS",
        f"/chat/threads?{VERSION}",
        None,
        None,
        origin="https://shop.example",
        access_control_request_method="POST",
        access_control_request_headers="authorization,content-type,repeatability-request-id",
    )
    created = await create(server, alice, origin="https://shop.example")

    assert preflight.status == 204
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert created.headers["access-control-allow-origin"] == "*"
