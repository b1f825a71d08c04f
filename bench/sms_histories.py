"""A long history of SMS, written straight into the store in the records that the engine writes."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.chat_histories import topics_of_threads
from switchhook.clock import MILLISECOND, SECOND
from switchhook.communication import records
from switchhook.communication.due_work import due_key
from switchhook.communication.sms.store import (
    DUE,
    MESSAGES,
    RETENTION,
    DeliveryAttempt,
    DeliveryReport,
    Direction,
    ExpiryDue,
    SmsMessage,
)
from switchhook.grid.ports import Change
from switchhook.stores.sqlite import SqliteStore

_BATCH = 10_000
_STEP, _AGO = 500 * MILLISECOND, 60 * SECOND


async def fill(folder: Path, count: int) -> None:
    """Write so many messages that were sent and delivered; a thread of chat names the resource."""
    async with SqliteStore.open(folder) as opened:
        topic = next(iter((await topics_of_threads(opened)).values()))
        changes = _changes(topic, count, time.time_ns() - _AGO - count * _STEP)
        while batch := list(islice(changes, _BATCH)):
            await opened.commit(batch)


def _changes(topic: str, count: int, first: int) -> Iterator[Change]:
    for number in range(count):
        message = _message(number, first + number * _STEP)
        key = records.key(topic, message.message_id)
        yield records.put(MESSAGES, key, message)
        expiry = due_key(message.accepted_at + RETENTION, key)
        yield records.put(DUE, expiry, ExpiryDue(messages=(key,)))


def _message(number: int, now: int) -> SmsMessage:
    attempt = DeliveryAttempt(timestamp=now, segments_succeeded=1, segments_failed=0)
    return SmsMessage(
        message_id=f"{number * 2_654_435_761 % 2**32:08x}-0000-4000-8000-{number:012x}",
        direction=Direction.OUTBOUND,
        from_="+15555550100",
        to="+14255550100",
        message="The kitchen closes at ten; the bar stays open until the last guest has left.",
        segments=1,
        accepted_at=now,
        enable_delivery_report=True,
        report=DeliveryReport(
            code=2000,
            details="Message Delivered Successfully",
            received_at=now,
            attempts=(attempt,),
        ),
    )
