"""How steady was the machine itself? A loop that always does the same is timed again and again."""

import time
from collections.abc import Callable

_TURNS = 200_000
_TRIES = 5


class Steadiness:
    """The times of the loop so far, in milliseconds, each the shortest of a few tries."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._times: list[float] = []

    def look(self) -> float:
        """Time the loop once more."""
        self._times.append(min(self._timed() for _ in range(_TRIES)))
        return self._times[-1]

    def __str__(self) -> str:
        """What the shortest and the longest were."""
        return f"{min(self._times):.1f} to {max(self._times):.1f} ms" if self._times else "unknown"

    def _timed(self) -> float:
        started = self._clock()
        count = {"turns": 0}
        for number in range(_TURNS):
            count["turns"] += number & 1
        return (self._clock() - started) * 1e3
