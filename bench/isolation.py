"""`python -m bench.isolation`: do nine webhooks notice that the tenth is dead or hostile?

Ten subscriptions get every event. The deliveries of nine good ones are timed while the tenth is
good as well, and while it misbehaves in each of some ways, in turn, over several rounds of one run.
The same with and without the history of attempts.
"""

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop

from bench.sinks import BAD, GOOD
from switchhook.clock import SystemClock
from switchhook.dead_letter_stores.folder import FolderDeadLetterStore
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS, version_key
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Put
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.subscriptions import EventSubscription, WebHookDestination
from switchhook.grid.topics import Topic
from switchhook.stores.attempts import SqliteAttemptHistory
from switchhook.stores.sqlite import SqliteStore
from switchhook.webhook.transport import HttpTransport

ROUNDS = 5
EVENTS, REQUESTS = 1_500, 30
BAR = 0.90
BAR_ROWS = 0.10  # exception rows of the dead webhook for each event
HEALTHY, WITHOUT_HISTORY = "all ten are good", "... without history"
TENTH = (HEALTHY, "refuses", *BAD, WITHOUT_HISTORY)

TOPIC = Topic(incarnation="t1", resource_id="/topics/orders", name="orders")


class Run(msgspec.Struct, frozen=True):
    """One measurement: deliveries a second to the nine, and rows of the tenth for each event."""

    per_second: float
    rows: float


def _body(first: int, count: int) -> bytes:
    events = [
        {
            "id": f"event-{number}",
            "subject": f"orders/{number}",
            "eventType": "Shop.OrderPlaced",
            "eventTime": "2026-01-01T00:00:00Z",
            "data": {"total": number, "note": "x" * 500},
            "dataVersion": "1.0",
        }
        for number in range(first, first + count)
    ]
    return json.dumps(events).encode()


def _subscription(number: int, port: int) -> EventSubscription:
    url = f"http://127.0.0.1:{port}/hook"
    return EventSubscription(
        incarnation=f"s{number}",
        version=1,
        name=f"hook-{number}",
        topic=TOPIC.incarnation,
        destination=WebHookDestination(endpoint_url=url),
    )


async def measure(folder: Path, ports: list[int], *, has_history: bool) -> Run:
    """Publish, and wait until the first nine have everything."""
    clock = SystemClock()
    async with SqliteStore.open(folder) as store, SqliteAttemptHistory.open(folder) as history:
        changes = [Put(TOPICS, TOPIC.incarnation, msgspec.json.encode(TOPIC))]
        for number, port in enumerate(ports):
            each = _subscription(number, port)
            key = version_key(each.incarnation, each.version)
            changes.append(Put(SUBSCRIPTION_VERSIONS, key, msgspec.json.encode(each)))
        await store.commit(changes)
        engine = Engine(
            store=store,
            transport=HttpTransport(allow_http=True),
            clock=clock,
            random=random.random,
            dead_lettering=DeadLettering(FolderDeadLetterStore(folder / "dead"), clock),
            observation=Observation(history=history if has_history else None),
        )
        await engine.start()
        running = asyncio.create_task(engine.run())
        seconds = await _deliver(engine)
        rows = len(await store.waiting(f"s{GOOD - 1}", limit=None))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.stop(0)
    return Run(EVENTS * (GOOD - 1) / seconds, rows / EVENTS)


async def _deliver(engine: Engine) -> float:
    started = time.perf_counter()
    size = EVENTS // REQUESTS
    requests = (PublishRequest(_body(n * size, size)) for n in range(REQUESTS))
    await asyncio.gather(*(engine.publisher.publish(TOPIC, each) for each in requests))
    while any(engine.router.queues[f"s{n}"].cursor(EVENTS) < EVENTS for n in range(GOOD - 1)):
        engine.deliverer.attempt_ended.clear()
        await engine.deliverer.attempt_ended.wait()
    return time.perf_counter() - started


async def rounds(folder: Path, ports: dict[str, list[int]]) -> dict[str, list[Run]]:
    """Every case in turn, several times."""
    runs: dict[str, list[Run]] = {each: [] for each in TENTH}
    good = ports["is good"]
    for number in range(ROUNDS + 1):
        for case in TENTH:
            tenth = ports.get(case, good[-1:])
            place = folder / f"{number}-{case}".replace(" ", "-")
            found = await measure(
                place, [*good[:-1], *tenth], has_history=case is not WITHOUT_HISTORY
            )
            if number:  # the first warms up
                runs[case].append(found)
    return runs


def main() -> int:
    """Print the table; answer 1 when a bar is missed."""
    command = [sys.executable, "-m", "bench.sinks"]
    with (
        tempfile.TemporaryDirectory() as parent,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sinks,  # noqa: S603
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        assert sinks.stdout is not None  # noqa: S101  it is a pipe
        assert sinks.stdin is not None  # noqa: S101  so is this
        ports = json.loads(sinks.stdout.readline())
        runs = runner.run(rounds(Path(parent), ports))
        sinks.stdin.close()
    print(f"{'the tenth webhook':24} {'per second':>10} {'ratio':>6} {'rows/event':>10}  met")
    is_met = True
    for case, found in runs.items():
        pairs = zip(found, runs[HEALTHY], strict=True)
        ratio = statistics.median(each.per_second / healthy.per_second for each, healthy in pairs)
        rows = max(each.rows for each in found)
        met = ratio >= BAR and rows <= BAR_ROWS
        is_met = is_met and met
        rate = statistics.median(each.per_second for each in found)
        print(f"{case:24} {rate:10,.0f} {ratio:6.2f} {rows:10.3f}  {'yes' if met else 'NO'}")
    print(f"bars: ratio {BAR} of the same round, {BAR_ROWS} rows for each event")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
