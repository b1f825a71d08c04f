"""What does a store do that keeps everything in memory?

For tests and embedding: the same promises as the SQLite store, except that nothing outlives the
process.
"""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from typing import assert_never

from switchhook.errors import ConflictError
from switchhook.grid.ports import (
    Appended,
    Batch,
    Change,
    Cursor,
    Delete,
    DropCursor,
    DropSubscription,
    LogExtent,
    MoveWatermark,
    Put,
    PutCursor,
    PutWaiting,
    Record,
    SettleWaiting,
    WaitingDelivery,
)
from switchhook.stores.requests import CommitRequest, finish, refuse_over_cap


class MemoryStore:
    """Implements `grid.ports.Store`; a row of its log is one batch."""

    def __init__(self, *, max_bytes: int = 2 << 30) -> None:
        self._max_bytes = max_bytes
        self._queue: list[CommitRequest] = []
        self._log: list[Appended] = []
        self._end = 0
        self._size = 0
        self._records: dict[tuple[str, str], Record] = {}
        self._keys: dict[str, list[str]] = {}
        self._watermark = 0
        self._cursors: dict[tuple[str, int], Cursor] = {}
        self._waiting: dict[tuple[str, int, int], WaitingDelivery] = {}

    async def commit(
        self,
        changes: Sequence[Change] = (),
        batches: Sequence[Batch] = (),
        on_durable: Callable[[int], None] | None = None,
    ) -> int:
        request = CommitRequest(changes, batches, on_durable)
        if not self._queue:
            # On the next turn, so that callers meet the same interleaving as with a real disk.
            asyncio.get_running_loop().call_soon(self._write)
        self._queue.append(request)
        return await request.future

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
            self._change(change)
        for batch in request.batches:
            self._log.append(Appended(self._end, batch))
            self._end += batch.count
        self._size += request.size

    def _check(self, change: Change) -> None:
        if isinstance(change, Put | Delete) and change.expected is not None:
            record = self._records.get((change.collection, change.key))
            revision = record.revision if record else 0
            if revision != change.expected:
                raise ConflictError(
                    f"{change.collection}/{change.key} is at revision {revision}, "
                    f"not at {change.expected}"
                )

    def _change(self, change: Change) -> None:
        match change:
            case Put():
                self._put(change)
            case Delete(collection, key):
                if self._records.pop((collection, key), None):
                    self._keys[collection].remove(key)
            case MoveWatermark(position):
                self._watermark = position
            case PutCursor(cursor):
                self._cursors[cursor.subscription, cursor.run] = cursor
            case DropCursor(subscription, run):
                self._cursors.pop((subscription, run), None)
            case PutWaiting(delivery):
                identity = (delivery.subscription, delivery.position, delivery.run)
                self._waiting[identity] = delivery
            case SettleWaiting(position, subscription, run):
                self._waiting.pop((subscription, position, run), None)
            case DropSubscription(subscription):
                self._drop(subscription)
            case _:
                assert_never(change)

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

    def _drop(self, subscription: str) -> None:
        self._cursors = {
            identity: cursor
            for identity, cursor in self._cursors.items()
            if cursor.subscription != subscription
        }
        self._waiting = {
            identity: delivery
            for identity, delivery in self._waiting.items()
            if delivery.subscription != subscription
        }

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
        return removed

    def extent(self) -> LogExtent:
        oldest = self._log[0] if self._log else None
        return LogExtent(
            first=oldest.first if oldest else self._end,
            end=self._end,
            size=self._size,
            oldest_published_at=oldest.batch.published_at if oldest else None,
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

    async def watermark(self) -> int:
        return self._watermark

    async def cursors(self) -> list[Cursor]:
        return [self._cursors[identity] for identity in sorted(self._cursors)]

    async def due(self, now: int, limit: int) -> list[WaitingDelivery]:
        found = [delivery for delivery in self._waiting.values() if delivery.due_at <= now]
        found.sort(key=lambda delivery: (delivery.due_at, delivery.position))
        return found[:limit]

    async def next_due(self) -> int | None:
        return min((delivery.due_at for delivery in self._waiting.values()), default=None)

    async def waiting(
        self, subscription: str, *, start: int = 0, limit: int | None = 100
    ) -> list[WaitingDelivery]:
        identities = sorted(
            identity
            for identity in self._waiting
            if identity[0] == subscription and self._waiting[identity].position >= start
        )
        return [self._waiting[identity] for identity in identities[:limit]]


def _end_of(appended: Appended) -> int:
    return appended.end
