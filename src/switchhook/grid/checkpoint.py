"""How does delivery progress become durable?

Cursors and exception rows are collected in memory and written together, every checkpoint interval,
in one commit: a cursor never passes a delivery whose row is not in that commit or an earlier one.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

import msgspec

from switchhook.clock import SECOND, Clock, Timer
from switchhook.errors import StoreError
from switchhook.grid.delivery import Delivery
from switchhook.grid.ports import (
    Change,
    Commit,
    Cursor,
    DropCursor,
    DueMark,
    Identity,
    MoveWatermark,
    PutCursor,
    PutWaiting,
    SettleWaiting,
    WaitingDelivery,
)
from switchhook.grid.subscription_queue import SubscriptionQueue

log = logging.getLogger(__name__)

# An attempt that hangs this long gets an exception row, so that it does not hold the cursor back
# and a crash does not repeat all that was delivered after it.
HUNG_AFTER_SECONDS = 1.0

# When a row that could not be worked on is looked at again.
PAUSE_AFTER_FAILURE = 10 * SECOND

_NEVER = 1 << 63


class Checkpoint:
    """What has changed since the last checkpoint, and the commit that makes it durable."""

    def __init__(
        self,
        *,
        store: Commit,
        clock: Clock,
        head: Callable[[], int],
    ) -> None:
        self._store = store
        self._clock = clock
        self.head = head
        self._watermark = 0
        self._touched: dict[SubscriptionQueue, None] = {}
        self._rows: dict[Identity, PutWaiting | SettleWaiting] = {}
        # What goes with the rows into the same commit, after them.
        self._kept: list[Change] = []
        # Deliveries that wait but have no durable row yet: until then the log must keep the event.
        self.unwritten: dict[Identity, None] = {}
        self._lock = asyncio.Lock()
        self._lagging: dict[SubscriptionQueue, None] = {}
        self._timer: Timer | None = None
        # Deliveries that have a row and are in memory as well: nobody else may take them up.
        self.owned: set[Identity] = set()
        # The earliest instant at which a row is due; None when no row waits.
        self.next_due: int | None = None
        # Due rows up to this place have been read; None before the first.
        self.read_mark: DueMark | None = None
        # The earliest instant at which a row is due that was put since a page was asked for.
        self._put_meanwhile = _NEVER
        self.woken = asyncio.Event()
        self.dirty = asyncio.Event()
        # Replays that were canceled: what waits of them is not to be delivered.
        self.canceled_runs: set[int] = set()
        # Told of each delivery of a replay that has ended.
        self.run_settled: Callable[[Identity], None] = lambda _: None
        # Told of each subscription that is gone with all that waits.
        self.forgotten: Callable[[str], None] = lambda _: None

    def start(self, watermark: int) -> None:
        """Begin where the store is."""
        self._watermark = watermark

    # --- noting -----------------------------------------------------------------------------------

    def touch(self, queue: SubscriptionQueue) -> None:
        """The queue's cursor may have moved."""
        if queue not in self._touched and not queue.is_removed:
            self._touched[queue] = None
            self.dirty.set()

    def put(self, row: WaitingDelivery, *, is_first: bool = False) -> None:
        """A delivery waits, in its row alone; `is_first` when it had none before."""
        if is_first:
            self.unwritten[row.identity] = None
        self._note(row.identity, PutWaiting(row))
        self._disown(row.identity)
        self.expect_due(row.due_at)

    def expect_due(self, when: int) -> None:
        """A row is due then: wake whoever takes it up, unless an earlier one does."""
        self._note_due(when)
        self.wake_at(when)

    def _note_due(self, when: int) -> None:
        if self.read_mark is not None and when <= self.read_mark.due_at:
            self.read_mark = None  # it stands where nobody looks any more
        self._put_meanwhile = min(self._put_meanwhile, when)

    async def read_due(self, rows: Awaitable[list[WaitingDelivery]]) -> list[WaitingDelivery]:
        """As `read`, for the page of due rows behind `read_mark`, which moves to its end: unless a
        row was put meanwhile that stands before that and may not be on the page."""
        start, self._put_meanwhile = self.read_mark, _NEVER
        page = await self.read(rows)
        if page and self.read_mark is start and self._put_meanwhile > page[-1].due_at:
            last = page[-1]
            self.read_mark = DueMark(last.due_at, last.position, last.subscription, last.run)
        return page

    def wake_at(self, when: int) -> None:
        """Wake whoever takes up rows then, unless that happens earlier."""
        if self.next_due is not None and self.next_due <= when:
            return
        self.next_due = when
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_at(when, self.wake)

    def release(self, delivery: Delivery, due_at: int) -> None:
        """A delivery that was taken up goes back to its row, without an attempt."""
        self.put(delivery.as_waiting(due_at))

    def release_row(self, row: WaitingDelivery) -> None:
        """Nobody has the row any more; it is found again where it stands."""
        self._note_due(row.due_at)
        self.owned.discard(row.identity)
        self.wake_at(max(row.due_at, self._clock.now() + PAUSE_AFTER_FAILURE))

    def settle(self, identity: Identity, *, is_first: bool = False) -> None:
        """A delivery that has a row is finished.

        With `is_first` it has none, and the log keeps its event until the next commit: what goes
        into that is all that will be known of it.
        """
        position, subscription, run = identity
        if is_first:
            self.unwritten[identity] = None
        self._note(identity, SettleWaiting(position, subscription, run))
        self._disown(identity)
        if run:
            self.run_settled(identity)

    def keep(self, *changes: Change) -> None:
        """Write `changes` together with the rows that were noted before."""
        self._kept += changes
        self.dirty.set()

    def _disown(self, identity: Identity) -> None:
        self.owned.discard(identity)
        if self.next_due is not None and self.next_due <= self._clock.now():
            self.wake()  # rows that are due may have waited for this one's place in memory

    def forget(self, queue: SubscriptionQueue) -> None:
        """The subscription is gone, with its rows."""
        incarnation = queue.subscription.incarnation
        self._touched.pop(queue, None)
        self._lagging.pop(queue, None)
        self._rows = {i: row for i, row in self._rows.items() if i[1] != incarnation}
        self.owned = {i for i in self.owned if i[1] != incarnation}
        self.unwritten = {i: None for i in self.unwritten if i[1] != incarnation}
        self.forgotten(incarnation)

    def start_over(self) -> None:
        """Everything was forgotten: nothing waits, and nothing is to be written.

        Called while checkpoints stand; the caller empties the store meanwhile.
        """
        self._rows.clear()
        self._kept.clear()
        self.unwritten.clear()
        self.owned.clear()
        self._lagging.clear()
        self.read_mark = None

    def wake(self) -> None:
        """There may be something to do for who takes up due rows and reads the log."""
        self.woken.set()

    def _note(self, identity: Identity, row: PutWaiting | SettleWaiting) -> None:
        self._rows[identity] = row
        self.dirty.set()

    def pinning(self) -> Iterable[SubscriptionQueue]:
        """The queues whose cursor may be less than the head."""
        return self._touched.keys() | self._lagging.keys()

    @property
    def has_unwritten_rows(self) -> bool:
        """Whether a row in memory is newer than the one in the store."""
        return bool(self._rows or self._kept)

    # --- writing ----------------------------------------------------------------------------------

    async def write(self, hung_after: float = HUNG_AFTER_SECONDS) -> None:
        """Make all that was noted durable; what could not be written is noted again.

        Attempts that have been in flight for `hung_after` real seconds are written down as waiting.

        Raises:
            StoreError: nothing was written.
        """
        async with self._lock:
            self.dirty.clear()
            head = self.head()
            self._write_hung_down(time.monotonic() - hung_after)
            rows, self._rows = self._rows, {}
            kept, self._kept = self._kept, []
            touched, self._touched = self._touched, {}
            cursors = [change for queue in touched for change in self._cursor(queue, head)]
            changes: list[Change] = [*rows.values(), *kept, *cursors]
            if head != self._watermark:
                changes.append(MoveWatermark(head))
            if not changes:
                return
            try:
                await self._store.commit(changes)
            except BaseException:  # cancelled at shutdown, too: the last checkpoint writes it again
                self._rows = rows | self._rows
                self._kept = kept + self._kept
                for queue in touched:
                    queue.stored_cursor = -1  # unknown: write it again, whatever it is
                    self.touch(queue)
                raise
            self._watermark = head
            for identity in rows:
                self.unwritten.pop(identity, None)

    def _cursor(self, queue: SubscriptionQueue, head: int) -> list[Change]:
        if queue.is_removed:
            return []
        subscription = queue.subscription.incarnation
        position = queue.cursor(head)
        if queue.in_flight:
            self._touched[queue] = None  # look again whether one of them hangs
            self.dirty.set()
        if position < head:
            self._lagging[queue] = None
        if position == queue.stored_cursor:
            return []
        if position < head:
            queue.stored_cursor = position
            return [PutCursor(Cursor(subscription=subscription, position=position))]
        if queue.stored_cursor is None:
            return []
        queue.stored_cursor = None
        self._lagging.pop(queue, None)
        return [DropCursor(subscription)]

    def _write_hung_down(self, hung_since: float) -> None:
        for queue in self._touched:
            for request in queue.in_flight:
                if request.began > hung_since:
                    break
                request.deliveries = [
                    each if each.is_stored else self._write_down(queue, each)
                    for each in request.deliveries
                ]

    def _write_down(self, queue: SubscriptionQueue, delivery: Delivery) -> Delivery:
        """Let the cursor pass a delivery that is under way; it stays in memory as well."""
        row = delivery.as_waiting(self._clock.now())
        self._rows[delivery.identity] = PutWaiting(row)
        self.unwritten[delivery.identity] = None
        self.owned.add(delivery.identity)
        queue.settle(delivery)
        return msgspec.structs.replace(delivery, is_stored=True)

    async def read(self, rows: Awaitable[list[WaitingDelivery]]) -> list[WaitingDelivery]:
        """Rows of the store as they are when no checkpoint is on its way.

        Which of them are out of date by then, `is_in_memory` says.
        """
        async with self._lock:  # what changes meanwhile is still noted afterwards
            return await rows

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        """Nothing that was noted before or is noted meanwhile is written: what the store holds and
        what `rows_noted` and `changes_kept` tell do not move from one to the other."""
        async with self._lock:
            yield

    def rows_noted(self, position: int) -> list[PutWaiting | SettleWaiting]:
        """What is not written yet of the rows of one event."""
        return [row for identity, row in self._rows.items() if identity[0] == position]

    def changes_kept(self) -> Sequence[Change]:
        """What is not written yet beside the rows, in order."""
        return self._kept

    def is_in_memory(self, row: WaitingDelivery) -> bool:
        """Whether the delivery, or its newer row, is in memory."""
        return row.identity in self.owned or row.identity in self._rows

    async def run(self, interval: float) -> None:
        """Write so often that a crash repeats no more than `interval` real seconds; forever."""
        while True:
            await self.dirty.wait()
            # A crash repeats what came after the last durable checkpoint: the pause, the write that
            # it interrupts, and the write before. Half of the interval is left to the two writes.
            await asyncio.sleep(interval / 2)
            try:
                await self.write()
            except StoreError as problem:
                # The publisher sees the same trouble; deliveries go on and are written later.
                log.warning("checkpoint.failed", extra={"reason": str(problem)})
                self.dirty.set()
