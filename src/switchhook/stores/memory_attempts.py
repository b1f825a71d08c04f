"""What does an attempt history do that keeps everything in memory?"""

from collections import deque
from collections.abc import Sequence

from switchhook.grid.ports import Attempt
from switchhook.stores.attempt_blocks import bounded, to_success

# About what the history on disk pays for an attempt without its texts.
_SUCCESS_BYTES = 24
_FAILURE_BYTES = 100


class MemoryAttemptHistory:
    """Implements `grid.ports.AttemptHistory`, for tests and embedding."""

    def __init__(self, *, max_bytes: int = 1 << 20) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._successes: deque[Attempt] = deque()
        self._failures: deque[Attempt] = deque()

    def note(self, attempt: Attempt) -> None:
        if attempt.outcome:
            self._failures.append(bounded(attempt))
            self._grow(_size(self._failures[-1]))
        else:
            self.note_success(*to_success(attempt))

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
        fields = (position, run, subscription, number, started_at, duration, status)
        self._successes.append(Attempt(*fields, early=early))
        self._grow(_SUCCESS_BYTES)

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
        for position in positions:
            self.note_success(
                position, run, subscription, number, started_at, duration, status, early
            )

    def _grow(self, size: int) -> None:
        self._size += size
        while self._size > self._max_bytes:
            forgotten = (self._successes or self._failures).popleft()
            self._size -= _size(forgotten)

    async def of(self, position: int) -> list[Attempt]:
        kept = (*self._successes, *self._failures)
        found = [attempt for attempt in kept if attempt.position == position]
        return sorted(found, key=lambda attempt: (attempt.started_at, attempt.number))

    async def forget(self) -> None:
        self._successes.clear()
        self._failures.clear()
        self._size = 0

    async def close(self) -> None:
        """Nothing outlives the process."""


def _size(attempt: Attempt) -> int:
    if not attempt.outcome:
        return _SUCCESS_BYTES
    return _FAILURE_BYTES + len(attempt.detail) + len(attempt.excerpt)
