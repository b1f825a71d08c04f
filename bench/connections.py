"""How does one process publish, take deliveries and check them, at a few microseconds each?"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import cast

import httptools
import msgspec

from bench.job import Job
from bench.ledger import Ledger
from bench.model import WrongDeliveryError
from bench.template import DIGITS

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_SHOWN = 1_000  # bytes of a wrong request that are told


class Head(msgspec.Struct, frozen=True):
    """What a request's head says: for which subscription it is, and how long its body."""

    subscription: int
    length: int


class _HeadParser:
    def __init__(self) -> None:
        self._length = 0
        self._target = b""

    def on_url(self, target: bytes) -> None:
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-length":
            self._length = int(value)

    def read(self, head: bytes) -> Head:
        httptools.HttpRequestParser(self).feed_data(head)
        return Head(int(self._target.removeprefix(b"/")), self._length)


class Run:
    """What all connections of a job share."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.ledger = Ledger(job.expected, job.subscriptions)
        # Almost every delivery of a subscription has the same head: each is parsed once.
        self.heads: dict[bytes, Head] = {}
        self._failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self.requests = 0
        self.reads = 0  # whenever anything has come, from the server or to a webhook
        self.in_flight = 0
        self.is_stopping = False
        self._most_outstanding = job.backlog * job.subscriptions
        self.idle: deque[Publisher] = deque()
        self.overdue: deque[float] = deque()
        self.begun_at: list[float] = []
        self.latencies: list[float] = []

    def fail(self, error: Exception) -> None:
        """The first failure ends the job."""
        if not self._failed.done():
            self._failed.set_result(error)

    @property
    def failure(self) -> Exception | None:
        """What ended the job, if anything did."""
        return self._failed.result() if self._failed.done() else None

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until the job fails."""
        await asyncio.wait([self._failed], timeout=seconds)

    def delivered(self, numbers: Sequence[int]) -> None:
        """These events came; note their latencies, if anybody wants them."""
        if self.begun_at:
            now = time.perf_counter()
            self.latencies += [now - self.begun_at[each] for each in numbers]
        elif self.idle and self._may_publish():
            self.idle.popleft().publish()

    def answered(self, publisher: "Publisher") -> None:
        """A publisher's request was answered: what does it do next?"""
        self.in_flight -= 1
        if self.overdue:
            publisher.publish(self.overdue.popleft())
        elif self.job.per_second is None and self._may_publish():
            publisher.publish()
        else:
            self.idle.append(publisher)

    def _may_publish(self) -> bool:
        return self.ledger.outstanding < self._most_outstanding and not self.is_stopping

    def publish_at(self, due: float) -> None:
        """An event of a paced job is due."""
        if self.idle:
            self.idle.popleft().publish(time.perf_counter())
        else:
            self.overdue.append(due)


class Publisher(asyncio.Protocol):
    """One connection that publishes one request at a time."""

    def __init__(self, run: Run) -> None:
        job = run.job
        self._run = run
        self._count = job.events_per_request
        body = job.published.array(0, self._count)
        lines = [f"POST {job.path} HTTP/1.1", f"Host: localhost:{job.port}"]
        lines += [f"{name}: {value}" for name, value in job.headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        head = "\r\n".join(lines).encode()
        # Rewritten for each request: while one is under way nobody touches it.
        self._request = bytearray(head + body)
        places = [len(head) + at for at in job.published.places(self._count)]
        self._slots = [slice(at, at + DIGITS) for at in places]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)

    def publish(self, due: float | None = None) -> None:
        """Publish the next events; `due` is when a paced one was to go."""
        run, request = self._run, self._request
        first = run.ledger.begin(self._count)
        for number, slot in enumerate(self._slots, start=first):
            request[slot] = b"%012d" % number
        if due is not None:
            run.begun_at += [due] * self._count
        run.in_flight += 1
        run.requests += 1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._run.reads += 1
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._run.fail(error)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            self._run.fail(RuntimeError(f"a request to publish was answered {status}"))
            return
        self._run.ledger.acknowledge(self._count)
        self._run.answered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._run.is_stopping or self._run.in_flight:
            self._run.fail(exc or ConnectionError("the server closed a publisher's connection"))


class Webhook(asyncio.Protocol):
    """One connection of the server to the webhooks."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._run.reads += 1
        if self._begun:
            data = self._begun + data
        self._begun = data
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        if end < len(_END_OF_HEAD):
            return
        head = data[:end]
        try:
            known = self._run.heads.get(head) or self._learn(head)
            if len(data) < end + known.length:
                return
            self._begun = b""
            self._transport.write(_OK)
            # More than one request cannot be here: none was answered before it was complete.
            self._run.delivered(self._run.ledger.receive(known.subscription, data[end:]))
        except (WrongDeliveryError, httptools.HttpParserError, ValueError, IndexError) as error:
            self._run.fail(WrongDeliveryError(f"{error!r} in {data[:_SHOWN]!r}"))

    def _learn(self, head: bytes) -> Head:
        found = self._run.heads[head] = _HeadParser().read(head)
        return found
