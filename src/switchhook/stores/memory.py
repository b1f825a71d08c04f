"""What does a store do that keeps everything in memory?

For tests and embedding: the same promises as the SQLite store, except that nothing outlives the
process.
"""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence

from switchhook.errors import ConflictError
from switchhook.grid.ports import Batch, Change, Delete, Put, Record
from switchhook.stores import requests
from switchhook.stores.memory_delivery import MemoryDeliveryState
from switchhook.stores.memory_log import MemoryLog
from switchhook.stores.requests import CommitRequest, finish, refuse_over_cap


class MemoryStore(MemoryLog, MemoryDeliveryState):
    """Implements `grid.ports.Store`."""

    def __init__(self, *, max_bytes: int = 2 << 30) -> None:
        MemoryLog.__init__(self)
        MemoryDeliveryState.__init__(self)
        self._max_bytes = max_bytes
        self._queue: list[CommitRequest] = []
        self._records: dict[tuple[str, str], Record] = {}
        self._keys: dict[str, list[str]] = {}

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
        request = CommitRequest(changes, batches, on_durable, ended)
        if not self._queue:
            # On the next turn, so that callers meet the same interleaving as with a real disk.
            asyncio.get_running_loop().call_soon(self._write)
        self._queue.append(request)

    def _write(self) -> None:
        group, self._queue = self._queue, []
        for request in group:
            try:
                self._apply(request)
            except Exception as error:  # noqa: BLE001 - it belongs to the caller of this commit
                request.error = error
        finish(group)

    def _apply(self, request: CommitRequest) -> None:
        for change in request.changes:
            self._check(change)
        refuse_over_cap(self._size, request.size, self._max_bytes)
        request.first = self._end
        for change in request.changes:
            self._do(change)
        self.append(request.batches)

    def _check(self, change: Change) -> None:
        if isinstance(change, Put | Delete) and change.expected is not None:
            record = self._records.get((change.collection, change.key))
            revision = record.revision if record else 0
            if revision != change.expected:
                raise ConflictError(
                    f"{change.collection}/{change.key} is at revision {revision}, "
                    f"not at {change.expected}"
                )

    def _do(self, change: Change) -> None:
        match change:
            case Put():
                self._put(change)
            case Delete(collection, key):
                if self._records.pop((collection, key), None):
                    self._keys[collection].remove(key)
            case _:
                self.change(change)

    def _put(self, change: Put) -> None:
        before = self._records.get((change.collection, change.key))
        if before is None:
            insort(self._keys.setdefault(change.collection, []), change.key)
        self._records[change.collection, change.key] = Record(
            collection=change.collection,
            key=change.key,
            value=change.value,
            revision=before.revision + 1 if before else 1,
            position=self._end,
        )

    async def get(self, collection: str, key: str) -> Record | None:
        return self._records.get((collection, key))

    async def scan(
        self,
        collection: str,
        *,
        start: str = "",
        end: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Record]:
        keys = self._keys.get(collection, [])
        stop = len(keys) if end is None else bisect_left(keys, end)
        selected = keys[bisect_left(keys, start) : stop]
        if reverse:
            selected.reverse()
        return [self._records[collection, key] for key in selected[:limit]]
