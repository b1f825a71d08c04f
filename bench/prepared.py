"""How does a data folder get what would take hours to ask a server for?

While no server runs, through the port of the store, as the records that the server itself writes:
subscriptions, topics, and a log with somebody behind it.
"""

import asyncio
import contextlib
import itertools
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from bench import machine
from bench.idle_filters import idle_filters
from bench.template import DIGITS, Template
from switchhook.default_resources import TOPIC_ID
from switchhook.grid.collections import TOPICS
from switchhook.grid.events import EventSchema
from switchhook.grid.ports import (
    HASH_BYTES,
    Batch,
    Change,
    Cursor,
    MoveWatermark,
    Put,
    PutCursor,
    Records,
    Store,
)
from switchhook.grid.resources.ids import EVENT_GRID, key_of
from switchhook.grid.resources.records import (
    SubscriptionDefinition,
    SubscriptionRecord,
    TopicRecord,
    subscription_key,
)
from switchhook.grid.resources.sources import EventSource, put_topic
from switchhook.grid.resources.subscription_versions import put_version, version_of
from switchhook.grid.resources.view import COLLECTION
from switchhook.grid.subscriptions import Filter, ProvisioningState, WebHookDestination
from switchhook.grid.topics import Topic
from switchhook.stores.body_files import BodySettings
from switchhook.stores.data_folder import DATABASE
from switchhook.stores.sqlite import SqliteStore

NOBODY = "https://127.0.0.1:9/hook"  # where idle subscriptions would deliver
PLENTY = 1 << 40  # bytes; what is prepared has no cap
READING = "reading"  # the name of the subscription with an endpoint
_CHANGES_A_COMMIT = 5_000
_EVENTS_A_BATCH = 100
_BATCHES_A_COMMIT = 100
_NAMESPACE = uuid.UUID("6f1c1d0e-6a43-4a55-8f0e-1d2a3b4c5d6e")
# A small event; the number of each stands in its id.
EVENT = Template(
    b'{"id":"',
    b'","subject":"orders/1","eventType":"Shop.Order00","eventTime":"2026-01-01T00:00:00Z",'
    b'"dataVersion":"1.0","data":{"note":"' + b"x" * 150 + b'"}}',
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder is to have besides the default resources.

    `subscriptions` are idle ones of the default topic, more than the service allows if need be;
    `topics` have one each. The log gets `events`; a subscription that delivers them to `endpoint`,
    at most `batch` in a request, has all of them before it if `is_behind`, and none otherwise.
    """

    subscriptions: int = 0
    topics: int = 0
    events: int = 0
    endpoint: str = ""
    batch: int = 1
    is_behind: bool = False


def prepare(folder: Path, wanted: Wanted) -> None:
    """Fill the data folder of a server that does not run, and may never have run."""
    if not (folder / DATABASE).exists():
        with machine.server(folder):
            pass  # it has made the default resources
    asyncio.run(_prepare(folder, wanted))


async def _prepare(folder: Path, wanted: Wanted) -> None:
    async with SqliteStore.open(folder, max_bytes=PLENTY) as store:
        await fill(store, wanted)


def prepare_unfinished(folder: Path, events: int) -> int:
    """Leave what a crash leaves in the worst case: events that are in the write-ahead log alone.

    A reader that does not end keeps it from being copied to the database. Answers its bytes.
    """
    kept = folder.with_name(f"{folder.name}-kept")
    asyncio.run(_leave_unfinished(folder, events, kept))
    shutil.rmtree(folder)
    kept.rename(folder)
    return (folder / f"{DATABASE}-wal").stat().st_size


async def _leave_unfinished(folder: Path, events: int, kept: Path) -> None:
    in_rows = BodySettings(large_group=PLENTY)
    async with SqliteStore.open(folder, max_bytes=PLENTY, bodies=in_rows) as store:
        with contextlib.closing(apsw.Connection(str(folder / DATABASE))) as reader:
            reader.execute("BEGIN; SELECT count(*) FROM log")
            await fill(store, Wanted(events=events))
            shutil.copytree(folder, kept)


async def fill(store: Store, wanted: Wanted) -> None:
    """Write all of it into a store that has the default resources."""
    topic = await default_topic(store)
    await _commit(store, _idle_subscriptions(topic, wanted.subscriptions))
    await _commit(store, _topics(topic, wanted.topics))
    if wanted.endpoint:
        destination = WebHookDestination(
            endpoint_url=wanted.endpoint, max_events_per_batch=wanted.batch
        )
        await store.commit(_subscription(topic, READING, destination, Filter()))
    first = store.extent().end
    for batches in _commits(backlog(topic, wanted.events)):
        await store.commit((), batches)
    cursor = PutCursor(Cursor(subscription=incarnation_of(READING), position=first))
    # Whoever has no cursor of its own has all of it behind it.
    await store.commit([*([cursor] if wanted.is_behind else []), MoveWatermark(store.extent().end)])


async def default_topic(records: Records) -> Topic:
    """The topic that every new folder has."""
    stored = [msgspec.json.decode(each.value, type=Topic) for each in await records.scan(TOPICS)]
    return next(each for each in stored if each.resource_id == TOPIC_ID)


def backlog(topic: Topic, count: int) -> Iterator[Batch]:
    """So many small events, as they are after they were published by a hundred in a request.

    They are numbered in order from 0.
    """
    now = time.time_ns()
    for first in range(0, count, _EVENTS_A_BATCH):
        some = min(_EVENTS_A_BATCH, count - first)
        ids = (b"%0*d" % (DIGITS, number) for number in range(first, first + some))
        yield Batch(
            topic=topic.incarnation,
            schema=EventSchema.EVENT_GRID,
            published_at=now,
            body=EVENT.array(first, some),
            count=some,
            id_hashes=b"".join([zlib.crc32(each).to_bytes(HASH_BYTES, "big") for each in ids]),
        )


def incarnation_of(name: str) -> str:
    """Under which id the router knows what was prepared with this name."""
    return str(uuid.uuid5(_NAMESPACE, name))


def _commits(batches: Iterator[Batch]) -> Iterator[list[Batch]]:
    while some := list(itertools.islice(batches, _BATCHES_A_COMMIT)):
        yield some


async def _commit(store: Store, changes: Iterator[Change]) -> None:
    while some := list(itertools.islice(changes, _CHANGES_A_COMMIT)):
        await store.commit(some)


def _idle_subscriptions(topic: Topic, count: int) -> Iterator[Change]:
    destination = WebHookDestination(endpoint_url=NOBODY)
    for number, wanted in enumerate(idle_filters(count)):
        yield from _subscription(topic, f"idle-{number:06}", destination, wanted)


def _subscription(
    topic: Topic, name: str, destination: WebHookDestination, wanted: Filter
) -> list[Change]:
    """A subscription that has come into force."""
    definition = SubscriptionDefinition(destination=destination, filter=wanted)
    record = SubscriptionRecord(
        source=topic.resource_id,
        name=name,
        incarnation=incarnation_of(name),
        definition=definition,
        state=ProvisioningState.SUCCEEDED,
        operation=str(uuid.uuid5(_NAMESPACE, f"creation of {name}")),
        version=1,
        in_force=definition,
    )
    source = EventSource(topic=topic, topic_type=EVENT_GRID, location="global")
    return [
        Put(COLLECTION, subscription_key(topic.resource_id, name), msgspec.json.encode(record)),
        put_version(version_of(record, source)),
    ]


def _topics(like: Topic, count: int) -> Iterator[Change]:
    """Topics beside the default one, with a subscription each."""
    group = like.resource_id.rpartition("/")[0]
    for number in range(count):
        name = f"further-{number:06}"
        record = TopicRecord(
            id=f"{group}/{name}",
            name=name,
            incarnation=incarnation_of(name),
            metric_resource_id=str(uuid.uuid5(_NAMESPACE, f"metrics of {name}")),
            location="global",
        )
        topic = msgspec.structs.replace(
            like, incarnation=record.incarnation, resource_id=record.id, name=name
        )
        yield Put(COLLECTION, key_of(record.id), msgspec.json.encode(record))
        yield put_topic(topic)
        yield from _subscription(
            topic, f"of-{name}", WebHookDestination(endpoint_url=NOBODY), Filter()
        )
