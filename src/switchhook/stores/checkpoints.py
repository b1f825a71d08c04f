"""When is the write-ahead log copied into the database, and who waits for that?

A thread with a connection of its own copies while commits go on. What they have added meanwhile it
copies too, until little is left; the thread that writes copies the rest between two groups. Only
then is nothing left to copy, and the write-ahead log can start again from its front.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import apsw

# This needs SQLite 3.51.3: before, a copy that began while the log started again could lose commits
# (https://sqlite.org/wal.html#walresetbug).

# Begin when it has grown by so much. A quarter of that, copied between two groups, cost as much,
# and four times as much cost no less.
_BEGIN_BYTES = 16 << 20
# Commits wait when they outrun the thread: the write-ahead log is bounded.
_MOST_BYTES = 24 << 20
# So little is copied between two groups: about a millisecond, and two syncs.
_REST_BYTES = 1 << 20
# One try more is enough: without it, the thread that writes copied all of it while commits waited.
_BUSY_TRIES = 10


class Checkpoints:
    """The copying; used by the thread that writes, whose connection is `connection`."""

    def __init__(self, connection: apsw.Connection, copier: apsw.Connection) -> None:
        self._connection = connection
        self._copier = copier
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="switchhook-checkpoint")
        self._copying: Future[None] | None = None
        page = int(connection.pragma("page_size"))
        self._begin, self._most = _BEGIN_BYTES // page, _MOST_BYTES // page
        self._rest = _REST_BYTES // page
        self._pages_written(start_again=True)

    def attend(self, copied: Callable[[], None]) -> None:
        """Begin to copy when it is due, or finish; `copied` is called on the other thread when it
        is time to attend again.

        Raises:
            apsw.Error: nothing was copied, or not everything.
        """
        # A hook would tell, too, but take the interpreter back in the middle of every commit.
        grown = self._pages_written()
        if self._copying is None:
            if grown >= self._begin:
                self._copying = self._thread.submit(self._copy)
                self._copying.add_done_callback(lambda _: copied())
        elif self._copying.done() or grown >= self._most:
            self.finish()

    def finish(self) -> None:
        """Copy everything that no reader needs where it is; whoever commits waits.

        Raises:
            apsw.Error: as for `attend`.
        """
        copying, self._copying = self._copying, None
        self._pages_written(start_again=True)
        if copying is not None:
            # It is busy, too, when the copier looks at the very moment at which a commit is made
            # known; the commit may be interrupted there. This thread cannot meet itself.
            with contextlib.suppress(apsw.BusyError):
                copying.result()
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def close(self) -> None:
        """Stop copying.

        Raises:
            apsw.Error: what was begun has failed.
        """
        self._thread.shutdown()
        self._copier.close()
        if self._copying is not None:
            self._copying.result()

    def _copy(self) -> None:
        before, copied = 0, self._rest
        while copied - before >= self._rest:
            before, copied = copied, self._copied_once()

    def _copied_once(self) -> int:
        """How many pages are copied when all that was there is."""
        for _ in range(_BUSY_TRIES):
            # It looked at the very moment at which a commit was made known.
            with contextlib.suppress(apsw.BusyError):
                return self._copier.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)[1]
        return self._copier.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)[1]

    def _pages_written(self, *, start_again: bool = False) -> int:
        pages, _ = self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, start_again)
        return pages
