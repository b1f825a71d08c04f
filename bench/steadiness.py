"""How steady is the machine itself? A loop that always does the same is timed again and again.

Where others share a machine it is at times much slower, for seconds or for minutes: Python by half,
C by a fifth, so that ratios between them suffer, too.
"""

import time
from collections.abc import Callable

_TURNS = 200_000
_TRIES = 5
# The loop may take so many times as long as at its shortest.
_CALM = 1.2
_LOOK_EVERY = 1.0


class Steadiness:
    """The times of the loop so far, in milliseconds, each the shortest of a few tries.

    `patience` is for how many seconds in all a run is held up until the machine is calm again.
    """

    def __init__(
        self,
        patience: float = 0.0,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._times: list[float] = []

    def look(self) -> float:
        """Time the loop once more."""
        self._times.append(min(self._timed() for _ in range(_TRIES)))
        return self._times[-1]

    def is_calm_at(self, milliseconds: float) -> bool:
        """Whether the loop took about as long as at its shortest."""
        return milliseconds <= _CALM * min(self._times)

    @property
    def has_patience(self) -> bool:
        """Whether a run may still be held up."""
        return self._patience > 0

    def hold_up(self, seconds: float) -> None:
        """The run was held up for so long."""
        self._patience -= seconds

    def wait(self) -> float:
        """Return when the machine is calm, or patience is at its end; answers the last time."""
        while not self.is_calm_at(found := self.look()) and self.has_patience:
            self._sleep(_LOOK_EVERY)
            self.hold_up(_LOOK_EVERY)
        return found

    def __str__(self) -> str:
        """What the shortest and the longest were."""
        return f"{min(self._times):.1f} to {max(self._times):.1f} ms" if self._times else "unknown"

    def _timed(self) -> float:
        started = self._clock()
        count = {"turns": 0}
        for number in range(_TURNS):
            count["turns"] += number & 1
        return (self._clock() - started) * 1e3
