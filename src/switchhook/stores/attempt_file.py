"""What is in the file of the attempt history, and what if it cannot be used?

It is written without a sync at every commit: a crash may shorten it. Nothing else depends on it, so
a file that is damaged, or of another version, is moved aside and a new one begun.
"""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw

from switchhook.grid.ports import Attempt
from switchhook.stores.attempt_blocks import (
    Block,
    Success,
    as_bytes,
    pack_failures,
    pack_successes,
    unpack,
)
from switchhook.stores.queries import load_queries

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_Row = tuple[Any, ...]  # what SQLite holds: its tables are strict, which is as good as a type

_VERSION = 1
_SCHEMA = """
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    is_failure INTEGER NOT NULL,
    size INTEGER NOT NULL,
    first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL,
    positions BLOB NOT NULL,
    attempts BLOB NOT NULL
) STRICT;
CREATE INDEX blocks_in_the_order_of_forgetting ON blocks (is_failure, id, size);
"""
_SQL = load_queries("attempts.sql")

_BUSY_MILLISECONDS = 1_000
_WAL_KEPT_BYTES = 8 << 20
_DAMAGE = (apsw.CorruptError, apsw.NotADBError)


class AttemptFile:
    """Blocks of attempts in a database; used by one thread at a time."""

    def __init__(self, path: Path, *, max_bytes: int, vfs: str | None = None) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._vfs = vfs
        try:
            self._connection = _open(str(path), vfs)
        except (apsw.Error, OSError) as error:
            self._connection = self._begin_anew(error)
        try:
            self._size = self._stored_size()
        except apsw.Error as error:  # the server starts, whatever is wrong with it
            self._connection.close()
            self._connection, self._size = self._begin_anew(error), 0

    def add(self, successes: Sequence[Success], failures: Sequence[Attempt]) -> None:
        """Write attempts, and forget the oldest that the budget has no room for.

        Raises:
            apsw.Error: none of them is kept.
        """
        blocks = [pack_failures(failures)] if failures else []
        blocks += [pack_successes(successes)] if successes else []
        self._unless_damaged(lambda: self._write(blocks))

    def of(self, position: int) -> list[Attempt]:
        """The attempts about one position, in order of time.

        Raises:
            apsw.Error: they cannot be read.
        """
        if not 0 <= position < 1 << 63:
            return []
        values = (position, as_bytes((position,)))
        query = _SQL["blocks_of_position"]
        rows = self._unless_damaged(lambda: self._rows(query, values))
        found = [attempt for row in rows for attempt in unpack(position, *row)]
        return sorted(found, key=lambda attempt: (attempt.started_at, attempt.number))

    def forget(self) -> None:
        """Forget everything.

        Raises:
            apsw.Error: all of it is still there.
        """
        self._unless_damaged(lambda: self._rows(_SQL["forget_all_blocks"]))
        self._size = 0

    def close(self) -> None:
        """Leave one file behind."""
        self._connection.close()

    def _write(self, blocks: Sequence[Block]) -> None:
        size = self._size
        with self._connection:
            for block in blocks:
                values = (
                    block.is_failure,
                    block.size,
                    block.first_position,
                    block.last_position,
                    block.positions,
                    block.attempts,
                )
                self._connection.execute(_SQL["add_block"], values)
                size += block.size
            while size > self._max_bytes:
                size -= self._forget_one()
        self._size = size

    def _forget_one(self) -> int:
        ((number, size),) = self._rows(_SQL["block_to_forget"])
        self._connection.execute(_SQL["forget_block"], (number,))
        return int(size)

    def _stored_size(self) -> int:
        query = _SQL["size_of_blocks"]
        ((size,),) = self._unless_damaged(lambda: self._rows(query))
        return int(size)

    def _rows(self, query: str, values: tuple[int | bytes, ...] = ()) -> list[_Row]:
        return self._connection.execute(query, values).fetchall()

    def _unless_damaged(self, work: Callable[[], _Result]) -> _Result:
        """Do the work; on a file that turns out to be damaged, do it with a new one."""
        try:
            return work()
        except _DAMAGE as error:
            self._connection.close()
            self._connection, self._size = self._begin_anew(error), 0
            return work()

    def _begin_anew(self, error: Exception) -> apsw.Connection:
        aside = self._path.with_name(self._path.name + ".unusable")
        fields = {"file": str(self._path), "moved_to": str(aside), "reason": str(error)}
        _log.warning("attempts.begun_anew", extra=fields)
        try:
            for tail in ("", "-wal"):
                _move(Path(f"{self._path}{tail}"), Path(f"{aside}{tail}"))
            Path(f"{self._path}-shm").unlink(missing_ok=True)
            return _open(str(self._path), self._vfs)
        except (apsw.Error, OSError) as still:
            _log.warning("attempts.kept_in_memory", extra=fields | {"reason": str(still)})
            return _open(":memory:", None)


def _open(name: str, vfs: str | None) -> apsw.Connection:
    if name != ":memory:":
        # SQLite gives its other files the permissions of this one; it holds what webhooks answer.
        os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(name, vfs=vfs)
    try:
        connection.set_busy_timeout(_BUSY_MILLISECONDS)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "normal")  # a sync at checkpoints only
        connection.pragma("journal_size_limit", _WAL_KEPT_BYTES)
        version = int(connection.pragma("user_version"))
        if version not in (0, _VERSION):
            raise apsw.NotADBError(f"it has version {version}, not {_VERSION}")
        if version == 0:
            connection.execute(
                f"BEGIN IMMEDIATE; {_SCHEMA}; PRAGMA user_version = {_VERSION}; COMMIT"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _move(file: Path, target: Path) -> None:
    if file.exists():
        file.replace(target)
    else:
        target.unlink(missing_ok=True)
