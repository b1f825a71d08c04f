"""Which deliveries that wait are to be attempted now?

They live in their rows, however many there are; a bounded number is taken up into memory at a time.
"""

import msgspec

from switchhook.clock import Clock
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.deliver import Deliverer
from switchhook.grid.ports import DeliveryState, WaitingDelivery
from switchhook.grid.route import Router
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import Delivery, SubscriptionQueue

# How many rows are taken up at once, and how many may be in memory.
PAGE = 100
MAX_TAKEN_UP = 500

_FOR_EVER = (1 << 63) - 1


class DueDeliveries:
    """Takes up rows that are due, and the rows that probe a parked endpoint."""

    def __init__(
        self,
        *,
        state: DeliveryState,
        router: Router,
        deliverer: Deliverer,
        checkpoint: Checkpoint,
        clock: Clock,
    ) -> None:
        self._state = state
        self._router = router
        self._deliverer = deliverer
        self._checkpoint = checkpoint
        self._clock = clock

    async def turn(self) -> bool:
        """Take up what is due now; whether there was anything."""
        probed = [await self._probe(queue) for queue in list(self._deliverer.probing)]
        return await self._take_up_due() or any(probed)

    async def look_up_next_due(self) -> None:
        """Learn when the next row is due, from the store."""
        owned = self._checkpoint.owned
        rows = await self._state.due(_FOR_EVER, len(owned) + 1)
        upcoming = [row.due_at for row in rows if _identity(row) not in owned]
        if upcoming:
            self._checkpoint.expect_due(upcoming[0])

    async def _take_up_due(self) -> bool:
        now = self._clock.now()
        checkpoint = self._checkpoint
        if checkpoint.next_due is None or checkpoint.next_due > now:
            return False
        if len(checkpoint.owned) >= MAX_TAKEN_UP:
            return False
        if checkpoint.has_unwritten_rows:
            await checkpoint.write()
        checkpoint.next_due = None
        try:
            return await self._take_up_page(now)
        finally:
            # Whatever failed, the next row must find somebody awake.
            await self.look_up_next_due()

    async def _take_up_page(self, now: int) -> bool:
        checkpoint = self._checkpoint
        fresh = await checkpoint.read(self._state.due(now, len(checkpoint.owned) + PAGE))
        touched = {queue for row in fresh if (queue := self._take_up(row)) is not None}
        for queue in touched:
            self._deliverer.pump(queue)
        if checkpoint.has_unwritten_rows:
            await checkpoint.write()
        return bool(fresh)

    async def _probe(self, queue: SubscriptionQueue) -> bool:
        """Take up the oldest waiting delivery of an endpoint on probation, due or not."""
        if not queue.is_probing or queue.is_removed:
            self._deliverer.probing.pop(queue, None)
            return False
        if queue.in_flight or queue.retries or queue.first_attempts:
            return False
        if self._checkpoint.has_unwritten_rows:
            await self._checkpoint.write()
        rows = await self._checkpoint.read(
            self._state.waiting(queue.subscription.incarnation, limit=1)
        )
        if not rows or not queue.is_probing:
            return False
        self._take_up(rows[0])
        self._deliverer.pump(queue)
        return True

    def _take_up(self, row: WaitingDelivery) -> SubscriptionQueue | None:
        queue = self._router.queues.get(row.subscription)
        topic = self._router.topic(row.topic)
        if queue is None or topic is None:
            self._checkpoint.settle(_identity(row))
            return None
        if queue.parked_until is not None and not queue.is_probing:
            if queue.parked_until > self._clock.now():
                self._checkpoint.put(msgspec.structs.replace(row, due_at=queue.parked_until))
                return None
            # The probation ends at this very instant, and this row's timer was the first to fire.
            self._deliverer.probe(queue, queue.parked_until)
        first, published_at = row.position, row.published_at
        event = next(read(row.body, row.schema, topic, first=first, published_at=published_at))
        version = queue.versions.get(row.version, queue.subscription)
        is_early = row.due_at > self._clock.now()
        delivery = Delivery(
            row.position,
            row.published_at,
            event,
            version,
            row.attempts,
            is_stored=True,
            early_for=row.due_at if is_early else None,
        )
        self._checkpoint.owned.add(_identity(row))
        queue.retries.append(delivery)
        return queue


def _identity(row: WaitingDelivery) -> tuple[int, str]:
    return row.position, row.subscription
