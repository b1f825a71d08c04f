"""How are attempts noted at the cost of a microsecond, and written where nobody waits for it?

They gather in lists; a thread writes them about once a second, or when many have gathered.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from switchhook.grid.ports import Attempt
from switchhook.stores.attempt_blocks import Success, bounded, to_success
from switchhook.stores.attempt_file import AttemptFile

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

FILE = "attempts.db"

FLUSH_SECONDS = 1.0
# So many successes or failures make a block; while one is written, no more than these gather.
BLOCK = 4_096
MAX_GATHERED = 8 * BLOCK


class SqliteAttemptHistory:
    """Implements `grid.ports.AttemptHistory`; made by `open`.

    `left_out` counts the attempts that a slow or failing disk kept out; `flushed` is set whenever
    what had gathered was written, or left out.
    """

    def __init__(self, file: AttemptFile, flush_seconds: float = FLUSH_SECONDS) -> None:
        self._file = file
        self._flush_seconds = flush_seconds
        self._successes: list[Success] = []
        self._failures: list[Attempt] = []
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="switchhook-attempts")
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Future[None] | None = None
        self._is_failing = False
        self._is_closed = False
        self.left_out = 0
        self.flushed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, folder: Path, *, max_bytes: int = 64 << 20, vfs: str | None = None
    ) -> AsyncIterator["SqliteAttemptHistory"]:
        """The history of a data folder that this process holds; `max_bytes` of it are kept."""
        history = cls(AttemptFile(folder / FILE, max_bytes=max_bytes, vfs=vfs))
        try:
            yield history
        finally:
            await history.close()

    def note_success(
        self,
        position: int,
        run: int,
        subscription: str,
        number: int,
        started_at: int,
        duration: int,
        status: int | None,
        early: bool = False,
    ) -> None:
        self._successes.append(
            (position, run, subscription, number, started_at, duration, status, early)
        )
        if self._timer is None or len(self._successes) >= BLOCK:
            self._attend(self._successes)

    def note_successes(
        self,
        positions: Sequence[int],
        run: int,
        subscription: str,
        number: int,
        started_at: int,
        duration: int,
        status: int | None,
        early: bool = False,
    ) -> None:
        self._successes += [
            (position, run, subscription, number, started_at, duration, status, early)
            for position in positions
        ]
        if self._timer is None or len(self._successes) >= BLOCK:
            self._attend(self._successes, len(positions))

    def note(self, attempt: Attempt) -> None:
        if not attempt.outcome:
            self.note_success(*to_success(attempt))
            return
        self._failures.append(bounded(attempt))
        if self._timer is None or len(self._failures) >= BLOCK:
            self._attend(self._failures)

    async def of(self, position: int) -> list[Attempt]:
        await self._flush_all()
        try:
            return await self._on_thread(self._file.of, position)
        except apsw.Error as error:
            _log.warning("attempts.not_read", extra={"reason": str(error)})
            return []

    async def forget(self) -> None:
        await self._flush_all()
        try:
            await self._on_thread(self._file.forget)
        except apsw.Error as error:
            _log.warning("attempts.not_forgotten", extra={"reason": str(error)})

    async def close(self) -> None:
        if not self._is_closed:
            await self._flush_all()
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            await self._on_thread(self._file.close)
            self._thread.shutdown()

    # --- gathering and writing ---

    def _attend(self, gathered: list[Any], new: int = 1) -> None:
        """Someone must write: in a second, or now; or there is too much, and the `new` last ones
        are left out.

        Called for the first attempt of a second and when there are many.
        """
        if self._is_closed or len(gathered) > MAX_GATHERED:
            del gathered[len(gathered) - new :]
            self.left_out += new
            return
        if self._timer is None:
            self._timer = self._loop.call_later(self._flush_seconds, self._on_timer)
        if len(gathered) >= BLOCK and self._flushing is None:
            self._flush()

    def _on_timer(self) -> None:
        self._timer = None
        if self._flushing is not None:
            self._timer = self._loop.call_later(self._flush_seconds, self._on_timer)
        elif self._successes or self._failures:
            self._flush()

    def _flush(self) -> asyncio.Future[None]:
        successes, self._successes = self._successes, []
        failures, self._failures = self._failures, []

        def written(future: asyncio.Future[None]) -> None:
            self._flushing = None
            self.flushed.set()
            self._account(len(successes) + len(failures), future.exception())

        self._flushing = self._on_thread(self._file.add, successes, failures)
        self._flushing.add_done_callback(written)
        return self._flushing

    async def _flush_all(self) -> None:
        while self._flushing is not None:
            await asyncio.wait((self._flushing,))
        if self._successes or self._failures:
            await asyncio.wait((self._flush(),))

    def _account(self, count: int, error: BaseException | None) -> None:
        if error is not None:
            self.left_out += count
            if not self._is_failing:
                _log.warning("attempts.left_out", extra={"reason": str(error), "count": count})
        self._is_failing = error is not None

    def _on_thread(
        self, function: Callable[..., _Result], *arguments: Any
    ) -> asyncio.Future[_Result]:
        return self._loop.run_in_executor(self._thread, function, *arguments)
