"""`python -m bench.round_trips`: publishers that wait for each answer, and the webhook they feed.

Reads an `Order` for each run from its input, a line of JSON each; prints the port of the webhook
first, then a `RoundTrips` for each. Runs with what requirements-bench.lock installs.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import re
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import cast
from urllib.parse import urlsplit

import httptools
import msgspec
import uvloop

from bench.awake import Awake

# Stands in an order's body where each event has a mark of its own, of the same length.
MARK = "event-000000000000"
_MARKS = re.compile(rb"event-\d{12}")
_CODE = re.compile(rb'"validationCode":\s*"([^"]+)"')
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_SIGNED = "x-ms-date;host;x-ms-content-sha256"
# What arrives no more for so long is lost.
PATIENCE_SECONDS = 20.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is published, by how many, for how long; `key` is an access key that signs it."""

    url: str
    body: str
    connections: int
    seconds: float
    headers: dict[str, str] = {}
    key: str = ""


class RoundTrips(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run; `seconds` is from the first request to the last arrival, and `busy` which
    part of them this process had anything to do."""

    acknowledged: int
    refused: int
    lost: int
    repeated: int
    seconds: float
    busy: float = 0.0
    refusal: str = ""

    @property
    def per_second(self) -> float:
        """Events that were accepted and delivered, a second."""
        return (self.acknowledged - self.lost) / self.seconds


class Tally:
    """What was acknowledged, and what has arrived."""

    def __init__(self) -> None:
        self.acknowledged: set[bytes] = set()
        self.arrived: set[bytes] = set()
        self.repeated = 0
        self.refused = 0
        self.refusal = ""
        self.reads = 0  # whenever anything has come
        self.last_arrival = 0.0
        self.missing = 0
        self._nothing_missing = asyncio.Event()

    def arrive(self, body: bytes) -> None:
        """A delivery has come."""
        for mark in set(_MARKS.findall(body)):
            if mark in self.arrived:
                self.repeated += 1
            else:
                self.arrived.add(mark)
                self.last_arrival = time.perf_counter()
                if mark in self.acknowledged:
                    self._miss(-1)

    def answer(self, mark: bytes, status: int, body: bytes) -> None:
        """A request has been answered."""
        if 200 <= status < 300:
            self.acknowledged.add(mark)
            if mark not in self.arrived:
                self._miss(+1)
        else:
            self.refused += 1
            self.refusal = f"{status} {body[:200].decode(errors='replace')}"

    def _miss(self, change: int) -> None:
        """Count what was acknowledged and has not arrived."""
        self.missing += change
        if not self.missing:
            self._nothing_missing.set()

    async def completion(self, patience: float) -> None:
        """Return when all that was acknowledged is here, or nothing has come for so long."""
        arrived = -1
        while self.missing and len(self.arrived) > arrived:
            arrived = len(self.arrived)
            self._nothing_missing.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nothing_missing.wait(), patience)

    def result(self, started: float) -> RoundTrips:
        """What came of it, as it stands."""
        return RoundTrips(
            acknowledged=len(self.acknowledged),
            refused=self.refused,
            lost=self.missing,
            repeated=self.repeated,
            seconds=self.last_arrival - started,
            refusal=self.refusal,
        )


class Webhook(asyncio.Protocol):
    """A connection to the webhook: 200 for everything."""

    def __init__(self, tally: Callable[[], Tally]) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._tally().reads += 1
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        self._body.clear()
        code = _CODE.search(body)
        if code is not None:
            self._transport.write(_echo(code[1]))
            return
        self._tally().arrive(body)
        self._transport.write(_OK)


def _echo(code: bytes) -> bytes:
    body = b'{"validationResponse":"%s"}' % code
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


class Requests:
    """Makes the requests of an order."""

    def __init__(self, order: Order) -> None:
        parts = urlsplit(order.url)
        self.address = (parts.hostname or "", parts.port or 80)
        self._target = f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
        self._host = parts.netloc
        self._order = order
        given = {"Content-Type": "application/json"} | order.headers
        given = {"Host": self._host} | given | {"Content-Length": str(len(order.body.encode()))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._head = f"POST {self._target} HTTP/1.1\r\n{lines}".encode()
        self._body = order.body.encode()

    def make(self, mark: bytes) -> bytes:
        """The request of one event."""
        body = self._body.replace(MARK.encode(), mark)
        signature = self._signature(body) if self._order.key else b""
        return b"%s%s\r\n%s" % (self._head, signature, body)

    def _signature(self, body: bytes) -> bytes:
        """The headers that sign a body for Communication Services."""
        date = formatdate(usegmt=True)
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        text = f"POST\n{self._target}\n{date};{self._host};{digest}"
        secret = base64.b64decode(self._order.key)
        signature = base64.b64encode(hmac.digest(secret, text.encode(), "sha256")).decode()
        return (
            f"x-ms-date: {date}\r\nx-ms-content-sha256: {digest}\r\n"
            f"Authorization: HMAC-SHA256 SignedHeaders={_SIGNED}&Signature={signature}\r\n"
        ).encode()


class Publisher(asyncio.Protocol):
    """One request on the way at any time, until the time is over.

    On one connection, but where the server closes it after each answer.
    """

    def __init__(
        self,
        requests: Requests,
        marks: Iterator[bytes],
        tally: Tally,
        ends_at: float,
        ended: asyncio.Future[None],
    ) -> None:
        self._requests = requests
        self._marks = marks
        self._tally = tally
        self._ends_at = ends_at
        self._ended = ended
        self._is_waiting = False
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

    async def open(self) -> None:
        """Connect, and send the first request."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, *self._requests.address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_waiting:
            self._ended.set_exception(ConnectionResetError("a publisher lost its connection"))

    def data_received(self, data: bytes) -> None:
        self._tally.reads += 1
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._tally.answer(self._mark, status, b"".join(self._body))
        self._body.clear()
        self._is_waiting = False
        if time.perf_counter() >= self._ends_at:
            self._transport.close()
            self._ended.set_result(None)
        elif self._parser.should_keep_alive():
            self._send()
        else:
            self._transport.close()
            self._reopen()

    def _reopen(self) -> None:
        other = Publisher(self._requests, self._marks, self._tally, self._ends_at, self._ended)
        self._opening = asyncio.get_running_loop().create_task(other.open())

    def _send(self) -> None:
        self._mark = next(self._marks)
        self._is_waiting = True
        self._transport.write(self._requests.make(self._mark))


class Bench:
    """The webhook, and one run after the other."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self.tally = Tally()
        self._marks = (b"event-%012d" % number for number in itertools.count(1))

    async def listen(self) -> int:
        """Open the webhook; its port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Webhook(lambda: self.tally), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Close the webhook."""
        self._server.close()

    async def run(self, order: Order) -> RoundTrips:
        """Publish for a while, then wait for all that was acknowledged."""
        tally = self.tally = Tally()
        started, cpu = time.perf_counter(), time.process_time()
        with Awake(lambda: tally.reads) as load:
            await self._publish(order, started + order.seconds)
            await tally.completion(self._patience)
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        busy = (cpu - load.idle_seconds) / seconds
        return msgspec.structs.replace(tally.result(started), busy=busy)

    async def _publish(self, order: Order, ends_at: float) -> None:
        if order.url.startswith("nats:"):
            await self._publish_to_stream(order, ends_at)
            return
        requests, loop = Requests(order), asyncio.get_running_loop()
        ended: list[asyncio.Future[None]] = [loop.create_future() for _ in range(order.connections)]
        for each in ended:
            await Publisher(requests, self._marks, self.tally, ends_at, each).open()
        await asyncio.gather(*ended)

    async def _publish_to_stream(self, order: Order, ends_at: float) -> None:
        from bench.nats_client import publish

        body, tally = order.body.encode(), self.tally
        await publish(
            order.url,
            lambda mark: body.replace(MARK.encode(), mark),
            self._marks,
            lambda mark: tally.answer(mark, 200, b""),
            publishers=order.connections,
            ends_at=ends_at,
        )


async def _serve() -> None:
    bench = Bench()
    print(await bench.listen(), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        result = await bench.run(msgspec.json.decode(line, type=Order))
        print(msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
