"""The little of ASGI that routes without a framework need."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where the scope has the body of a request that has come whole. Whoever asks for it as ASGI does
# gets it all the same.
WHOLE_BODY = "switchhook.body"
# Where it may have the headers by their names; of those that come twice the first.
FIELDS = "switchhook.fields"


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


def fields(scope: Scope) -> dict[bytes, bytes]:
    """The headers by their lower-case names; of those that come twice the first."""
    found: dict[bytes, bytes] | None = scope.get(FIELDS)
    if found is None:
        found = scope[FIELDS] = dict(reversed(scope["headers"]))
    return found


def header(scope: Scope, name: bytes) -> str | None:
    """The value of a request header, by its lower-case name; None when it is absent."""
    value = fields(scope).get(name)
    return None if value is None else value.decode("latin-1")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The request's body; None when it is longer than `limit` bytes, without reading it all.

    Raises:
        ClientGoneError: there is nobody to answer.
    """
    whole: bytes | None = scope.get(WHOLE_BODY)
    if whole is not None:
        return whole if len(whole) <= limit else None
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdecimal() and int(declared) > limit:
        return None
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def reply(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send a whole answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
