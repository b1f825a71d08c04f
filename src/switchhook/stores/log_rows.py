"""How do the rows of the log begin, grow and go?"""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from switchhook.grid.ports import Appended, Batch, LogExtent
from switchhook.stores import id_hashes
from switchhook.stores.body_files import BodyReader, BodyWriter, Place
from switchhook.stores.id_hashes import Recent, Statement
from switchhook.stores.packed_rows import pack, unpack
from switchhook.stores.queries import load_queries

_Row = tuple[Any, ...]  # what SQLite holds: its tables are strict, which is as good as a type

_SQL = load_queries("log.sql")
_APPEND_ROW = _SQL["append_row"]

# SQLite visits every page of a row that it deletes; in one go no more than this is visited.
_TRIM_BYTES = 16 << 20


class LogBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Both ends of the log, in positions and in bytes ever appended; None where it is empty.

    `recent` are the hashes of ids near its end. Large bodies go to `free`; files before
    `oldest_file` have none that a row points to.
    """

    first: int | None
    end: int
    size_before: int
    size_end: int
    oldest_published_at: int | None
    recent: Recent | None
    free: Place
    oldest_file: int

    @property
    def size(self) -> int:
        """The bytes that it holds."""
        return self.size_end - self.size_before

    def extent(self) -> LogExtent:
        """The same as the port tells it."""
        return LogExtent(
            first=self.end if self.first is None else self.first,
            end=self.end,
            size=self.size,
            oldest_published_at=self.oldest_published_at,
        )


def find_bounds(cursor: apsw.Cursor, before: LogBounds | None = None) -> LogBounds:
    """Both ends of the log as it is stored; `before` were those when it was last looked at."""
    recent = id_hashes.load_recent(cursor) if before is None else before.recent
    oldest_file, newest_file = cursor.execute(_SQL["body_files"]).get
    # A start begins a file of its own: what an earlier process may have left is never written over.
    free = Place(newest_file + 1, 0) if before is None else before.free
    last = cursor.execute(_SQL["last_row"]).get
    if last is None:
        end = cursor.execute(_SQL["log_end"]).get
        first, published_at, size_before, size_end = None, None, 0, 0
    else:
        end, size_end = last
        first, published_at, size_before = cursor.execute(_SQL["first_row"]).get
    return LogBounds(
        first=first,
        end=end,
        size_before=size_before,
        size_end=size_end,
        oldest_published_at=published_at,
        recent=recent,
        free=free,
        oldest_file=oldest_file,
    )


def append(
    batches: Sequence[Batch], bounds: LogBounds, bodies: BodyWriter
) -> tuple[list[Statement], LogBounds]:
    """The statements that write the batches at the end of the log, and its bounds thereafter.

    What the statements point to is durable when this returns.
    """
    statements: list[Statement] = []
    place, free = None, bounds.free
    if bodies.wants(sum([len(batch.body) for batch in batches]), len(batches)):
        place = free
        free = bodies.write(place, [batch.body for batch in batches])
        if place.offset == 0:
            statements.append((_SQL["add_body_file"], (place.file, bounds.end)))
    for row in pack(batches, place):
        values = (
            bounds.end,
            row.count,
            row.published_at,
            row.size,
            bounds.size_end,
            row.batches,
        )
        statements.append((_APPEND_ROW, values))
        recent = id_hashes.add(bounds.recent, bounds.end, row)
        if recent.is_full:
            statements += id_hashes.to_store(recent)
        is_empty = bounds.first is None
        bounds = LogBounds(
            first=bounds.end if is_empty else bounds.first,
            end=bounds.end + row.count,
            size_before=bounds.size_before,
            size_end=bounds.size_end + row.size,
            oldest_published_at=row.published_at if is_empty else bounds.oldest_published_at,
            recent=None if recent.is_full else recent,
            free=free,
            oldest_file=bounds.oldest_file,
        )
    return statements, bounds


def trim(cursor: apsw.Cursor, before: int, max_rows: int, bounds: LogBounds) -> int:
    """Forget whole rows before a position, at least one if there is one; answer how many."""
    rows: Iterable[_Row] = cursor.execute(_SQL["rows_to_trim"], (before, max_rows)).fetchall()
    start, removed, total = 0, 0, 0
    for end, size in rows:
        total += size
        if removed and total > _TRIM_BYTES:
            break
        start, removed = end, removed + 1
    if removed:
        cursor.execute(_SQL["trim_before"], (start,))
        cursor.execute(_SQL["trim_hashes_before"], (start,))
        cursor.execute(_SQL["trim_body_files_before"], (start,))
        cursor.execute(_SQL["keep_log_end"], (bounds.end,))
    return removed


def read(cursor: apsw.Cursor, bodies: BodyReader, position: int, max_bytes: int) -> list[Appended]:
    """Whole batches from the one that holds a position: at least one, then as many as fit."""
    rows: Iterable[_Row] = cursor.execute(_SQL["read_rows"], (position,))
    found: list[Appended] = []
    total = 0
    for first, batches in rows:
        end = first
        for packed in unpack(batches):
            begin, end = end, end + packed.count
            if end <= position:
                continue
            total += packed.size
            if found and total > max_bytes:
                return found
            place = packed.place
            body = packed.body if place is None else bodies.read(place, packed.length)
            found.append(Appended(begin, packed.with_body(body)))
    return found
