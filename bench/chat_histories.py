"""Large histories, written straight into the store in the records that the engine itself writes."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from switchhook.clock import MILLISECOND, SECOND
from switchhook.communication import records
from switchhook.communication.chat import history, store
from switchhook.communication.chat.model import Head, Message, MessageKind, Participant, Thread
from switchhook.grid.ports import Change, Records
from switchhook.stores.sqlite import SqliteStore

_BATCH = 10_000
# Messages of a history are so far apart; the last of them is a while ago.
_STEP, _AGO = 500 * MILLISECOND, 60 * SECOND
_TEXT = "The kitchen closes at ten; the bar stays open until the last guest has left."


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages a thread gets, and how many threads a user."""

    messages: dict[str, int]
    threads: dict[str, int]


async def fill(folder: Path, wanted: Wanted) -> dict[str, int]:
    """Write it all; the ids of the messages in the middle, by thread."""
    async with SqliteStore.open(folder) as opened:
        topics = await topics_of_threads(opened)
        middles = {}
        for thread_id, count in wanted.messages.items():
            topic = topics[thread_id]
            thread = await _thread(opened, topic, thread_id)
            first = time.time_ns() - _AGO - count * _STEP
            middles[thread_id] = history.milliseconds(first + count // 2 * _STEP)
            await _commit(opened, _messages(topic, thread, count, first))
        for raw_id, count in wanted.threads.items():
            await _commit(opened, _threads(next(iter(topics.values())), raw_id, count))
    return middles


async def topics_of_threads(opened: Records) -> dict[str, str]:
    """The incarnation of the resource's system topic, by thread."""
    return {
        thread_id: topic
        for record in await opened.scan(store.THREADS)
        for topic, _, thread_id in (record.key.partition("/"),)
    }


async def _thread(opened: Records, topic: str, thread_id: str) -> Thread:
    record = await opened.get(store.THREADS, records.key(topic, thread_id))
    assert record is not None, thread_id  # noqa: S101
    return msgspec.json.decode(record.value, type=Thread)


def _messages(topic: str, thread: Thread, count: int, first: int) -> Iterator[Change]:
    sender = thread.created_by
    for number in range(count):
        now = first + number * _STEP
        message = Message(
            id=history.milliseconds(now),
            kind=MessageKind.TEXT,
            sequence=number + 1,
            version=history.milliseconds(now),
            created_at=now,
            sender=sender,
            content=_TEXT,
        )
        yield records.put(store.MESSAGES, store.message_key(topic, thread.id, message.id), message)
    head = Head(sequence=count, message_id=message.id, last_message_at=message.created_at)
    yield records.put(store.HEADS, records.key(topic, thread.id), head)


def _threads(topic: str, raw_id: str, count: int) -> Iterator[Change]:
    first = time.time_ns() - _AGO - count * _STEP
    for number in range(count):
        now = first + number * _STEP
        thread = Thread(
            id=f"19:{raw_id[-12:]}{number:031}1@thread.v2",
            topic="Table bookings",
            created_at=now,
            created_by=raw_id,
            version=history.milliseconds(now),
            participants=(Participant(raw_id=raw_id),),
        )
        yield records.put(store.THREADS, records.key(topic, thread.id), thread)
        yield records.put(store.HEADS, records.key(topic, thread.id), Head())
        yield records.put(store.MEMBERS, store.member_key(topic, raw_id, thread), {})


async def _commit(opened: SqliteStore, changes: Iterable[Change]) -> None:
    left = iter(changes)
    while batch := list(islice(left, _BATCH)):
        await opened.commit(batch)
