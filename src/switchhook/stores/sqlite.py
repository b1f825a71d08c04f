"""What does a store do that keeps everything in one SQLite file, but for large bodies?

`switchhook.db` in the data folder, with a write-ahead log, synced at every commit, and the files of
bodies (`body_files.py`), synced before the commits whose rows point to them. One thread
writes (`writer.py`), one reads events and rows that carry them (`reader.py`); short reads run on
the event loop itself, because they take microseconds and a thread would take longer.
"""

import logging
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import apsw

from switchhook.grid.ports import (
    Appended,
    Backlog,
    Batch,
    Change,
    Cursor,
    DueMark,
    LogExtent,
    Record,
    WaitingDelivery,
)
from switchhook.stores import delivery_rows, id_hashes, log_rows, requests
from switchhook.stores.body_files import BodyReader, BodySettings, BodyWriter
from switchhook.stores.connections import VERSION, open_copier, open_reader, open_writer
from switchhook.stores.data_folder import claim
from switchhook.stores.queries import load_queries
from switchhook.stores.reader import ReaderThread
from switchhook.stores.requests import CommitRequest
from switchhook.stores.rows import to_record
from switchhook.stores.transactions import Transactions
from switchhook.stores.writer import TrimRequest, Writer

_log = logging.getLogger(__name__)
_RECORDS = load_queries("records.sql")

_BODIES = BodySettings()
_AFTER_ALL_TEXT = b""  # to SQLite every blob comes after every text


def _log_failure(error: BaseException) -> None:
    _log.critical("store.failed", extra={"reason": str(error)})


class SqliteStore:
    """Implements `grid.ports.Store`; made by `open`."""

    def __init__(
        self, writer: Writer, reader: apsw.Connection, thread: ReaderThread, bodies: BodyReader
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._thread = thread
        self._bodies = bodies
        self._oldest_file = writer.bounds.oldest_file

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        max_bytes: int = 2 << 30,
        on_failure: Callable[[BaseException], None] = _log_failure,
        vfs: str | None = None,
        bodies: BodySettings = _BODIES,
    ) -> AsyncIterator["SqliteStore"]:
        """The store of a data folder, which nobody else can open meanwhile.

        `on_failure` is called once, on the event loop, when an error leaves the outcome of a commit
        in doubt: nothing is written any more, and the process must end. `vfs` names the virtual
        file system of SQLite to use, `bodies` says which bodies go to files of their own.

        Raises:
            StartError: the folder cannot be used, is of a newer version, or another process has it.
        """
        with claim(folder, VERSION) as database:
            connection, copier = open_writer(database, vfs), open_copier(database, vfs)
            reader, thread = open_reader(database, vfs), ReaderThread(open_reader(database, vfs))
            files = BodyReader(folder, bodies)
            transactions = Transactions(
                connection, copier, BodyWriter(folder, bodies), max_bytes=max_bytes
            )
            files.check(
                range(max(transactions.bounds.oldest_file, 1), transactions.bounds.free.file)
            )
            store = cls(Writer(transactions, on_failure), reader, thread, files)
            try:
                yield store
            finally:
                await store._close()

    async def _close(self) -> None:
        # Readers first: the last connection to close tidies the files up.
        self._thread.close()
        self._bodies.close()
        self._reader.close()
        await self._writer.close()

    async def commit(
        self,
        changes: Sequence[Change] = (),
        batches: Sequence[Batch] = (),
        on_durable: Callable[[int], None] | None = None,
    ) -> int:
        return await requests.commit(self, changes, batches, on_durable)

    def submit(
        self,
        changes: Sequence[Change],
        batches: Sequence[Batch],
        on_durable: Callable[[int], None] | None,
        ended: Callable[[Exception | None], None],
    ) -> None:
        self._writer.submit(CommitRequest(changes, batches, on_durable, ended))

    def trouble(self) -> str | None:
        """Why a commit of events would be refused now, for all to read; None if nothing is known
        that speaks against it."""
        return self._writer.health.trouble()

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        if position >= self._writer.bounds.end:
            return []
        return await self._thread.read(log_rows.read, self._bodies, position, max_bytes)

    async def trim(self, before: int, max_rows: int = 1000) -> int:
        removed = 0
        while removed < max_rows:
            request = TrimRequest(before, max_rows - removed)
            self._writer.submit(request)
            if not await request.future:
                break
            removed += request.removed
        await self._delete_files()
        return removed

    async def _delete_files(self) -> None:
        # Reads are on the same thread: none has a row that points to what is deleted.
        oldest = self._writer.bounds.oldest_file
        if oldest != self._oldest_file:
            self._oldest_file = oldest
            kept = range(oldest, sys.maxsize)
            await self._thread.run(lambda: self._bodies.forget_all_but(kept))

    def extent(self) -> LogExtent:
        return self._writer.bounds.extent()

    async def find(
        self, id_hash: bytes, *, before: int | None = None, limit: int = 100
    ) -> list[int]:
        extent, recent = self.extent(), self._writer.bounds.recent
        before = extent.end if before is None else min(before, extent.end)
        found = [
            position
            for block in id_hashes.newest_first(recent)
            for position in id_hashes.search(block, id_hash, before)
        ]
        rest: int | None = before if recent is None else min(before, recent.start)
        while rest is not None and len(found) < limit:
            step = await self._thread.read(id_hashes.find, id_hash, before, rest)
            found += step.positions
            rest = step.rest
        return [position for position in found[:limit] if position >= extent.first]

    async def get(self, collection: str, key: str) -> Record | None:
        row = self._reader.execute(_RECORDS["get_record"], (collection, key)).fetchall()
        return to_record(row[0]) if row else None

    async def scan(
        self,
        collection: str,
        *,
        start: str = "",
        end: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Record]:
        query = _RECORDS["scan_records_in_reverse" if reverse else "scan_records"]
        stop = _AFTER_ALL_TEXT if end is None else end
        at_most = -1 if limit is None else limit
        rows = self._reader.execute(query, (collection, start, stop, at_most))
        return [to_record(row) for row in rows.fetchall()]

    async def watermark(self) -> int:
        return delivery_rows.watermark(self._reader.cursor())

    async def cursors(self) -> list[Cursor]:
        return delivery_rows.cursors(self._reader.cursor())

    async def due(
        self,
        now: int,
        limit: int,
        after: DueMark | None = None,
        *,
        excluding: Collection[str] = (),
    ) -> list[WaitingDelivery]:
        return await self._thread.read(delivery_rows.due, now, limit, after, excluding)

    async def next_due(
        self, after: DueMark | None = None, *, excluding: Collection[str] = ()
    ) -> DueMark | None:
        if excluding:  # however many rows of theirs are passed over
            return await self._thread.read(delivery_rows.next_due, after, excluding)
        return delivery_rows.next_due(self._reader.cursor(), after, ())

    async def waiting(
        self, subscription: str, *, start: int = 0, limit: int | None = 100
    ) -> list[WaitingDelivery]:
        return await self._thread.read(delivery_rows.waiting, subscription, start, limit)

    async def backlogs(self) -> list[Backlog]:
        return await self._thread.read(delivery_rows.backlogs)
