"""Which deliveries that wait are to be attempted now?

They live in their rows, however many there are; a bounded number of each subscription is taken up
into memory at a time. Rows are read page by page in the order in which they come due; a row that is
put before the page that was read last makes the reading start again from the first.

A subscription that takes no more, because it has enough of them in memory, is parked or is paused,
is left out of the reading, so that it holds up no other. When it takes some again, the reading
starts again too.
"""

import logging

from switchhook.clock import Clock
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.dead_letter_writes import DeadLetterWrites
from switchhook.grid.deliver import Deliverer
from switchhook.grid.delivery import Delivery
from switchhook.grid.ports import DeliveryState, DueMark, WaitingDelivery
from switchhook.grid.route import Router
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import SubscriptionQueue

log = logging.getLogger(__name__)

# How many rows are read at once, and how many of one subscription may be in memory.
PAGE = 100
MAX_RETRIES = 200


class DueDeliveries:
    """Takes up rows that are due, and the rows that probe a parked endpoint."""

    def __init__(
        self,
        *,
        state: DeliveryState,
        router: Router,
        deliverer: Deliverer,
        dead_letters: DeadLetterWrites,
        checkpoint: Checkpoint,
        clock: Clock,
    ) -> None:
        self._state = state
        self._router = router
        self._deliverer = deliverer
        self._dead_letters = dead_letters
        self._checkpoint = checkpoint
        self._clock = clock
        # Subscriptions that have left due rows where they are.
        self._left_out: dict[SubscriptionQueue, None] = {}

    async def turn(self) -> bool:
        """Take up what is due now; whether there was anything."""
        probed = [await self._probe(queue) for queue in list(self._deliverer.probing)]
        return await self._take_up_due() or any(probed)

    async def look_up_next_due(self) -> None:
        """Learn when the next row is due that is not in memory, from the store."""
        checkpoint, excluding = self._checkpoint, self._excluded()
        mark = await self._state.next_due(checkpoint.read_mark, excluding=excluding)
        while mark is not None and _identity(mark) in checkpoint.owned:
            mark = await self._state.next_due(mark, excluding=excluding)
        if mark is not None:
            checkpoint.wake_at(mark.due_at)

    async def _take_up_due(self) -> bool:
        now = self._clock.now()
        checkpoint = self._checkpoint
        self._let_in(now)
        if checkpoint.next_due is None or checkpoint.next_due > now:
            return False
        if checkpoint.has_unwritten_rows:
            await checkpoint.write()
        checkpoint.next_due = None
        try:
            return await self._take_up_page(now)
        except BaseException:
            checkpoint.read_mark = None
            raise
        finally:
            # Whatever failed, the next row must find somebody awake.
            await self.look_up_next_due()

    def _excluded(self) -> list[str]:
        return [queue.subscription.incarnation for queue in self._left_out]

    def _let_in(self, now: int) -> None:
        """Read the rows again of those that take some again."""
        for queue in list(self._left_out):
            if queue.is_removed or (self._takes(queue) and len(queue.retries) <= MAX_RETRIES // 2):
                del self._left_out[queue]
                queue.has_left_rows = False
                self._checkpoint.read_mark = None
                self._checkpoint.expect_due(now)

    async def _take_up_page(self, now: int) -> bool:
        checkpoint = self._checkpoint
        due = self._state.due(now, PAGE, checkpoint.read_mark, excluding=self._excluded())
        rows = await checkpoint.read_due(due)
        fresh = [row for row in rows if not checkpoint.is_in_memory(row)]
        touched = {queue for row in fresh if (queue := self._try_to_take_up(row)) is not None}
        self._dead_letters.start()
        for queue in touched:
            self._deliverer.pump(queue)
        if checkpoint.has_unwritten_rows:
            await checkpoint.write()
        return bool(rows)

    async def _probe(self, queue: SubscriptionQueue) -> bool:
        """Take up the oldest waiting delivery of an endpoint on probation, due or not."""
        if not queue.is_probing or queue.is_removed:
            self._deliverer.probing.pop(queue, None)
            return False
        if queue.settings.is_paused or queue.is_preparing:
            return False  # it goes on with it afterwards
        if queue.in_flight or queue.retries or queue.first_attempts:
            return False
        if not queue.is_behind or queue.cursor(self._router.head) == self._router.head:
            return False  # nothing is held up: what waits finds out at its own time
        if self._checkpoint.has_unwritten_rows:
            await self._checkpoint.write()
        row = await self._oldest(queue)
        if row is None or self._checkpoint.is_in_memory(row) or not queue.is_probing:
            return False
        self._take_up(row)
        self._deliverer.pump(queue)
        return True

    async def _oldest(self, queue: SubscriptionQueue) -> WaitingDelivery | None:
        """The waiting delivery of the lowest position that is not given up already."""
        start, incarnation = 0, queue.subscription.incarnation
        read = self._checkpoint.read
        while rows := await read(self._state.waiting(incarnation, start=start)):
            found = next((row for row in rows if not row.dead_letter_reason), None)
            if found is not None or rows[-1].position < start:
                return found
            start = rows[-1].position + 1
        return None

    def _try_to_take_up(self, row: WaitingDelivery) -> SubscriptionQueue | None:
        """As `_take_up`; what cannot be read stays in its row, and holds up no other."""
        try:
            return self._take_up(row)
        except Exception:
            fields = {"subscription": row.subscription, "position": row.position}
            log.exception("due.failed", extra=fields)
            return None

    def _take_up(self, row: WaitingDelivery) -> SubscriptionQueue | None:
        """Bring a delivery into memory; None when it is not to be attempted now."""
        queue = self._router.queues.get(row.subscription)
        if queue is None or self._router.topic(row.topic) is None:
            self._checkpoint.settle(row.identity)
            return None
        if row.dead_letter_reason:
            self._dead_letters.take(row)
            return None
        if row.run in self._checkpoint.canceled_runs:
            self._checkpoint.settle(row.identity)
            return None
        if not self._takes(queue):
            queue.has_left_rows = True
            self._left_out[queue] = None
            return None
        delivery = self._delivery(row, queue)
        self._checkpoint.owned.add(row.identity)
        queue.accept_retry(delivery)
        return queue

    def _takes(self, queue: SubscriptionQueue) -> bool:
        """Whether a row of the subscription may be taken up now."""
        if queue.settings.is_paused or queue.is_preparing:
            return False
        if queue.parked_until is None:
            return len(queue.retries) < MAX_RETRIES
        if not queue.is_probing:
            if queue.parked_until > self._clock.now():
                return False
            # The probation ends at this very instant, and this row's timer was the first to fire.
            self._deliverer.probe(queue, queue.parked_until)
        return not queue.retries and not queue.in_flight

    def _delivery(self, row: WaitingDelivery, queue: SubscriptionQueue) -> Delivery:
        topic = self._router.topic(row.topic)
        assert topic is not None, "it was looked up before"  # noqa: S101
        event = next(
            read(row.body, row.schema, topic, first=row.position, published_at=row.published_at)
        )
        # A replay goes by the rules of today.
        version = queue.subscription if row.run else queue.version(row.version)
        is_early = row.due_at > self._clock.now()
        return Delivery(
            row.position,
            row.published_at,
            event,
            version or queue.subscription,
            row.attempts,
            is_stored=True,
            early_for=row.due_at if is_early else None,
            run=row.run,
            lives_from=row.lives_from,
            traceparent=row.traceparent,
            last_outcome=row.last_outcome,
            last_status_code=row.last_status_code,
            last_attempt_at=row.last_attempt_at,
        )


def _identity(mark: DueMark) -> tuple[int, str, int]:
    return mark.position, mark.subscription, mark.run
