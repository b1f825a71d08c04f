"""How are deliveries made? Claimed in batches, sent by eight workers, settled with the next."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bench.typical.tables import (
    DELIVERED,
    FAILED,
    PENDING,
    SENDING,
    Delivery,
    StoredEvent,
    Subscription,
)

WORKERS = 8
CLAIMED = 128
MAX_ATTEMPTS = 8
POLL_SECONDS = 1.0

_due = (
    select(Delivery.id)
    .where(Delivery.status == PENDING, Delivery.due_at <= bindparam("now"))
    .order_by(Delivery.due_at, Delivery.id)
    .limit(CLAIMED)
)
_claim = (
    update(Delivery)
    .where(Delivery.id.in_(_due.scalar_subquery()))
    .values(status=SENDING)
    .returning(Delivery.id)
)
_claimed = (
    select(Delivery.id, Delivery.attempts, StoredEvent.body, Subscription.endpoint)
    .join(StoredEvent, StoredEvent.id == Delivery.event)
    .join(Subscription, Subscription.id == Delivery.subscription)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)))
    .order_by(Delivery.id)
)
_settle = (
    update(Delivery.__table__)
    .where(Delivery.id == bindparam("delivery"))
    .values(
        status=bindparam("status"),
        attempts=bindparam("attempts"),
        due_at=bindparam("due_at"),
        last_status=bindparam("last_status"),
    )
)


class Deliverer:
    """Sends what is due, and what comes due later."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._work = asyncio.Event()

    def wake(self) -> None:
        """There may be something to send."""
        self._work.set()

    async def run(self) -> None:
        """Take up what an earlier run had begun, then claim, send, settle."""
        async with self._engine.begin() as connection:
            begun = update(Delivery).where(Delivery.status == SENDING)
            await connection.execute(begun.values(status=PENDING))
        limits = httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS)
        async with httpx.AsyncClient(limits=limits, timeout=30) as client:
            outcomes: list[dict[str, Any]] = []
            while True:
                self._work.clear()
                async with self._engine.begin() as connection:
                    if outcomes:
                        await connection.execute(_settle, outcomes)
                    rows = await _claim_due(connection)
                outcomes = await _send_all(client, rows)
                if not rows:
                    await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._work.wait()
        except TimeoutError:
            return  # a retry may have come due


async def _claim_due(connection: AsyncConnection) -> Sequence[Any]:
    ids = (await connection.scalars(_claim, {"now": time.time()})).all()
    if not ids:
        return []
    rows: Sequence[Any] = (await connection.execute(_claimed, {"ids": ids})).all()
    return rows


async def _send_all(client: httpx.AsyncClient, rows: Sequence[Any]) -> list[dict[str, Any]]:
    waiting = iter(rows)
    outcomes: list[dict[str, Any]] = []

    async def work() -> None:
        for row in waiting:
            status = await _send(client, row)
            outcomes.append(_outcome(row, status))

    await asyncio.gather(*(work() for _ in range(min(WORKERS, len(rows)))))
    return outcomes


async def _send(client: httpx.AsyncClient, row: Any) -> int | None:
    """The status that the endpoint answered; None when it did not."""
    try:
        answer = await client.post(
            row.endpoint,
            content=b"[" + row.body + b"]",
            headers={"content-type": "application/json"},
        )
    except httpx.HTTPError:
        return None
    status: int = answer.status_code
    return status


def _outcome(row: Any, status: int | None) -> dict[str, Any]:
    attempts = row.attempts + 1
    is_delivered = status is not None and 200 <= status < 300
    is_over = is_delivered or attempts >= MAX_ATTEMPTS
    return {
        "delivery": row.id,
        "attempts": attempts,
        "status": DELIVERED if is_delivered else FAILED if is_over else PENDING,
        "due_at": time.time() + (0 if is_over else 2.0**attempts),
        "last_status": status,
    }
