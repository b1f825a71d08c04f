"""At which positions are the events whose id has a given hash?

The hashes of consecutive events lie in blocks, four bytes each (`grid.ports.hash_of_id`). A search
reads the blocks, the newest first: that happens when a person asks, while an index would cost a
write for every event.
"""

from collections.abc import Iterable, Iterator

import apsw
import msgspec

from switchhook.grid.ports import HASH_BYTES, Batch
from switchhook.stores.queries import load_queries

_SQL = load_queries("log.sql")


class Block(msgspec.Struct, frozen=True):
    """The hashes of consecutive events; the first of them has position `first`."""

    first: int
    hashes: bytes


def blocks(first: int, batches: Iterable[Batch]) -> Iterator[Block]:
    """The hashes of batches from position `first` on; those without hashes leave a gap."""
    start, parts = first, list[bytes]()
    for batch in batches:
        if not batch.id_hashes:
            if parts:
                yield Block(start, b"".join(parts))
            start, parts = first + batch.count, []
        else:
            parts.append(batch.id_hashes)
        first += batch.count
    if parts:
        yield Block(start, b"".join(parts))


def append(cursor: apsw.Cursor, first: int, batches: Iterable[Batch]) -> None:
    """Write the hashes of one row of the log."""
    for block in blocks(first, batches):
        cursor.execute(_SQL["append_hashes"], (block.first, block.hashes))


def search(block: Block, id_hash: bytes, before: int) -> Iterator[int]:
    """Positions less than `before` in a block, the last first."""
    end = min(len(block.hashes), max(before - block.first, 0) * HASH_BYTES)
    while (found := block.hashes.rfind(id_hash, 0, end)) >= 0:
        at_event, offset = divmod(found, HASH_BYTES)
        if offset == 0:
            yield block.first + at_event
        end = found + HASH_BYTES - 1  # the next one begins before this one, and may overlap it


def find(
    cursor: apsw.Cursor, id_hash: bytes, before: int, blocks_from: int, blocks_before: int
) -> list[int]:
    """Positions less than `before` in the blocks that begin in a range, the last first."""
    # SQLite looks into the blocks, in C and without Python's lock; few come out.
    rows = cursor.execute(_SQL["blocks_with_hash"], (blocks_from, blocks_before, id_hash))
    return [at for first, hashes in rows for at in search(Block(first, hashes), id_hash, before)]
