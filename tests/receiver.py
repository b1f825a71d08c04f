"""A webhook for tests: a real HTTP server on a free loopback port that records what it gets.

    async with Receiver() as receiver:
        ...                                     # deliver to receiver.url
        (request,) = await receiver.wait_for(1)

A validation handshake of the Event Grid schema is answered by itself and kept in `handshakes`;
every other request is in `requests`, from the moment its last byte has come.
"""

# ruff: noqa: ASYNC109 - a test says in place how long it will wait

import asyncio
import json
import ssl
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

import httptools
import msgspec

Headers = tuple[tuple[str, str], ...]


class ReceivedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came; `path` is still percent-encoded, `headers` has lower-case names."""

    method: str
    path: str
    query: dict[str, str]
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def event_type(self) -> str:
        """The `aeg-event-type` header, "" when absent."""
        return self.headers.get("aeg-event-type", "")

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Answer(msgspec.Struct, frozen=True):
    """What the receiver says to a request."""

    status: int = 200
    body: bytes = b""
    headers: Headers = ()

    def to_bytes(self) -> bytes:
        """The response as HTTP/1.1 has it."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Status"
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Receiver:
    """A webhook that answers 200 to everything until it is told otherwise.

    `connections` counts what was ever accepted. `host` may be an IPv6 address.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        answer_handshakes: bool = True,
        host: str = "127.0.0.1",
    ) -> None:
        self.requests: list[ReceivedRequest] = []
        self.handshakes: list[ReceivedRequest] = []
        self.answer_handshakes = answer_handshakes
        self.connections = 0
        self.port = 0
        self._host = host
        self._ssl = ssl_context
        self._answer = Answer()
        self._next: list[Answer] = []
        self._held: list[tuple[_Connection, Answer]] | None = None
        self._events: list[dict[str, Any]] = []  # those of the first `_scanned` requests
        self._scanned = 0
        self._open: set[_Connection] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), self._host, self.port, ssl=self._ssl
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.close_connections()
        await self._server.wait_closed()

    @property
    def origin(self) -> str:
        """Scheme, host and port; with TLS the host is `localhost`, for the certificate's sake."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"https://localhost:{self.port}" if self._ssl else f"http://{host}:{self.port}"

    @property
    def url(self) -> str:
        """Where to deliver; any other path and query of `origin` does as well."""
        return f"{self.origin}/events"

    @property
    def notifications(self) -> list[ReceivedRequest]:
        """The requests that are deliveries of events."""
        return [request for request in self.requests if request.event_type == "Notification"]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of all deliveries, in the order in which they came."""
        for request in self.requests[self._scanned :]:
            if request.event_type == "Notification":
                body = request.json()
                self._events += body if isinstance(body, list) else [body]
        self._scanned = len(self.requests)
        return list(self._events)

    async def wait_for(self, count: int, timeout: float = 5.0) -> list[ReceivedRequest]:
        """The requests, once there are at least `count`."""
        return await self._wait(self.requests, count, timeout)

    async def wait_for_handshakes(self, count: int, timeout: float = 5.0) -> list[ReceivedRequest]:
        """The handshakes answered by itself, once there are at least `count`."""
        return await self._wait(self.handshakes, count, timeout)

    async def wait_for_events(self, count: int, timeout: float = 5.0) -> list[dict[str, Any]]:
        """The delivered events, once there are at least `count`."""
        try:
            async with asyncio.timeout(timeout):
                while len(events := self.events) < count:
                    await self._change()
        except TimeoutError:
            raise AssertionError(f"{len(self.events)} of {count} events came") from None
        return events

    def answer_with(self, status: int, body: bytes = b"", headers: Headers = ()) -> None:
        """Answer so from now on."""
        self._answer = Answer(status, body, headers)

    def answer_next(self, answers: Iterable[int | Answer]) -> None:
        """Answer the next requests so, one each, and then as before."""
        self._next += [Answer(item) if isinstance(item, int) else item for item in answers]

    def hold(self) -> None:
        """Record requests from now on, but leave them without an answer until `release`."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Answer what was held, in its order, and hold no longer."""
        held, self._held = self._held or [], None
        for connection, answer in held:
            connection.write(answer)

    def close_connections(self) -> None:
        """Close every connection, whatever is going on there."""
        for connection in list(self._open):
            connection.close()

    async def _wait(
        self, seen: list[ReceivedRequest], count: int, timeout: float
    ) -> list[ReceivedRequest]:
        try:
            async with asyncio.timeout(timeout):
                while len(seen) < count:
                    await self._change()
        except TimeoutError:
            raise AssertionError(f"{len(seen)} of {count} requests came: {seen}") from None
        return list(seen)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _opened(self, connection: "_Connection") -> None:
        self.connections += 1
        self._open.add(connection)

    def _closed(self, connection: "_Connection") -> None:
        self._open.discard(connection)

    def _received(self, connection: "_Connection", request: ReceivedRequest) -> None:
        self._changed.set()
        if self.answer_handshakes and request.event_type == "SubscriptionValidation":
            self.handshakes.append(request)
            answer = _handshake_answer(request)
        else:
            self.requests.append(request)
            answer = self._next.pop(0) if self._next else self._answer
        if self._held is None:
            connection.write(answer)
        else:
            self._held.append((connection, answer))


def _handshake_answer(request: ReceivedRequest) -> Answer:
    code = request.json()[0]["data"]["validationCode"]
    body = json.dumps({"validationResponse": code}).encode()
    return Answer(200, body, (("Content-Type", "application/json"),))


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP and TLS give nothing less; uvloop's transports do not inherit from it, though.
        self._transport = cast(asyncio.Transport, transport)
        self._receiver._opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._receiver._closed(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        target = self._target.decode("latin-1")
        parts = urlsplit(target)
        request = ReceivedRequest(
            method=self._parser.get_method().decode(),
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            target=target,
            headers=self._headers,
            body=b"".join(self._body),
        )
        self._reset()
        self._receiver._received(self, request)

    def write(self, answer: Answer) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer.to_bytes())

    def close(self) -> None:
        self._transport.abort()
