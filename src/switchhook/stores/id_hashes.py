"""At which positions are the events whose id has a given hash?

The hashes lie in the rows of the log, with their events. For a search they are copied to blocks,
those of many rows together, because an index, or only a second table, would cost every commit a
write. What no block has yet is in memory; after a restart it is read from the log again.
"""

from collections.abc import Iterable, Iterator, Sequence

import apsw
import msgspec

from switchhook.grid.ports import HASH_BYTES, Batch
from switchhook.stores.packed_rows import PackedBatch, Row, unpack
from switchhook.stores.queries import load_queries

Statement = tuple[str, tuple[int | bytes, ...]]  # a query and its values

_SQL = load_queries("log.sql")

# The hashes of so many rows, or of rows of so many bytes, become a block; a restart reads less.
_ROWS_A_BLOCK = 1_024
_BYTES_A_BLOCK = 8 << 20
# So many blocks are looked at before whoever else reads gets a turn: a millisecond or two.
_BLOCKS_A_STEP = 16


class Block(msgspec.Struct, frozen=True):
    """The hashes of consecutive events, four bytes each; the first of them has position `first`."""

    first: int
    hashes: bytes

    @property
    def end(self) -> int:
        """The position after its last event."""
        return self.first + len(self.hashes) // HASH_BYTES


class Recent(msgspec.Struct, frozen=True):
    """The hashes of a row of the log and of those `before` it, which are in no stored block.

    They begin at position `start`, in `rows` rows of `size` bytes.
    """

    blocks: tuple[Block, ...]
    before: "Recent | None"
    start: int
    rows: int
    size: int

    @property
    def is_full(self) -> bool:
        """Whether they are to become a block."""
        return self.rows >= _ROWS_A_BLOCK or self.size >= _BYTES_A_BLOCK


def add(recent: Recent | None, first: int, row: Row) -> Recent:
    """The hashes of one more row, which begins at position `first`."""
    found = tuple(blocks(first, row.count, row.members))
    if recent is None:
        return Recent(found, None, first, 1, row.size)
    return Recent(found, recent, recent.start, recent.rows + 1, recent.size + row.size)


def blocks(first: int, count: int, batches: Sequence[Batch | PackedBatch]) -> Iterable[Block]:
    """The hashes of the `count` events of batches, which begin at position `first`."""
    hashes = b"".join([batch.id_hashes for batch in batches])
    if len(hashes) == count * HASH_BYTES:
        return (Block(first, hashes),)
    return _blocks_between_gaps(first, batches) if hashes else ()


def _blocks_between_gaps(first: int, batches: Sequence[Batch | PackedBatch]) -> Iterator[Block]:
    for batch in batches:
        if batch.id_hashes:
            yield Block(first, batch.id_hashes)
        first += batch.count


def newest_first(recent: Recent | None) -> Iterator[Block]:
    """All its blocks."""
    while recent is not None:
        yield from reversed(recent.blocks)
        recent = recent.before


def to_store(recent: Recent) -> Iterator[Statement]:
    """The statements that write the hashes into blocks as long as gaps allow."""
    runs: list[list[Block]] = []
    for block in reversed(list(newest_first(recent))):
        if runs and runs[-1][-1].end == block.first:
            runs[-1].append(block)
        else:
            runs.append([block])
    for run in runs:
        hashes = b"".join([block.hashes for block in run])
        yield _SQL["add_hashes"], (run[0].first, run[-1].end, hashes)


def load_recent(cursor: apsw.Cursor) -> Recent | None:
    """The hashes of the rows that are in no stored block."""
    rows: list[tuple[int, Row]] = []
    total = 0
    for first, count, size, batches in cursor.execute(_SQL["rows_without_block"], (_ROWS_A_BLOCK,)):
        total += size
        if rows and total > _BYTES_A_BLOCK:
            break  # these have no hashes, or there would be a block
        rows.append((first, Row(count, 0, size, batches, unpack(batches))))
    recent = None
    for first, row in reversed(rows):
        recent = add(recent, first, row)
    return recent


def search(block: Block, id_hash: bytes, before: int) -> Iterator[int]:
    """Positions less than `before` in a block, the last first."""
    if len(id_hash) != HASH_BYTES:
        raise ValueError(f"a hash of an id has {HASH_BYTES} bytes")
    end = min(len(block.hashes), max(before - block.first, 0) * HASH_BYTES)
    while (found := block.hashes.rfind(id_hash, 0, end)) >= 0:
        at_event, offset = divmod(found, HASH_BYTES)
        if offset == 0:
            yield block.first + at_event
        end = found + HASH_BYTES - 1  # the next one begins before this one, and may overlap it


class Step(msgspec.Struct, frozen=True):
    """What a part of a search found, the last first; `rest`, if there is more, begins before it."""

    positions: list[int]
    rest: int | None


def find(cursor: apsw.Cursor, id_hash: bytes, before: int, blocks_before: int) -> Step:
    """Positions less than `before` in some of the blocks that begin before a position."""
    found: list[int] = []
    number, first = 0, blocks_before
    rows = cursor.execute(_SQL["blocks_before"], (blocks_before, _BLOCKS_A_STEP))
    for number, (first, hashes) in enumerate(rows, start=1):  # noqa: B007 - needed after the loop
        found += search(Block(first, hashes), id_hash, before)
    return Step(found, first if number == _BLOCKS_A_STEP else None)
