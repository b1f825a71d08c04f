"""How long does it take to find and explain one of a million events?"""

import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from bench.bars import BARS
from bench.model import Result, judge
from switchhook.clock import SystemClock
from switchhook.dead_letter_stores.folder import FolderDeadLetterStore
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS, version_key
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.explain import Explainer
from switchhook.grid.limits import Limits
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Put
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.subscriptions import EventSubscription, Filter, WebHookDestination
from switchhook.grid.topics import Topic
from switchhook.stores.attempts import SqliteAttemptHistory
from switchhook.stores.sqlite import SqliteStore
from switchhook.webhook.transport import HttpTransport

EVENTS, BATCH = 1_000_000, 1_000
SUBSCRIPTIONS = 100
ROUNDS = 20

TOPIC = Topic(incarnation="t1", resource_id="/topics/orders", name="orders")


def event(number: int) -> dict[str, object]:
    """An event of about 300 bytes."""
    return {
        "id": f"{number:08}-5a1f-4000-8000-00000000e7e7",
        "subject": f"orders/{number}",
        "eventType": "Shop.OrderPlaced",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"total": number, "note": "x" * 120},
        "dataVersion": "1.0",
    }


def subscription(number: int) -> EventSubscription:
    """One that wants none of the events, so that the bench delivers nothing."""
    return EventSubscription(
        incarnation=f"s{number}",
        version=1,
        name=f"hook-{number}",
        topic=TOPIC.incarnation,
        destination=WebHookDestination(endpoint_url="http://127.0.0.1:9/hook"),
        filter=Filter(subject_begins_with=f"invoices/{number}"),
    )


async def fill(engine: Engine) -> None:
    """Publish everything, a batch at a time."""
    for first in range(0, EVENTS, BATCH):
        body = json.dumps([event(number) for number in range(first, first + BATCH)]).encode()
        await engine.publisher.publish(TOPIC, PublishRequest(body))


async def ask(folder: Path) -> dict[str, list[float]]:
    """Seconds of each question, by what was asked."""
    clock = SystemClock()
    async with SqliteStore.open(folder) as store, SqliteAttemptHistory.open(folder) as history:
        changes = [Put(TOPICS, TOPIC.incarnation, msgspec.json.encode(TOPIC))]
        for each in map(subscription, range(SUBSCRIPTIONS)):
            key = version_key(each.incarnation, each.version)
            changes.append(Put(SUBSCRIPTION_VERSIONS, key, msgspec.json.encode(each)))
        await store.commit(changes)
        engine = Engine(
            store=store,
            transport=HttpTransport(),
            clock=clock,
            random=random.random,
            dead_lettering=DeadLettering(FolderDeadLetterStore(folder / "dead"), clock),
            observation=Observation(history=history),
            limits=Limits(),
        )
        await engine.start()
        await fill(engine)
        explainer = Explainer(
            store=store,
            router=engine.router,
            checkpoint=engine.checkpoint,
            history=history,
            clock=clock,
        )
        found = await questions(explainer)
        await engine.stop(0)
    return found


async def questions(explainer: Explainer) -> dict[str, list[float]]:
    """Ask for the oldest, the newest, some between, and one that is not there."""
    numbers = random.Random(7).sample(range(EVENTS), ROUNDS)  # noqa: S311  the same each time
    asked = {
        "the oldest": [0] * 5,
        "the newest": [EVENTS - 1] * 5,
        "any": numbers,
        "one that is not there": [EVENTS + 1] * 5,
    }
    seconds: dict[str, list[float]] = {}
    for what, wanted in asked.items():
        for number in wanted:
            started = time.perf_counter()
            items = (await explainer.by_id(str(event(number)["id"]))).items
            seconds.setdefault(what, []).append(time.perf_counter() - started)
            assert len(items) == (number < EVENTS)  # noqa: S101
            told = sum(len(each.subscriptions) for each in items)
            assert told in (0, SUBSCRIPTIONS)  # noqa: S101
    return seconds


def measure(rounds: int, seconds: float) -> list[Result]:
    """The bar, of one log: filling it takes longer than all that is asked of it."""
    with tempfile.TemporaryDirectory() as parent:
        found = asyncio.run(ask(Path(parent)))
    medians = ", ".join(f"{what} {statistics.median(each):.4f} s" for what, each in found.items())
    worst = {"Switchhook, worst s": [max(max(each) for each in found.values())]}
    return [judge(BARS["explain"], worst, lambda run: run["Switchhook, worst s"], f"{medians}.")]
