"""Which events wait for a retry or a dead letter, although the log may have forgotten them?

Their exception rows hold them. Nothing finds a row by the id of its event: the rows are read, a
bounded number of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from switchhook.grid.events import Envelope
from switchhook.grid.ports import DeliveryState, WaitingDelivery
from switchhook.grid.schemas.read import read
from switchhook.grid.topics import Topic

# Bounds of one question: rows, and bytes of their events.
MAX_ROWS = 10_000
MAX_BYTES = 256 << 20
_PAGE = 50

Found = tuple[Topic, Envelope]
Topics = Callable[[str], Topic | None]


async def with_id(
    state: DeliveryState, subscriptions: Iterable[str], topics: Topics, event_id: str
) -> list[Found]:
    """The events of this id that wait in these subscriptions, the newest first."""
    found: dict[int, Found] = {}
    async for row in _rows(state, subscriptions):
        event = None if row.position in found else _event_of(row, topics)
        if event is not None and event[1].event.id == event_id:
            found[row.position] = event
    return [found[position] for position in sorted(found, reverse=True)]


async def at(
    state: DeliveryState, subscriptions: Iterable[str], topics: Topics, position: int
) -> Found | None:
    """The event at this position, if it waits in any of these subscriptions."""
    for incarnation in subscriptions:
        for row in await state.waiting(incarnation, start=position, limit=1):
            if row.position == position:
                return _event_of(row, topics)
    return None


async def _rows(
    state: DeliveryState, subscriptions: Iterable[str]
) -> AsyncIterator[WaitingDelivery]:
    count = size = 0
    for incarnation in subscriptions:
        start = 0
        while page := await state.waiting(incarnation, start=start, limit=_PAGE):
            for row in page:
                yield row
            count += len(page)
            size += sum(len(row.body) for row in page)
            if count >= MAX_ROWS or size >= MAX_BYTES:
                return
            start = page[-1].position + 1  # rows of one position hold the same event
            await asyncio.sleep(0)  # the store may answer without waiting


def _event_of(row: WaitingDelivery, topics: Topics) -> Found | None:
    topic = topics(row.topic)
    if topic is None:
        return None
    first, published_at = row.position, row.published_at
    event = next(read(row.body, row.schema, topic, first=first, published_at=published_at))
    return topic, Envelope(row.position, row.published_at, event, row.traceparent)
