"""What does a store do that keeps everything in one SQLite file?

`switchhook.db` in the data folder, with a write-ahead log, synced at every commit. One thread
writes (`writer.py`), one reads the event log; short reads run on the event loop itself, because
they take microseconds and a thread would take longer.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path

import apsw

from switchhook.grid.ports import (
    Appended,
    Batch,
    Change,
    Cursor,
    LogExtent,
    Record,
    WaitingDelivery,
)
from switchhook.stores import log_rows
from switchhook.stores.connections import VERSION, open_reader, open_writer
from switchhook.stores.data_folder import claim
from switchhook.stores.queries import load_queries
from switchhook.stores.requests import CommitRequest
from switchhook.stores.rows import to_cursor, to_record, to_waiting
from switchhook.stores.transactions import Transactions
from switchhook.stores.writer import TrimRequest, Writer

_log = logging.getLogger(__name__)
_RECORDS = load_queries("records.sql")
_STATE = load_queries("delivery_state.sql")

_AFTER_ALL_TEXT = b""  # to SQLite every blob comes after every text


def _log_failure(error: BaseException) -> None:
    _log.critical("store.failed", extra={"reason": str(error)})


class SqliteStore:
    """Implements `grid.ports.Store`; made by `open`."""

    def __init__(self, writer: Writer, reader: apsw.Connection, log: apsw.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._log = log
        self._log_thread = ThreadPoolExecutor(1, thread_name_prefix="switchhook-log-reader")

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        max_bytes: int = 2 << 30,
        on_failure: Callable[[BaseException], None] = _log_failure,
        vfs: str | None = None,
    ) -> AsyncIterator["SqliteStore"]:
        """The store of a data folder, which nobody else can open meanwhile.

        `on_failure` is called once, on the event loop, when an error leaves the outcome of a commit
        in doubt: nothing is written any more, and the process must end. `vfs` names the virtual
        file system of SQLite to use.

        Raises:
            StartError: the folder cannot be used, is of a newer version, or another process has it.
        """
        with claim(folder, VERSION) as database:
            connection = open_writer(database, vfs)
            reader, log = open_reader(database, vfs), open_reader(database, vfs)
            writer = Writer(Transactions(connection, max_bytes=max_bytes), on_failure)
            store = cls(writer, reader, log)
            try:
                yield store
            finally:
                await store._close()

    async def _close(self) -> None:
        # Readers first: the last connection to close tidies the files up.
        self._log_thread.shutdown()
        self._log.close()
        self._reader.close()
        await self._writer.close()

    async def commit(
        self,
        changes: Sequence[Change] = (),
        batches: Sequence[Batch] = (),
        on_durable: Callable[[int], None] | None = None,
    ) -> int:
        request = CommitRequest(changes, batches, on_durable)
        self._writer.submit(request)
        return await request.future

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        if position >= self._writer.bounds.end:
            return []
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._log_thread, self._read, position, max_bytes)

    def _read(self, position: int, max_bytes: int) -> list[Appended]:
        # Closing the cursor ends the read transaction, which would hold up checkpoints.
        with closing(self._log.cursor()) as cursor:
            return log_rows.read(cursor, position, max_bytes)

    async def trim(self, before: int, max_rows: int = 1000) -> int:
        removed = 0
        while removed < max_rows:
            request = TrimRequest(before, max_rows - removed)
            self._writer.submit(request)
            if not await request.future:
                break
            removed += request.removed
        return removed

    def extent(self) -> LogExtent:
        return self._writer.bounds.extent()

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
        return int(self._reader.execute(_STATE["get_watermark"]).get)

    async def cursors(self) -> list[Cursor]:
        return [to_cursor(row) for row in self._reader.execute(_STATE["all_cursors"]).fetchall()]

    async def due(self, now: int, limit: int) -> list[WaitingDelivery]:
        rows = self._reader.execute(_STATE["due_waiting"], (now, limit))
        return [to_waiting(row) for row in rows.fetchall()]

    async def next_due(self) -> int | None:
        earliest: int | None = self._reader.execute(_STATE["next_due"]).get
        return earliest

    async def waiting(
        self, subscription: str, *, start: int = 0, limit: int | None = 100
    ) -> list[WaitingDelivery]:
        no_limit = -1
        bound = no_limit if limit is None else limit
        rows = self._reader.execute(_STATE["waiting_of"], (subscription, start, bound))
        return [to_waiting(row) for row in rows.fetchall()]
