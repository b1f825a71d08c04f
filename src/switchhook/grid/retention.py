"""How long does the log keep events?

By age and size. Finished events stay until they are too old, for replays and questions; at the size
cap they go first. Unfinished ones are kept, and publishing is refused, unless the oldest may be
dropped.
"""

import asyncio
from collections.abc import Callable

from switchhook.clock import DAY, Clock
from switchhook.errors import StoreFullError
from switchhook.grid.ports import EventLog

# Basic tier: at most 24 hours (concepts.md); the size is ours.
DEFAULT_AGE = DAY
DEFAULT_MAX_BYTES = 2 << 30

# Room that is made at once when the log is full, so that not every publish has to.
_SLACK = 1 / 16
_ROWS_AT_ONCE = 200


class Retention:
    """Trims the log in small steps."""

    def __init__(
        self,
        *,
        store: EventLog,
        clock: Clock,
        unfinished: Callable[[], int],
        abandon: Callable[[int], None],
        max_age: int = DEFAULT_AGE,
        max_bytes: int = DEFAULT_MAX_BYTES,
        drops_unfinished: bool = False,
    ) -> None:
        """`unfinished()` is the first position that a cursor needs; `abandon(before)` makes the
        subscriptions that read the log skip what is before."""
        self._store = store
        self._clock = clock
        self._unfinished = unfinished
        self._abandon = abandon
        self._max_age = max_age
        self._max_bytes = max_bytes
        self._drops_unfinished = drops_unfinished
        # Held from making room to taking it, so that of all who wait for room each gets some.
        self.turn = asyncio.Lock()

    async def trim_aged(self) -> None:
        """Forget finished events that are older than the retention."""
        cutoff = self._clock.now() - self._max_age
        while True:
            oldest = self._store.extent().oldest_published_at
            if oldest is None or oldest >= cutoff:
                return
            batches = await self._store.read_from(self._store.extent().first)
            aged = [batch.end for batch in batches if batch.batch.published_at < cutoff]
            if not aged or not await self._trim(min(aged[-1], self._unfinished())):
                return

    async def make_room(self, needed: int) -> None:
        """Forget the oldest events until so many bytes and a little more fit; the caller holds the
        turn.

        Raises:
            StoreFullError: what is left is unfinished, or too little.
        """
        if not self.has_room(needed):
            await self._make_room(needed)
        if not self.has_room(needed):
            size, cap = self._store.extent().size, self._max_bytes
            raise StoreFullError(f"the event log is full: {size} of at most {cap} bytes are in use")

    def has_room(self, needed: int) -> bool:
        """Whether so many bytes fit."""
        return self._store.extent().size + needed <= self._max_bytes

    async def _make_room(self, needed: int) -> None:
        goal = self._max_bytes - needed - int(self._max_bytes * _SLACK)
        while (extent := self._store.extent()).size > max(goal, 0):
            batches = await self._store.read_from(extent.first)
            if not batches:
                break
            before = batches[-1].end
            if before > self._unfinished() and self._drops_unfinished:
                self._abandon(before)
            if not await self._trim(min(before, self._unfinished())):
                break

    async def _trim(self, before: int) -> int:
        removed = total = await self._store.trim(before, _ROWS_AT_ONCE)
        while removed == _ROWS_AT_ONCE:
            removed = await self._store.trim(before, _ROWS_AT_ONCE)
            total += removed
        return total
