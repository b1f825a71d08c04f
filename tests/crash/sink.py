"""The receiver of the campaign: a webhook that outlives every kill and writes down what it gets."""

import asyncio
import time
from collections.abc import Collection
from typing import Self, cast

import httptools
import msgspec

from tests.crash.books import Books
from tests.crash.chat_books import ChatBooks

_REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REPORT = "Microsoft.Communication.SMSDeliveryReportReceived"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


class _Data(msgspec.Struct, rename="camel"):
    message_id: str | None = None
    validation_code: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    id: str
    data: msgspec.Raw
    subject: str = ""
    event_type: str = ""  # a CloudEvent has its own name for it


_events = msgspec.json.Decoder(list[_Event] | _Event)
_data = msgspec.json.Decoder(_Data)


class Sink:
    """Answers 200 to everything, but for one path. The path names the event subscription."""

    def __init__(
        self,
        books: Books,
        refusing: str = "",
        further: Collection[str] = (),
        chat: tuple[str, ChatBooks] | None = None,
    ) -> None:
        """`further` are subscriptions of the kinds that only lists are kept of.

        `chat` is the subscription to the events of chat, and where they are written down.
        """
        self._books = books
        self._chat_name, self._chat = chat or ("", ChatBooks())
        self._refusing = refusing
        self._further = further
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self._origin = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def url(self, subscription: str) -> str:
        """Where the deliveries of a subscription go."""
        return f"{self._origin}/{subscription}"

    def take(self, path: str, body: bytes) -> bytes:
        """Write a request down; the response."""
        now, name = time.monotonic(), path.lstrip("/")
        if name == self._refusing:
            return _REFUSAL
        decoded = _events.decode(body)
        for event in decoded if isinstance(decoded, list) else [decoded]:
            if name == self._chat_name:
                self._chat.arrive(event.id, event.event_type, bytes(event.data))
                continue
            if name in self._further:
                self._books.arrive_further(name, event.id, event.subject)
                continue
            if event.event_type == VALIDATION:
                return _echo(_data.decode(event.data).validation_code or "")
            message = _data.decode(event.data).message_id if event.event_type == REPORT else None
            self._books.arrive(name, event.id, now, message)
        self._arrived.set()
        return _OK

    async def wait_for_arrivals(self, count: int, *, within: float) -> None:
        """Return when so many deliveries have come, to whatever path."""
        async with asyncio.timeout(within):
            while sum(each.counts.total() for each in self._books.arrivals.values()) < count:
                self._arrived.clear()
                await self._arrived.wait()

    async def wait_for_quiet(self, wanting: str, *, within: float, quiet: float = 1.0) -> None:
        """Return when all that was acknowledged is here and nothing has come for `quiet` seconds.

        Returns at the deadline too: what is then missing is for the books to say.
        """
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), quiet)
            except TimeoutError:
                if not self._books.missing(wanting):
                    return


def _echo(code: str) -> bytes:
    body = msgspec.json.encode({"validationResponse": code})
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self._path = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # see `http_client`

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, body = self._path.decode("ascii"), b"".join(self._body)
        self._path = b""
        self._body.clear()
        response = self._sink.take(path, body)
        if not self._transport.is_closing():
            self._transport.write(response)
