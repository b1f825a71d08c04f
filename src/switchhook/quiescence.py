"""Is anything due now, in flight or queued, anywhere in the server?

Every part that works on its own says so for itself. One part sets others to work (a carrier's
report is published, an event goes to a webhook): it is quiet only when all say so at one instant.
"""

from collections.abc import Sequence
from typing import Protocol


class Worker(Protocol):
    """A part of the server that works on its own."""

    @property
    def is_busy(self) -> bool:
        """Whether it knows of anything to do now; what waits for time to pass does not count."""

    async def quiet(self) -> None:
        """Return when it has nothing to do."""


class Quiescence:
    """The quiet of several workers, each of which may set the others to work.

    The last one may look for its work elsewhere than in memory: it has found none at the very
    instant at which `quiet` returns.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers

    async def reached(self) -> None:
        """Return when nothing is due, in flight or queued."""
        while True:
            for worker in self._workers:
                await worker.quiet()
            # No await from the last `quiet` to here: all of them are idle at one instant.
            if not any(worker.is_busy for worker in self._workers):
                return
