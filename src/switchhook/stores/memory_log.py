"""How does the store in memory keep the events?"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import islice

from msgspec.structs import replace

from switchhook.grid.ports import Appended, Batch, LogExtent
from switchhook.stores.id_hashes import Block, blocks, search


class MemoryLog:
    """Implements `grid.ports.EventLog`; a row is one batch."""

    def __init__(self) -> None:
        self._log: list[Appended] = []
        self._hashes: list[Block] = []
        self._end = 0
        self._size = 0

    def append(self, batches: Iterable[Batch]) -> None:
        """Add batches at the end."""
        for batch in batches:
            self._hashes += blocks(self._end, batch.count, (batch,))
            stored = batch if batch.checked is None else replace(batch, checked=None)
            self._log.append(Appended(self._end, stored))
            self._end += batch.count
            self._size += len(batch.body)

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        found: list[Appended] = []
        size = 0
        for index in range(bisect_right(self._log, position, key=_end_of), len(self._log)):
            size += len(self._log[index].batch.body)
            if found and size > max_bytes:
                break
            found.append(self._log[index])
        return found

    async def trim(self, before: int, max_rows: int = 1000) -> int:
        removed = min(bisect_right(self._log, before, key=_end_of), max_rows)
        self._size -= sum(len(appended.batch.body) for appended in self._log[:removed])
        del self._log[:removed]
        del self._hashes[: bisect_left(self._hashes, self.extent().first, key=_first_of)]
        return removed

    def extent(self) -> LogExtent:
        oldest = self._log[0] if self._log else None
        return LogExtent(
            first=oldest.first if oldest else self._end,
            end=self._end,
            size=self._size,
            oldest_published_at=oldest.batch.published_at if oldest else None,
        )

    async def find(
        self, id_hash: bytes, *, before: int | None = None, limit: int = 100
    ) -> list[int]:
        end = self._end if before is None else before
        newest_first = (
            at for block in reversed(self._hashes) for at in search(block, id_hash, end)
        )
        return list(islice(newest_first, limit))


def _end_of(appended: Appended) -> int:
    return appended.end


def _first_of(block: Block) -> int:
    return block.first
