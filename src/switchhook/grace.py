"""How long may what is running take to end when the server stops? One deadline for everything."""

import time
from collections.abc import Callable


class Grace:
    """A span of real time that begins when somebody first asks what is left of it."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._ends_at: float | None = None

    def left(self) -> float:
        """The seconds that are left; never negative."""
        if self._ends_at is None:
            self._ends_at = self._now() + self._seconds
        return max(0.0, self._ends_at - self._now())
