"""How does a data folder get what would take hours to ask a server for?

While no server runs, through the port of the store, as the records that the server itself writes:
subscriptions, topics, and a log with somebody behind it.
"""

import asyncio
import itertools
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import machine
from bench.idle_filters import idle_filters
from switchhook.default_resources import TOPIC_ID
from switchhook.grid.collections import TOPICS
from switchhook.grid.events import EventSchema
from switchhook.grid.ports import (
    Batch,
    Change,
    Cursor,
    MoveWatermark,
    Put,
    PutCursor,
    Records,
    Store,
    hash_of_id,
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
from switchhook.stores.sqlite import SqliteStore

NOBODY = "https://127.0.0.1:9/hook"  # where idle subscriptions would deliver
PLENTY = 1 << 40  # bytes; what is prepared has no cap
READING = "reading"  # the name of the subscription with an endpoint
SUBJECT = "orders/"  # what it wants, and what the subjects of backlogs begin with
_CHANGES_A_COMMIT = 5_000
_EVENTS_A_BATCH = 100
_BATCHES_A_COMMIT = 100
_NAMESPACE = uuid.UUID("6f1c1d0e-6a43-4a55-8f0e-1d2a3b4c5d6e")
_EVENT = (
    b'{"id":"%d","subject":"orders/%d","eventType":"Shop.Order00",'
    b'"eventTime":"2026-01-01T00:00:00Z","dataVersion":"1.0",'
    b'"data":{"note":"' + b"x" * 150 + b'"}}'
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder is to have besides the default resources.

    `subscriptions` are idle ones of the default topic, `topics` have one each. The log gets
    `events`; a subscription that delivers them to `endpoint`, at most `batch` in a request, has all
    of them before it if `is_behind`, and none otherwise.
    """

    subscriptions: int = 0
    topics: int = 0
    events: int = 0
    endpoint: str = ""
    batch: int = 1
    is_behind: bool = False


def prepare(folder: Path, wanted: Wanted) -> None:
    """Fill the data folder of a server that does not run, and may never have run."""
    if not (folder / "switchhook.db").exists():
        with machine.server(folder):
            pass  # it has made the default resources
    asyncio.run(_prepare(folder, wanted))


async def _prepare(folder: Path, wanted: Wanted) -> None:
    async with SqliteStore.open(folder, max_bytes=PLENTY) as store:
        await fill(store, wanted)


async def fill(store: Store, wanted: Wanted) -> None:
    """Write all of it into a store that has the default resources."""
    topic = await default_topic(store)
    await _commit(store, _idle_subscriptions(topic, wanted.subscriptions))
    await _commit(store, _topics(topic, wanted.topics))
    if wanted.endpoint:
        destination = WebHookDestination(
            endpoint_url=wanted.endpoint, max_events_per_batch=wanted.batch
        )
        await store.commit(
            _subscription(topic, READING, destination, Filter(subject_begins_with=SUBJECT))
        )
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

    Their ids are numbers in order.
    """
    now = time.time_ns()
    for first in range(0, count, _EVENTS_A_BATCH):
        numbers = range(first, min(first + _EVENTS_A_BATCH, count))
        yield Batch(
            topic=topic.incarnation,
            schema=EventSchema.EVENT_GRID,
            published_at=now,
            body=b"[" + b",".join([_EVENT % (number, number) for number in numbers]) + b"]",
            count=len(numbers),
            id_hashes=b"".join([hash_of_id(str(number)) for number in numbers]),
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
