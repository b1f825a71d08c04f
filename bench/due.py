"""A hundred thousand retries come due at once. Does anything stand still?

Timed are the event loop (how late a timer fires) while they are all sent, and the commits of others
while as many rows of a paused subscription are resumed.
"""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop

from bench.bars import BARS
from bench.model import Result, judge
from switchhook.clock import SystemClock
from switchhook.dead_letter_stores.folder import FolderDeadLetterStore
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS, version_key
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Put, PutWaiting, WaitingDelivery
from switchhook.grid.subscriptions import DeliverySettings, EventSubscription, WebHookDestination
from switchhook.grid.topics import Topic
from switchhook.stores.sqlite import SqliteStore
from switchhook.webhook.transport import HttpTransport

TOPIC = Topic(incarnation="t1", resource_id="/topics/orders", name="orders")
ROWS, SUBSCRIPTIONS = 100_000, 10
_CHUNK = 1_000
_EVERY = 0.002


class Gaps:
    """How late timers fire on the event loop."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._due = 0.0

    def start(self) -> None:
        """Measure from now on."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + _EVERY
        self._handle = loop.call_at(self._due, self._fire)

    def _fire(self) -> None:
        self.late.append(asyncio.get_running_loop().time() - self._due)
        self.start()

    def stop(self) -> float:
        """The longest gap, in seconds."""
        self._handle.cancel()
        return max(self.late)


def _row(position: int, subscription: str, due_at: int) -> WaitingDelivery:
    event = {
        "id": f"event-{position}",
        "subject": f"orders/{position}",
        "eventType": "Shop.OrderPlaced",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"note": "x" * 3800},
        "dataVersion": "1.0",
    }
    return WaitingDelivery(
        position=position,
        subscription=subscription,
        version=1,
        topic=TOPIC.incarnation,
        schema=EventSchema.EVENT_GRID,
        published_at=time.time_ns(),
        body=json.dumps([event]).encode(),
        attempts=1,
        due_at=due_at,
    )


async def _fill(store: SqliteStore, ports: list[int], due_at: int, subscriptions: int) -> None:
    changes = [Put(TOPICS, TOPIC.incarnation, msgspec.json.encode(TOPIC))]
    for number in range(subscriptions):
        webhook = WebHookDestination(endpoint_url=f"http://127.0.0.1:{ports[number]}/hook")
        each = EventSubscription(
            incarnation=f"s{number}",
            version=1,
            name=f"hook-{number}",
            topic=TOPIC.incarnation,
            destination=webhook,
        )
        key = version_key(each.incarnation, each.version)
        changes.append(Put(SUBSCRIPTION_VERSIONS, key, msgspec.json.encode(each)))
    await store.commit(changes)
    for first in range(0, ROWS, _CHUNK):
        rows = [_row(n, f"s{n % subscriptions}", due_at) for n in range(first, first + _CHUNK)]
        await store.commit([PutWaiting(row) for row in rows])


def _engine(store: SqliteStore, folder: Path) -> Engine:
    clock = SystemClock()
    return Engine(
        store=store,
        transport=HttpTransport(allow_http=True),
        clock=clock,
        random=random.random,
        dead_lettering=DeadLettering(FolderDeadLetterStore(folder / "dead"), clock),
    )


async def all_due(folder: Path, ports: list[int], subscriptions: int) -> tuple[float, float]:
    """Seconds in which all are sent, and the longest gap of the event loop meanwhile."""
    async with SqliteStore.open(folder) as store:
        due_at = time.time_ns()
        await _fill(store, ports, due_at, subscriptions)
        engine = _engine(store, folder)
        await engine.start()
        gaps, started = Gaps(), time.perf_counter()
        gaps.start()
        running = asyncio.create_task(engine.run())
        await _sent(engine)
        seconds = time.perf_counter() - started
        longest = gaps.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.stop(0)
    return seconds, longest


async def _sent(engine: Engine) -> None:
    queues, ended = engine.router.queues.values(), engine.deliverer.attempt_ended
    while True:
        ended.clear()  # before looking: what ends meanwhile is not to be missed
        is_busy = any(queue.in_flight or queue.retries for queue in queues)
        if not is_busy and await _is_empty(engine):
            return
        await ended.wait()


async def _is_empty(engine: Engine) -> bool:
    """Whether no row is left but those that the next checkpoint settles."""
    await engine.checkpoint.write()
    return await engine._store.next_due() is None


async def resumed(folder: Path, ports: list[int]) -> tuple[float, float]:
    """Seconds until the rows of a resumed subscription are sent; the longest commit meanwhile."""
    async with SqliteStore.open(folder) as store:
        await _fill(store, ports, time.time_ns(), 1)
        engine = _engine(store, folder)
        await engine.start()
        engine.router.configure("s0", DeliverySettings(is_paused=True))
        running = asyncio.create_task(engine.run())
        await engine.quiet()
        engine.router.configure("s0", DeliverySettings())
        started, commits = time.perf_counter(), []
        resuming = asyncio.create_task(_sent(engine))
        while not resuming.done():
            before = time.perf_counter()
            await store.commit([Put("bench", "key", b"value")])
            commits.append(time.perf_counter() - before)
        seconds = time.perf_counter() - started
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.stop(0)
    return seconds, max(commits)


def measure(rounds: int, seconds: float) -> list[Result]:
    """The bars, each of one run: what counts is the longest of many thousand instants."""
    command = [sys.executable, "-m", "bench.sinks"]
    with (
        tempfile.TemporaryDirectory() as parent,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sinks,  # noqa: S603
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        assert sinks.stdout is not None  # noqa: S101  it is a pipe
        assert sinks.stdin is not None  # noqa: S101  so is this
        ports = json.loads(sinks.stdout.readline())["is good"]
        folder = Path(parent)
        found = {
            "due gap 1": runner.run(all_due(folder / "one", ports, 1)),
            f"due gap {SUBSCRIPTIONS}": runner.run(all_due(folder / "many", ports, SUBSCRIPTIONS)),
            "due commit": runner.run(resumed(folder / "resumed", ports)),
        }
        sinks.stdin.close()
    return [
        judge(
            BARS[number],
            {"Switchhook, longest s": [longest]},
            lambda run: run["Switchhook, longest s"],
            f"All {ROWS:,} were delivered in {total:.1f} s.",
        )
        for number, (total, longest) in found.items()
    ]
