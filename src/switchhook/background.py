"""What runs beside the server's loops, and has any of it something to do now?

Handshakes, deadlines and the like are pieces of work that nobody awaits. One that waits for time to
pass, or for another piece of work, rests: whoever moves the clock need not wait for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)

# How a piece of work waits for time to pass, or for the end of another piece of work.
Rest = Callable[[asyncio.Future[None]], Awaitable[None]]


async def rest_uncounted(until: asyncio.Future[None]) -> None:
    """Wait for `until` where nobody asks who rests."""
    await asyncio.wait((until,))


class Background:
    """Pieces of work; one that fails does not end the server."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: dict[asyncio.Task[Any] | None, asyncio.Future[None]] = {}
        self._changed = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a piece of work."""
        task = asyncio.get_running_loop().create_task(_guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def rest(self, until: asyncio.Future[None]) -> None:
        """Wait for `until`; meanwhile the present piece of work has nothing to do."""
        task = asyncio.current_task()
        self._resting[task] = until
        self._changed.set()
        try:
            await asyncio.wait((until,))
        finally:
            del self._resting[task]

    @property
    def is_busy(self) -> bool:
        """Whether a piece of work has something to do."""
        return any(not self._rests(task) for task in self._tasks)

    async def quiet(self) -> None:
        """Return when none has anything to do."""
        while self.is_busy:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Cancel what has not ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _rests(self, task: asyncio.Task[None]) -> bool:
        # What it waited for may be over before the task itself runs again.
        until = self._resting.get(task)
        return until is not None and not until.done()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001 - it is logged, and the rest goes on
        _log.exception("background.failed")
