"""When does something come due, and is it done?

What an engine has to do later stands in a collection of the store, in the order of its instants, so
that a restart goes on where the last run stopped. One timer waits for the earliest of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from switchhook.clock import SECOND, Clock, Timer
from switchhook.grid.ports import Record, Records

_log = logging.getLogger(__name__)

# How much of what is due goes into one pass.
PASS_LIMIT = 256
# How long to wait after a pass that failed, such as for want of space.
BACK_OFF = SECOND

# Does a part of what is due: records and the instant. It commits their deletions (by `revision`)
# together with what they cause; what it leaves comes again in the next pass.
Work = Callable[[Sequence[Record], int], Awaitable[None]]


def due_key(due_at: int, id_: str) -> str:
    """The key of what is due at an instant: keys are in the order of their instants."""
    return f"{due_at:020}/{id_}"


class LaterWork(Protocol):
    """What an engine does as time passes."""

    @property
    def is_busy(self) -> bool:
        """Whether something that has been due is in flight."""

    async def quiet(self) -> None:
        """Return when nothing is in flight that has been due."""

    async def resume(self) -> None:
        """Take up what an earlier run left; the directory of resources is complete."""

    async def close(self) -> None:
        """Finish what runs, and begin nothing else."""


class DueWork:
    """Does what is due in one collection, in passes; keys are those of `due_key`."""

    def __init__(self, collection: str, *, records: Records, clock: Clock, work: Work) -> None:
        self._collection = collection
        self._records = records
        self._clock = clock
        self._work = work
        self._timer: Timer | None = None
        self._armed_for = 0
        self._task: asyncio.Task[None] | None = None
        self._was_woken = False
        self._is_closed = False

    async def resume(self) -> None:
        """Wait for what an earlier run left; at once for what has become due meanwhile."""
        self.expect(await self._next_due())

    def expect(self, due_at: int | None) -> None:
        """Be awake at that instant: something may be due then."""
        if due_at is None or self._is_closed:
            return
        if self._timer is not None:
            if self._armed_for <= due_at:
                return
            self._timer.cancel()
        self._armed_for = due_at
        self._timer = self._clock.call_at(due_at, self._wake)

    @property
    def is_busy(self) -> bool:
        """Whether something that has been due is in flight."""
        return self._task is not None

    async def quiet(self) -> None:
        """Return when nothing is in flight that has been due."""
        while self._task is not None:
            await asyncio.wait((self._task,))

    async def close(self) -> None:
        """Finish the pass that runs, and start no other."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        await self.quiet()

    def _wake(self) -> None:
        self._timer = None
        if self._task is not None:
            # The running task may have read before this became due: look again at its end.
            self._was_woken = True
        elif not self._is_closed:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while not self._is_closed and await self._pass():
                pass
            self.expect(await self._next_due())
        except Exception:  # noqa: BLE001 - what is due stays due; later passes must still come
            _log.warning("due_work.failed", exc_info=True, extra={"collection": self._collection})
            self.expect(self._clock.now() + BACK_OFF)
        finally:
            self._task = None
            if self._was_woken:
                self._was_woken = False
                self.expect(self._clock.now())

    async def _pass(self) -> bool:
        """Do a bounded part of what is due; answer whether there was any."""
        now = self._clock.now()
        due = await self._records.scan(self._collection, end=due_key(now + 1, ""), limit=PASS_LIMIT)
        if due:
            await self._work(due, now)
        return bool(due)

    async def _next_due(self) -> int | None:
        first = await self._records.scan(self._collection, limit=1)
        return int(first[0].key.partition("/")[0]) if first else None
