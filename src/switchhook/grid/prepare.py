"""What must be known before a subscription with an order or a deduplication window takes events?

The keys that its waiting deliveries hold, and which events of the log repeat earlier ones. Both
are read from the store, while the subscription stands still.
"""

from switchhook.clock import SECOND
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.deliver import Deliverer
from switchhook.grid.duplicates import Duplicates
from switchhook.grid.ports import Store
from switchhook.grid.route import Router
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import DeliverySettings

# How long due rows of a subscription that is still being prepared are put off.
PUT_OFF = SECOND // 10


class Preparation:
    """The subscriptions whose settings have changed so that the store must be asked."""

    def __init__(
        self, *, store: Store, router: Router, deliverer: Deliverer, checkpoint: Checkpoint
    ) -> None:
        self._store = store
        self._router = router
        self._deliverer = deliverer
        self._checkpoint = checkpoint
        self._queues: dict[SubscriptionQueue, None] = {}

    def reconfigured(self, queue: SubscriptionQueue, before: DeliverySettings) -> None:
        """The settings of a queue have changed."""
        after = queue.settings
        if after.is_paused and not before.is_paused:
            self._deliverer.pause(queue)
        if (after.ordered_by, after.deduplication_window) != (
            before.ordered_by,
            before.deduplication_window,
        ):
            self._deliverer.stand_still(queue)
            queue.is_preparing = True
            self._queues[queue] = None
        if before.is_paused and not after.is_paused:
            self._deliverer.resume(queue)

    async def turn(self) -> bool:
        """Prepare what can be prepared; whether there was anything."""
        ready = [queue for queue in self._queues if not queue.in_flight]
        for queue in ready:
            if not queue.is_removed:
                queue.start_order_anew()
                await self._hold_keys(queue)
                await self._learn_duplicates(queue)
            queue.is_preparing = False
            del self._queues[queue]
            self._deliverer.pump(queue)
        return bool(ready)

    async def _hold_keys(self, queue: SubscriptionQueue) -> None:
        topic = self._router.topic(queue.subscription.topic)
        if queue.order is None or topic is None:
            return
        if self._checkpoint.has_unwritten_rows:
            await self._checkpoint.write()
        incarnation = queue.subscription.incarnation
        rows = await self._checkpoint.read(self._store.waiting(incarnation, limit=None))
        for row in rows:
            if not row.run and not row.dead_letter_reason:
                at, published_at = row.position, row.published_at
                events = read(row.body, row.schema, topic, first=at, published_at=published_at)
                queue.order.hold(next(events))

    async def _learn_duplicates(self, queue: SubscriptionQueue) -> None:
        window, topic = queue.settings.deduplication_window, queue.subscription.topic
        known = self._router.duplicates.get(topic)
        if not window or (known is not None and known.window >= window):
            return
        known = self._router.duplicates[topic] = Duplicates(window)
        position = self._store.extent().first
        # What becomes durable meanwhile is read as well; the last look and the flag are one step.
        while position < self._router.head:
            for appended in await self._store.read_from(position):
                if appended.end > self._router.head:
                    break
                if appended.batch.topic == topic:
                    self._router.note_events(known, appended)
                position = appended.end
        known.is_complete = True
