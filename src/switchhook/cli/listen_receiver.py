"""How does `listen` receive? A small HTTP server on a free port of loopback."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Self, cast

import httptools
import msgspec

HOST = "127.0.0.1"
# A delivery is at most 1 MiB of events; what is larger is no delivery.
MAX_BODY = 2 << 20

Headers = tuple[tuple[str, str], ...]


class ReceivedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came; the headers' names are in lower case."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """The value of the header, "" when it is absent."""
        return next((value for known, value in self.headers if known == name), "")


class Reply(msgspec.Struct, frozen=True):
    """What is answered."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()

    def to_bytes(self) -> bytes:
        """The response as HTTP/1.1 has it."""
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Status"
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            lines.append(f"Content-Length: {len(self.body)}")
            if self.body:
                lines.append(f"Content-Type: {self.content_type}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


Answer = Callable[[ReceivedRequest], Awaitable[Reply]]


class Receiver:
    """Hands each request to `answer`; several at a time, in order on each connection."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._connections: set[_Connection] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._answer, self._connections), HOST, 0
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.abort()


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Answer, connections: "set[_Connection]") -> None:
        self._answer = answer
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._requests: asyncio.Queue[ReceivedRequest] = asyncio.Queue()
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP gives nothing less; uvloop's transports do not inherit from it, though.
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._worker = asyncio.get_running_loop().create_task(self._work())

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._worker.cancel()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST)

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        if len(self._body) + len(body) > MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        request = ReceivedRequest(
            method=self._parser.get_method().decode("ascii"),
            target=self._target.decode("latin-1"),
            headers=tuple(self._headers),
            body=bytes(self._body),
        )
        self._reset()
        if not self._transport.is_closing():
            self._requests.put_nowait(request)

    def _refuse(self, status: int) -> None:
        if not self._transport.is_closing():
            self._transport.write(Reply(status).to_bytes())
            self._transport.close()

    async def _work(self) -> None:
        while True:
            reply = await self._answer(await self._requests.get())
            if not self._transport.is_closing():
                self._transport.write(reply.to_bytes())
