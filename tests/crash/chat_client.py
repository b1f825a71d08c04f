"""How are users, threads and messages asked for, and read back?"""

import time
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from tests.crash.http_client import Answer, Connection, build_request
from tests.system.server_process import Ready
from tests.wire import signed_headers

# What `serve` is started with: a load asks more often than the service allows.
NO_RATE_LIMITS = ("--chat-rate-limits", "off")
_CHAT = "api-version=2025-03-15"
_IDENTITIES = "/identities?api-version=2023-10-01"
_MERGE_PATCH = "application/merge-patch+json"

T = TypeVar("T")


class User(msgspec.Struct, frozen=True):
    """A user of the resource, with a token for chat."""

    raw_id: str
    token: str


class WireIdentifier(msgspec.Struct, rename="camel"):
    """A user, as replies name one."""

    raw_id: str


class WireParticipant(msgspec.Struct, rename="camel"):
    """A participant of a thread."""

    communication_identifier: WireIdentifier
    display_name: str = ""


class WireContent(msgspec.Struct):
    """What a message says."""

    message: str = ""
    topic: str = ""
    participants: list[WireParticipant] = []


class WireMessage(msgspec.Struct, rename="camel"):
    """A message of a thread's history."""

    id: str
    type: str
    sequence_id: str
    version: str
    content: WireContent | None = None
    sender_communication_identifier: WireIdentifier | None = None
    deleted_on: str | None = None
    edited_on: str | None = None


class WireThread(msgspec.Struct, rename="camel"):
    """A thread, in lists and alone."""

    id: str
    topic: str = ""
    deleted_on: str | None = None


class _Page(msgspec.Struct, rename="camel"):
    value: list[msgspec.Raw]
    next_link: str | None = None


class _Identity(msgspec.Struct):
    id: str


class _AccessToken(msgspec.Struct):
    token: str


class _Created(msgspec.Struct, rename="camel"):
    identity: _Identity
    access_token: _AccessToken


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A thread as the API shows it; `messages` from the newest on."""

    is_gone: bool
    topic: str = ""
    participants: dict[str, str] = {}
    messages: list[WireMessage] = []


async def create_user(connection: Connection, ready: Ready) -> User:
    """A new user with a token for chat."""
    body = b'{"createTokenWithScopes":["chat"]}'
    key, host = ready.communication.access_key, connection.host
    headers = signed_headers("POST", _IDENTITIES, body, key, host, time.time())
    answer = await connection.exchange(build_request("POST", _IDENTITIES, host, headers, body))
    assert answer.status == 201, answer
    created = msgspec.json.decode(answer.body, type=_Created)
    return User(created.identity.id, created.access_token.token)


def path_of(*segments: str) -> str:
    """The path of something in chat; the verbs `:add` and `:remove` stay as they are."""
    quoted = (quote(each, safe=":" if each.startswith(":") else "") for each in segments)
    return "/".join(("/chat/threads", *quoted))


def chat_request(
    method: str,
    path: str,
    connection: Connection,
    user: User,
    body: object = None,
    **headers: str,
) -> bytes:
    """A request of a user; names of headers are written with underscores."""
    target = path if "?" in path else f"{path}?{_CHAT}"
    content = b"" if body is None else msgspec.json.encode(body)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    given["Authorization"] = f"Bearer {user.token}"
    if method == "PATCH":
        given["Content-Type"] = _MERGE_PATCH
    return build_request(method, target, connection.host, given, content)


class Reader:
    """Reads as one user."""

    def __init__(self, connection: Connection, user: User) -> None:
        self._connection = connection
        self.user = user

    async def thread(self, thread_id: str) -> Reading:
        """The whole of a thread."""
        answer = await self._get(path_of(thread_id))
        if answer.status in (403, 404):
            return Reading(is_gone=True)
        assert answer.status == 200, answer
        thread = msgspec.json.decode(answer.body, type=WireThread)
        if thread.deleted_on:
            return Reading(is_gone=True)
        users = await self._all(path_of(thread_id, "participants"), WireParticipant)
        return Reading(
            is_gone=False,
            topic=thread.topic,
            participants={
                each.communication_identifier.raw_id: each.display_name for each in users
            },
            messages=await self._all(path_of(thread_id, "messages"), WireMessage),
        )

    async def message(self, thread_id: str, message_id: str) -> WireMessage:
        """One message."""
        answer = await self._get(path_of(thread_id, "messages", message_id))
        assert answer.status == 200, answer
        return msgspec.json.decode(answer.body, type=WireMessage)

    async def threads(self) -> dict[str, str]:
        """The user's threads: topics by id."""
        found = await self._all(path_of(), WireThread)
        return {each.id: each.topic for each in found if not each.deleted_on}

    async def _all(self, path: str, type_: type[T]) -> list[T]:
        found: list[T] = []
        link: str | None = f"{path}?{_CHAT}&maxPageSize=200"
        while link:
            answer = await self._get(link)
            assert answer.status == 200, (link, answer)
            page = msgspec.json.decode(answer.body, type=_Page)
            found += [msgspec.json.decode(each, type=type_) for each in page.value]
            link = page.next_link
        return found

    async def _get(self, path: str) -> Answer:
        request = chat_request("GET", path, self._connection, self.user)
        return await self._connection.exchange(request)


def identifier(raw_id: str) -> dict[str, Any]:
    """A user, as requests name one."""
    return {"rawId": raw_id, "communicationUser": {"id": raw_id}}


def participants(names: dict[str, str]) -> list[dict[str, Any]]:
    """Participants of a request; display names by raw id."""
    return [
        {"communicationIdentifier": identifier(raw_id), "displayName": name}
        for raw_id, name in names.items()
    ]
