"""Which events were accepted, and which are being accepted? Read from the log, as it grows.

There is no subscription and nothing to deliver: whoever reads slowly has a position in the log and
no queue, and misses what is trimmed meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from switchhook.grid.events import Envelope
from switchhook.grid.places import Place
from switchhook.grid.ports import Appended, EventLog
from switchhook.grid.route import Router
from switchhook.grid.schemas.read import read
from switchhook.grid.topics import Topic

# How much of the log is read at once; a batch that is larger is read whole.
_PAGE_BYTES = 256 << 10
# After so long without an event a sign of life, in real seconds.
SIGN_OF_LIFE_SECONDS = 10.0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to show: all parts must hold. Types are compared exactly, subjects not."""

    place: Place | None = None
    event_type: str = ""
    subject_begins_with: str = ""

    def wants(self, topic: Topic, envelope: Envelope) -> bool:
        """Whether an event is to be shown."""
        event = envelope.event
        return (
            self.event_type in ("", event.type)
            and event.subject.lower().startswith(self.subject_begins_with.lower())
            and (self.place is None or self.place.holds(topic.incarnation, event))
        )


class Accepted(msgspec.Struct, frozen=True):
    """An event of the log, and what it was published to."""

    topic: Topic
    envelope: Envelope


class Missed(msgspec.Struct, frozen=True):
    """The log no longer has the positions from `first` to before `end`."""

    first: int
    end: int


class Tails:
    """Those who watch the log."""

    def __init__(self, *, log: EventLog, router: Router) -> None:
        self._log = log
        self._router = router
        self._is_closed = False
        self._grown: set[asyncio.Event] = set()

    @property
    def head(self) -> int:
        """The position of the next event; those before it may still wait to be routed."""
        return self._log.extent().end

    @property
    def first(self) -> int:
        """The position of the oldest event that there is."""
        return self._log.extent().first

    @property
    def count(self) -> int:
        """How many watch."""
        return len(self._grown)

    def close(self) -> None:
        """Let every watcher come to its end."""
        self._is_closed = True
        for grown in self._grown:
            grown.set()

    async def position_at(self, instant: int) -> int:
        """The position of the first event that was accepted at an instant or later."""
        low, high = self.first, self.head
        while low < high:
            middle = (low + high) // 2
            batches = await self._log.read_from(middle, 1)
            if not batches or batches[0].batch.published_at >= instant:
                high = middle
            else:
                low = max(middle + 1, batches[0].end)
        return low

    async def watch(
        self, position: int, wanted: Wanted, *, follow: bool
    ) -> AsyncIterator[list[Accepted | Missed]]:
        """The events from `position` on, a page of the log at a time; an empty list is a sign of
        life. It ends at the end of the log, or with `follow` when the server stops."""
        grown = asyncio.Event()
        self._grown.add(grown)
        self._router.watchers.append(grown.set)
        try:
            end = self.head
            while not self._is_closed and (follow or position < end):
                grown.clear()
                found, position = await self._page(position, wanted)
                if found:
                    yield found
                elif position < self.head:
                    await asyncio.sleep(0)  # nothing that is wanted: others get a turn
                elif follow and not await _is_set_soon(grown):
                    yield []
        finally:
            self._router.watchers.remove(grown.set)
            self._grown.discard(grown)

    async def _page(self, position: int, wanted: Wanted) -> tuple[list[Accepted | Missed], int]:
        """What is wanted of a page that begins at `position`, and where the next one begins."""
        found: list[Accepted | Missed] = []
        head = self.head
        batches = await self._log.read_from(position, _PAGE_BYTES) if position < head else []
        if position < head and not batches:
            return [Missed(position, head)], head
        for appended in batches:
            if appended.first >= head:
                break
            if appended.first > position:
                found.append(Missed(position, appended.first))
            found += self._wanted_of(appended, position, wanted)
            position = appended.end
        return found, position

    def _wanted_of(self, appended: Appended, position: int, wanted: Wanted) -> list[Accepted]:
        batch, topic = appended.batch, self._router.topic(appended.batch.topic)
        if topic is None:
            return []
        first, published_at = appended.first, batch.published_at
        events = read(batch.body, batch.schema, topic, first=first, published_at=published_at)
        envelopes = (
            Envelope(at, published_at, event, batch.traceparent)
            for at, event in enumerate(events, first)
            if at >= position
        )
        return [Accepted(topic, each) for each in envelopes if wanted.wants(topic, each)]


async def _is_set_soon(grown: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(grown.wait(), SIGN_OF_LIFE_SECONDS)
    except TimeoutError:
        return False
    return True
