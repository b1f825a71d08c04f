"""Which subscriptions read the log instead of being handed events?"""

import logging
from abc import ABC, abstractmethod
from functools import partial

from switchhook.clock import Clock
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.retry import GiveUpReason, Outcome
from switchhook.grid.subscription_queue import SubscriptionQueue

log = logging.getLogger("switchhook.grid.deliver")


# What a queue takes into memory, in bytes of events; one that has as much takes no further event.
MAX_QUEUE_BYTES = 8 << 20


class Laggards(ABC):
    """The queues that are behind, and how a queue gets there: at most `queue_limit` events wait in
    it."""

    def __init__(self, checkpoint: Checkpoint, clock: Clock, queue_limit: int) -> None:
        self._checkpoint = checkpoint
        self._clock = clock
        self._queue_limit = queue_limit
        self.behind: dict[SubscriptionQueue, None] = {}
        # Parked queues whose probation is over.
        self.probing: dict[SubscriptionQueue, None] = {}

    @abstractmethod
    def pump(self, queue: SubscriptionQueue) -> None:
        """Send as much as the subscription may have in flight."""

    def has_room(self, queue: SubscriptionQueue) -> bool:
        """Whether the queue may take another event for its first attempt."""
        return self._room(queue) > 0

    def _room(self, queue: SubscriptionQueue) -> int:
        """How many more events the queue may take, as long as they are not too large together."""
        if queue.settings.is_paused or queue.is_preparing:
            return 0
        waiting = len(queue.first_attempts) if queue.order is None else queue.waiting_count
        if queue.parked_until is not None:
            return int(queue.is_probing and not waiting and not queue.in_flight)
        return 0 if queue.waiting_bytes >= MAX_QUEUE_BYTES else max(0, self._queue_limit - waiting)

    def wants_more(self, queue: SubscriptionQueue) -> bool:
        """Whether it is worth reading the log for the queue."""
        if queue.parked_until is None and queue.waiting_count > self._queue_limit // 2:
            return False
        return queue.waiting_bytes <= MAX_QUEUE_BYTES // 2 and self.has_room(queue)

    def fall_behind(self, queue: SubscriptionQueue, position: int) -> None:
        """Let a live queue read the log from there on."""
        queue.fall_behind(position)
        self.behind[queue] = None
        self._checkpoint.touch(queue)
        self._checkpoint.wake()

    def stand_still(self, queue: SubscriptionQueue) -> None:
        """Let the queue leave memory: events wait in the log, and its retries in their rows."""
        for queued in queue.stop_sending(self._checkpoint.head()):
            self._checkpoint.release(queued, max(self._clock.now(), queued.early_for or 0))
        self.behind[queue] = None
        self._checkpoint.touch(queue)
        self._checkpoint.wake()

    def _park(self, queue: SubscriptionQueue, until: int, outcome: Outcome) -> None:
        log.warning(
            "subscription.parked",
            extra={"subscription": queue.subscription.name, "outcome": str(outcome)},
        )
        for queued in queue.park(until, self._checkpoint.head()):
            self._checkpoint.release(queued, max(until, queued.early_for or 0))
        self.behind[queue] = None
        self._checkpoint.touch(queue)
        self._clock.call_at(until, partial(self.probe, queue, until))

    def probe(self, queue: SubscriptionQueue, until: int) -> None:
        """The probation is over: let one delivery, the oldest, find out about the endpoint."""
        if queue.is_removed or queue.parked_until != until:
            return
        queue.is_probing = True
        self.probing[queue] = None
        self.pump(queue)
        self._checkpoint.wake()

    def resume(self, queue: SubscriptionQueue) -> None:
        """Send again, what has waited longest first."""
        self.pump(queue)  # in order, some have stayed in memory
        self._checkpoint.wake()

    def abandon(self, before: int) -> None:
        """The log is full: whoever reads it skips the events before that position."""
        for queue in self.behind:
            first = queue.skip(before)
            if first is not None:
                log.warning(
                    "deliveries.abandoned",
                    extra={
                        "subscription": queue.subscription.name,
                        "reason": str(GiveUpReason.LOG_FULL),
                        "first": first,
                        "before": before,
                    },
                )
                self._checkpoint.touch(queue)
