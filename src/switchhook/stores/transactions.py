"""What is one transaction, and what is true when it fails?"""

import logging
from collections.abc import Callable
from typing import TypeVar

import apsw

from switchhook.errors import CommitUnknownError, ConflictError, StoreError, StoreFullError
from switchhook.grid.ports import Batch
from switchhook.stores import log_rows
from switchhook.stores.body_files import BodyWriter
from switchhook.stores.changes import apply_changes, check_conditions
from switchhook.stores.checkpoints import Checkpoints
from switchhook.stores.log_rows import LogBounds
from switchhook.stores.requests import CommitRequest, refuse_over_cap

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

# After these the connection goes on and nothing was applied. Any other error of SQLite leaves the
# outcome in doubt: above all a failed sync, which must never be tried again, since the system may
# have dropped the very pages that it could not write.
_HARMLESS = (
    apsw.FullError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.TooBigError,
    apsw.ConstraintError,  # a value of another type than its column's
)


class Transactions:
    """The connection that writes; used by one thread at a time.

    `failure` is set once, by an error that leaves an outcome in doubt; nothing is written after it.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        copier: apsw.Connection,
        bodies: BodyWriter,
        *,
        max_bytes: int,
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._checkpoints = Checkpoints(connection, copier)
        self._bodies = bodies
        self._max_bytes = max_bytes
        self._needs_room = False
        self.bounds = log_rows.find_bounds(self._cursor)
        self.failure: apsw.Error | OSError | None = None

    def commit(self, group: list[CommitRequest]) -> None:
        """Make the commits durable with one sync; each learns its `first` or `error`."""
        try:
            self.bounds = self._run(lambda: self._apply(group))
        except Exception as error:  # noqa: BLE001 - it becomes the error of its caller
            if len(group) > 1 and self.failure is None:
                # One commit of the group is at fault, or the disk has no room for all of them.
                for request in group:
                    self.commit([request])
                return
            for request in group:
                request.error = _for_caller(error)

    def trim(self, before: int, max_rows: int) -> int:
        """Forget whole rows before a position, not too many at once; answer how many.

        Raises:
            StoreError: nothing was forgotten, or it is not known.
        """
        try:
            removed, self.bounds = self._run(lambda: self._trim(before, max_rows))
        except Exception as error:
            raise _for_caller(error) from error
        return removed

    def checkpoint_when_due(self, copied: Callable[[], None]) -> None:
        """Have the write-ahead log copied to the database, so that it can start again from its
        front; `copied` is called on another thread when it is time to ask again."""
        if self.failure is None:
            if self._needs_room:
                self._needs_room = False
                self._try(self._checkpoints.finish)
            else:
                self._try(lambda: self._checkpoints.attend(copied))

    def close(self) -> None:
        """Leave one file behind; after a failure, leave everything as it is."""
        self._try(self._checkpoints.close)
        if self.failure is None:
            mode = apsw.SQLITE_CHECKPOINT_TRUNCATE
            self._try(lambda: self._connection.wal_checkpoint(mode=mode))
        if self.failure is not None:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close()
        self._bodies.close()

    def _run(self, work: Callable[[], _Result]) -> _Result:
        if self.failure is not None:
            raise StoreError(f"the store has failed: {self.failure}") from self.failure
        try:
            result = work()
            if self._connection.in_transaction:
                self._cursor.execute("COMMIT")
        except Exception as error:
            if isinstance(error, apsw.Error | OSError) and not isinstance(error, _HARMLESS):
                self.failure = error
            elif self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
            # On a full disk, room in the write-ahead log may be all that a deletion needs.
            self._needs_room = isinstance(error, apsw.FullError | StoreFullError)
            raise
        return result

    def _begin(self) -> None:
        # A statement alone is a transaction of its own, and with each of them the thread gives the
        # interpreter away: the events of most groups are one statement, so those get no others.
        if not self._connection.in_transaction:
            self._cursor.execute("BEGIN IMMEDIATE")

    def _apply(self, group: list[CommitRequest]) -> LogBounds:
        end, size = self.bounds.end, self.bounds.size
        batches: list[Batch] = []
        for request in group:
            try:
                if request.changes:
                    self._begin()
                    check_conditions(self._cursor, request.changes)
                refuse_over_cap(size, request.size, self._max_bytes)
            except (ConflictError, StoreFullError) as error:
                request.error = error
                continue
            if request.changes:
                apply_changes(self._cursor, request.changes, end)
            request.first, request.error = end, None
            batches += request.batches
            end += request.count
            size += request.size
        statements, bounds = log_rows.append(batches, self.bounds, self._bodies)
        if len(statements) > 1:
            self._begin()
        for query, values in statements:
            self._cursor.execute(query, values)
        return bounds

    def _trim(self, before: int, max_rows: int) -> tuple[int, LogBounds]:
        self._begin()
        removed = log_rows.trim(self._cursor, before, max_rows, self.bounds)
        return removed, log_rows.find_bounds(self._cursor, self.bounds)

    def _try(self, checkpoint: Callable[[], object]) -> None:
        try:
            checkpoint()
        except _HARMLESS as error:
            _log.warning("store.checkpoint_postponed", extra={"reason": str(error)})
        except apsw.Error as error:
            self.failure = error


def _for_caller(error: Exception) -> Exception:
    """The error as the port promises it; what is not of SQLite's making stays what it is."""
    if isinstance(error, apsw.FullError):
        answer: Exception = StoreFullError(f"the disk is full: {error}; nothing was written")
    elif isinstance(error, _HARMLESS):
        answer = StoreError(f"nothing was written: {error}")
    elif isinstance(error, apsw.Error | OSError):
        answer = CommitUnknownError(f"the store failed while committing: {error}")
    elif isinstance(error, StoreError):
        answer = type(error)(*error.args)
    else:
        return error
    answer.__cause__ = error
    return answer
