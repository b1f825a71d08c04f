"""How does the queue of a subscription stop taking events, and leave them to the log?"""

from abc import abstractmethod
from collections import deque
from typing import Final, cast

from switchhook.grid.delivery import Delivery
from switchhook.grid.key_order import KeyOrder
from switchhook.grid.queue_versions import QueueVersions
from switchhook.grid.retry import Outcome
from switchhook.grid.subscriptions import EventSubscription

# What a queue has instead of containers until the first event; see `SubscriptionQueue`.
NO_DELIVERIES: Final = cast(deque[Delivery], ())


class QueueBehind(QueueVersions):
    """The part of `SubscriptionQueue` that leaves memory alone."""

    __slots__ = (
        "_gaps_end",
        "failures_in_a_row",
        "first_attempts",
        "is_probing",
        "order",
        "parked_until",
        "read_position",
        "retries",
        "waiting_bytes",
    )

    def __init__(self, subscription: EventSubscription, read_position: int | None) -> None:
        super().__init__(subscription)
        self.order: KeyOrder | None = None
        self.read_position = read_position
        self.first_attempts = NO_DELIVERIES
        self.retries = NO_DELIVERIES
        # The events in memory that were not tried yet, as they were published.
        self.waiting_bytes = 0
        self.failures_in_a_row = 0
        self.parked_until: int | None = None
        self.is_probing = False
        # Among the events before this position that are in memory, some are finished already.
        self._gaps_end = 0

    @abstractmethod
    def finish(self, delivery: Delivery) -> None:
        """The delivery is delivered or given up."""

    @abstractmethod
    def settle(self, delivery: Delivery) -> None:
        """The cursor may pass the delivery."""

    @property
    def is_behind(self) -> bool:
        """Whether it reads the log instead of being handed events."""
        return self.read_position is not None

    def fall_behind(self, position: int) -> None:
        """Read the log from `position` on, or from the first event in memory that was not tried.

        In order, later events may be finished: what is in memory stays there, so that none of them
        is read again.
        """
        if self._has_gaps:
            self.read_position = position if self.read_position is None else self.read_position
            return
        if self.first_attempts:
            position = min(position, self.first_attempts[0].position)
            for delivery in self.first_attempts:
                self.settle(delivery)
            self.first_attempts.clear()
            self.waiting_bytes = 0
        self.read_position = position

    @property
    def _has_gaps(self) -> bool:
        if self.order is not None:
            return True
        return bool(self.first_attempts) and self.first_attempts[0].position < self._gaps_end

    def skip(self, before: int) -> int | None:
        """Forget what was not attempted yet before that position, read or not; where it began."""
        if self.read_position is None:
            return None
        first = self.first_attempts[0].position if self.first_attempts else self.read_position
        while self.first_attempts and self.first_attempts[0].position < before:
            skipped = self.first_attempts.popleft()
            self.waiting_bytes -= len(skipped.event.json)
            self.finish(skipped)
        self.read_position = max(self.read_position, before)
        return first if first < before else None

    def stop_sending(self, head: int) -> list[Delivery]:
        """Leave memory; answer the retries that were queued, for their rows' sake."""
        if not self.is_behind or self.first_attempts:
            self.fall_behind(head if self.read_position is None else self.read_position)
        queued = list(self.retries)
        if queued:
            self.retries.clear()
        return queued

    def park(self, until: int, head: int) -> list[Delivery]:
        """Stop sending until then; answers the queued retries."""
        self.parked_until = until
        self.is_probing = False
        return self.stop_sending(head)

    def unpark(self) -> None:
        """The endpoint answers again."""
        self.parked_until = None
        self.is_probing = False
        self.failures_in_a_row = 0

    def count_failure(self, outcome: Outcome, limit: int) -> bool:
        """Note a failed attempt; whether it is the one that parks the subscription."""
        if outcome is Outcome.ABORTED and not self.is_probing:
            return False
        self.failures_in_a_row += 1
        if self.parked_until is None:
            return self.failures_in_a_row >= limit
        return self.is_probing
