"""How does the store in memory keep the delivery state?"""

import asyncio
from collections.abc import Collection
from typing import assert_never

from switchhook.grid.ports import (
    Backlog,
    Cursor,
    DropCursor,
    DropSubscription,
    DueMark,
    MoveWatermark,
    PutCursor,
    PutWaiting,
    SettleWaiting,
    WaitingDelivery,
)

DeliveryChange = (
    MoveWatermark | PutCursor | DropCursor | PutWaiting | SettleWaiting | DropSubscription
)

_Mark = tuple[int, int, str, int]


class MemoryDeliveryState:
    """Implements `grid.ports.DeliveryState`."""

    def __init__(self) -> None:
        self._watermark = 0
        self._cursors: dict[tuple[str, int], Cursor] = {}
        self._dropped: set[str] = set()
        self._waiting: dict[tuple[str, int, int], WaitingDelivery] = {}

    def change(self, change: DeliveryChange) -> None:
        """Do what a commit asks for."""
        match change:
            case MoveWatermark(position):
                self._watermark = position
            case PutCursor(cursor):
                if cursor.subscription in self._dropped:
                    return
                self._cursors[cursor.subscription, cursor.run] = cursor
            case DropCursor(subscription, run):
                self._cursors.pop((subscription, run), None)
            case PutWaiting(delivery):
                if delivery.subscription in self._dropped:
                    return
                identity = (delivery.subscription, delivery.position, delivery.run)
                self._waiting[identity] = delivery
            case SettleWaiting(position, subscription, run):
                self._waiting.pop((subscription, position, run), None)
            case DropSubscription(subscription):
                self._drop(subscription)
            case _:
                assert_never(change)

    def _drop(self, subscription: str) -> None:
        self._dropped.add(subscription)
        for cursor in [identity for identity in self._cursors if identity[0] == subscription]:
            del self._cursors[cursor]
        for row in [identity for identity in self._waiting if identity[0] == subscription]:
            del self._waiting[row]

    async def watermark(self) -> int:
        return self._watermark

    async def cursors(self) -> list[Cursor]:
        return [self._cursors[identity] for identity in sorted(self._cursors)]

    async def due(
        self,
        now: int,
        limit: int,
        after: DueMark | None = None,
        *,
        excluding: Collection[str] = (),
    ) -> list[WaitingDelivery]:
        found = [each for each in self._after(after, excluding) if each.due_at <= now][:limit]
        await asyncio.sleep(0)  # what was read may be old when it is used, as with a real disk
        return found

    async def next_due(
        self, after: DueMark | None = None, *, excluding: Collection[str] = ()
    ) -> DueMark | None:
        return next((DueMark(*_order(each)) for each in self._after(after, excluding)), None)

    def _after(self, mark: DueMark | None, excluding: Collection[str]) -> list[WaitingDelivery]:
        wanted = (
            each
            for each in self._waiting.values()
            if each.dead_letter_reason or each.subscription not in excluding
        )
        found = sorted(wanted, key=_order)
        if mark is None:
            return found
        start = (mark.due_at, mark.position, mark.subscription, mark.run)
        return [each for each in found if _order(each) > start]

    async def waiting(
        self, subscription: str, *, start: int = 0, limit: int | None = 100
    ) -> list[WaitingDelivery]:
        identities = sorted(
            identity
            for identity in self._waiting
            if identity[0] == subscription and self._waiting[identity].position >= start
        )
        found = [self._waiting[identity] for identity in identities[:limit]]
        await asyncio.sleep(0)
        return found

    async def backlogs(self) -> list[Backlog]:
        rows: dict[str, list[WaitingDelivery]] = {}
        for identity in sorted(self._waiting):
            rows.setdefault(identity[0], []).append(self._waiting[identity])
        return [
            Backlog(subscription=each, count=len(own), published_at=own[0].published_at)
            for each, own in rows.items()
        ]


def _order(delivery: WaitingDelivery) -> _Mark:
    return delivery.due_at, delivery.position, delivery.subscription, delivery.run
