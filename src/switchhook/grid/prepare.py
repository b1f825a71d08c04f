"""What must be known before a subscription with an order or a deduplication window takes events?

The keys that its waiting deliveries hold, and which events of the log repeat earlier ones. Both
are read from the store, while the subscription stands still.
"""

from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.deliver import Deliverer
from switchhook.grid.duplicates import Duplicates
from switchhook.grid.events import Event
from switchhook.grid.ports import Store
from switchhook.grid.route import Router
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import DeliverySettings


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
            self._deliverer.stand_still(queue)
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
        """Prepare what can be prepared; whether there was anything.

        What fails is raised at the end: it holds up no other subscription.
        """
        ready = [queue for queue in self._queues if not queue.in_flight]
        failures = []
        for queue in ready:
            try:
                await self._prepare(queue)
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)
        if failures:
            raise failures[0]
        return bool(ready)

    async def _prepare(self, queue: SubscriptionQueue) -> None:
        settings = queue.settings
        held = await self._held(queue)
        await self._learn_duplicates(queue)
        if queue.settings != settings and not queue.is_removed:
            return  # they have changed meanwhile
        queue.start_order_anew(held)
        queue.is_preparing = False
        del self._queues[queue]
        self._deliverer.pump(queue)

    async def _held(self, queue: SubscriptionQueue) -> list[Event]:
        """The events whose keys are held because they wait for a retry."""
        topic = self._router.topic(queue.subscription.topic)
        if not queue.settings.ordered_by or topic is None or queue.is_removed:
            return []
        if self._checkpoint.has_unwritten_rows:
            await self._checkpoint.write()
        incarnation = queue.subscription.incarnation
        rows = await self._checkpoint.read(self._store.waiting(incarnation, limit=None))
        return [
            event
            for row in rows
            if not row.run and not row.dead_letter_reason
            for event in read(
                row.body, row.schema, topic, first=row.position, published_at=row.published_at
            )
        ]

    async def _learn_duplicates(self, queue: SubscriptionQueue) -> None:
        window, topic = queue.settings.deduplication_window, queue.subscription.topic
        known = self._router.duplicates.get(topic)
        if not window or queue.is_removed or (known is not None and known.window >= window):
            return
        known = Duplicates(window)
        position = self._store.extent().first
        # What becomes durable meanwhile is read as well. Nobody goes by what is known in part: an
        # error leaves nothing behind, and another subscription goes by what it has until then.
        while position < self._router.head:
            batches = await self._store.read_from(position)
            if self._router.topic(topic) is None:
                return
            if not batches:
                break  # trimmed meanwhile, to its end
            for appended in batches:
                if appended.first >= self._router.head:
                    break  # the router notes it when it begins with it
                if appended.batch.topic == topic:
                    self._router.note_events(known, appended)
                position = appended.end
        self._router.duplicates[topic] = known
