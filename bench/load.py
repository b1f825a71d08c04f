"""`python -m bench.load`: publisher and webhook in one process, which checks every delivery.

Reads a `Job` as JSON, prints an `Outcome` as JSON. Each publisher waits for an answer before it
publishes again, and for deliveries when too many are outstanding; or the job has a pace. After
`seconds` they stop, and the job ends when all that they published is delivered.
"""

import asyncio
import contextlib
import ssl
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import cast

import httptools
import msgspec
import uvloop

from bench.ledger import Ledger
from bench.model import WrongDeliveryError
from bench.template import DIGITS, Template

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_SHOWN = 1_000  # bytes of a wrong request that are told
_LOOK_EVERY = 0.001
# Nothing tells that no duplicate is under way; this is a hundred times what a delivery takes.
_LINGER_SECONDS = 0.1


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to publish where, and what must come of it.

    A webhook listens on each of `webhook_ports`; the path `/3` names the fourth of so many
    `subscriptions`. `backlog` is how many events may be on their way, published and not yet
    delivered to all, before publishers wait. With `per_second` events are published at that
    pace, whatever becomes of those before, and the latency of each is told: from its publication
    to its delivery. What has not come after `patience` seconds in which nothing moved is lost.
    """

    port: int
    path: str
    headers: dict[str, str]
    published: Template
    expected: Template
    webhook_ports: Sequence[int]
    seconds: float
    connections: int
    events_per_request: int = 1
    subscriptions: int = 1
    backlog: int = 4_000
    per_second: float | None = None
    certificate: tuple[str, str] | None = None
    patience: float = 30.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job.

    `seconds` reach from the first event to the last delivery, `publishing_seconds` to the last
    answer. `wrong` says what was lost or changed, if anything; `cpu_seconds` are this process's.
    """

    events: int = 0
    requests: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    publishing_seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies: list[float] = []
    wrong: str = ""


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


@contextlib.asynccontextmanager
async def _webhooks(run: Run) -> AsyncIterator[None]:
    loop, job = asyncio.get_running_loop(), run.job
    context = None
    if job.certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*job.certificate)
    async with contextlib.AsyncExitStack() as stack:
        for port in job.webhook_ports:
            server = await loop.create_server(
                partial(Webhook, run), "127.0.0.1", port, ssl=context, backlog=1024
            )
            stack.callback(server.close)
        yield


async def run_job(job: Job) -> Outcome:
    """Do the job.

    Raises:
        WrongDeliveryError: something was lost or changed, or is still missing after a long wait.
    """
    run, loop = Run(job), asyncio.get_running_loop()
    async with _webhooks(run):
        connect = partial(loop.create_connection, partial(Publisher, run), "127.0.0.1", job.port)
        publishers = [(await connect())[1] for _ in range(job.connections)]
        started = time.perf_counter()
        cpu = time.process_time()
        await _publish(run, publishers)
        await _until(run, lambda: not (run.in_flight or run.overdue))
        answered = time.perf_counter()
        await _until(run, lambda: not run.ledger.outstanding)
        ended, cpu = time.perf_counter(), time.process_time() - cpu
        await asyncio.sleep(_LINGER_SECONDS)
    if run.failure is not None:
        raise run.failure
    run.ledger.check()
    return Outcome(
        events=run.ledger.begun,
        requests=run.requests,
        duplicates=run.ledger.duplicates(),
        seconds=ended - started,
        publishing_seconds=answered - started,
        cpu_seconds=cpu,
        latencies=run.latencies,
    )


async def _publish(run: Run, publishers: Sequence[Publisher]) -> None:
    """Publish for the job's seconds, and no longer."""
    job = run.job
    if job.per_second is None:
        for each in publishers:
            each.publish()
        await run.wait(job.seconds)
    else:
        run.idle.extend(publishers)
        due = time.perf_counter()
        until = due + job.seconds
        while not run.failure and due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            run.publish_at(due)
            due += 1 / job.per_second
    run.is_stopping = True


async def _until(run: Run, is_done: Callable[[], bool]) -> None:
    """Wait for that as long as anything moves.

    Raises:
        WrongDeliveryError: nothing has moved for long.
    """
    before, moved_at = _progress(run), time.perf_counter()
    while not is_done() and run.failure is None:
        await asyncio.sleep(_LOOK_EVERY)
        if (now := _progress(run)) != before:
            before, moved_at = now, time.perf_counter()
        elif time.perf_counter() - moved_at > run.job.patience:
            missing = f"{run.in_flight} answers and {run.ledger.outstanding} deliveries"
            raise WrongDeliveryError(f"{missing} never came")


def _progress(run: Run) -> tuple[int, int]:
    return run.ledger.acknowledged, run.ledger.outstanding


def main() -> int:
    """Do the job of the standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            outcome = runner.run(run_job(job))
        except WrongDeliveryError as error:
            outcome = Outcome(wrong=str(error))
    print(msgspec.json.encode(outcome).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
