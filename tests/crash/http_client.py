"""A small HTTP/1.1 client for load: kept-alive connections, one request at a time on each."""

import asyncio
from typing import Self, cast
from urllib.parse import urlsplit

import httptools
import msgspec


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes

    def json(self) -> object:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class Connection(asyncio.Protocol):
    """One connection; a request that gets no answer raises `ConnectionError`."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._answer: asyncio.Future[Answer] | None = None
        self._is_lost = False

    @classmethod
    async def open(cls, endpoint: str) -> Self:
        """Connect to the host and port of an `http` URL."""
        host = urlsplit(endpoint).netloc
        name, _, port = host.rpartition(":")
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(host), name, int(port))
        return connection

    async def exchange(self, request: bytes) -> Answer:
        """Send a whole request and wait for its answer."""
        if self._is_lost:
            raise ConnectionResetError("the connection is lost")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close it; whoever waits gets `ConnectionError`."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP gives nothing less; uvloop's transports do not inherit from it, though.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the connection was lost"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        answer = Answer(self._parser.get_status_code(), b"".join(self._body))
        self._body.clear()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


def build_request(
    method: str, target: str, host: str, headers: dict[str, str], body: bytes = b""
) -> bytes:
    """A request as HTTP/1.1 has it; JSON where the headers name no other type."""
    content = {"Host": host, "Content-Type": "application/json"} | headers
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in content.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body
