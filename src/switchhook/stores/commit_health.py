"""Can the store take events? What its last commits say, without a write of its own.

A refusal counts for a while only: who is told that the server is not ready sends nothing more, so
that no later success could ever end it.
"""

import time
from collections.abc import Callable, Sequence

from switchhook.errors import StoreError, StoreFullError
from switchhook.stores.requests import CommitRequest

REFUSAL_COUNTS_SECONDS = 10.0
# A commit takes milliseconds. Where it takes this long the disk hangs.
HUNG_AFTER_SECONDS = 5.0

FAILED = "The store has failed."
FULL = "The event log or the disk is full."
REFUSED = "The store refused the last events."
HANGS = "The store does not finish a commit."


class CommitHealth:
    """The outcomes of commits, as they are told on the event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._refusal: tuple[float, str] | None = None
        self._unfinished = 0
        self._waits_since = 0.0
        self.has_failed = False

    def submitted(self, commits: int = 1) -> None:
        """So many were asked for."""
        if not self._unfinished:
            self._waits_since = self._now()
        self._unfinished += commits

    def finished(self, group: Sequence[CommitRequest]) -> None:
        """These commits have ended."""
        now = self._waits_since = self._now()
        self._unfinished -= len(group)
        for request in group:
            if request.error is None:
                if request.batches:
                    self._refusal = None
            elif isinstance(request.error, StoreError):
                is_full = isinstance(request.error, StoreFullError)
                self._refusal = now, FULL if is_full else REFUSED

    def trouble(self) -> str | None:
        """Why events would not be accepted now, for all to read; None when nothing speaks against
        it."""
        if self.has_failed:
            return FAILED
        now = self._now()
        if self._unfinished and now - self._waits_since > HUNG_AFTER_SECONDS:
            return HANGS
        if self._refusal is not None and now - self._refusal[0] <= REFUSAL_COUNTS_SECONDS:
            return self._refusal[1]
        return None
