"""What is one event subscription doing right now? Its state in memory, without any I/O.

A queue is *live* while every event that it wants comes to it straight from the publisher. One that
is full or parked falls *behind*: it leaves memory alone and reads the log from its own position.
"""

from collections import deque

import msgspec

from switchhook.grid.events import Envelope, Event
from switchhook.grid.retry import Outcome
from switchhook.grid.subscriptions import EventSubscription


class Delivery(msgspec.Struct, frozen=True):
    """One event for one event subscription, to be attempted.

    `attempts` were made before; `is_stored` says that an exception row stands for it. `early_for`
    is set on a probe that is sent before the delivery's own time: the instant at which it is due.
    """

    position: int
    published_at: int
    event: Event
    subscription: EventSubscription
    attempts: int = 0
    is_stored: bool = False
    early_for: int | None = None

    @property
    def identity(self) -> tuple[int, str]:
        """What tells this delivery from every other of the same run."""
        return self.position, self.subscription.incarnation


class SubscriptionQueue:
    """The deliveries of one incarnation, and how far it has got."""

    def __init__(self, subscription: EventSubscription, read_position: int | None = None) -> None:
        self.subscription = subscription
        self.versions = {subscription.version: subscription}
        self.read_position = read_position
        self.first_attempts: deque[Delivery] = deque()
        self.retries: deque[Delivery] = deque()
        self.in_flight: dict[int, tuple[Delivery, float]] = {}
        self.failures_in_a_row = 0
        self.parked_until: int | None = None
        self.is_probing = False
        self.is_removed = False
        self.stored_cursor: int | None = None
        # Positions after the cursor that had an exception row when the server started.
        self.waiting_at_start: frozenset[int] = frozenset()
        # Positions that the cursor must not pass: neither finished nor written down as waiting.
        self._unfinished: dict[int, None] = {}

    @property
    def is_behind(self) -> bool:
        """Whether it reads the log instead of being handed events."""
        return self.read_position is not None

    def cursor(self, head: int) -> int:
        """Everything it wants before this position is finished or waiting."""
        reached = head if self.read_position is None else self.read_position
        first = next(iter(self._unfinished), reached)
        return min(first, reached)

    def upgrade(self, subscription: EventSubscription) -> None:
        """Events from the new version's position on are its; earlier ones stay with the older."""
        self.versions[subscription.version] = subscription
        self.subscription = subscription

    def version_at(self, position: int) -> EventSubscription | None:
        """The version in force for the event at `position`; None before the subscription began."""
        if position >= self.subscription.from_position:
            return self.subscription
        older = (v for v in self.versions.values() if v.from_position <= position)
        # Of two versions from the same position on, the older was never in force for any event.
        return max(older, key=lambda v: (v.from_position, v.version), default=None)

    def accept(self, envelope: Envelope, subscription: EventSubscription) -> None:
        """Queue an event for its first attempt."""
        self.first_attempts.append(
            Delivery(envelope.position, envelope.published_at, envelope.event, subscription)
        )
        self._unfinished[envelope.position] = None

    def next_delivery(self) -> Delivery | None:
        """Take the delivery whose turn it is: one that waited before one that did not."""
        if self.retries:
            return self.retries.popleft()
        return self.first_attempts.popleft() if self.first_attempts else None

    def settle(self, position: int) -> None:
        """The delivery is finished, or written down as waiting."""
        self._unfinished.pop(position, None)

    def fall_behind(self, position: int) -> None:
        """Forget what is queued, and read the log again from there, or else from `position`."""
        for delivery in self.first_attempts:
            self._unfinished.pop(delivery.position, None)
        self.read_position = self.first_attempts[0].position if self.first_attempts else position
        self.first_attempts.clear()

    def skip(self, before: int) -> int | None:
        """Forget what was not attempted yet before that position, read or not; where it began."""
        if self.read_position is None:
            return None
        first = self.first_attempts[0].position if self.first_attempts else self.read_position
        while self.first_attempts and self.first_attempts[0].position < before:
            self.settle(self.first_attempts.popleft().position)
        self.read_position = max(self.read_position, before)
        return first if first < before else None

    def park(self, until: int, head: int) -> list[Delivery]:
        """Stop sending until then; answer the retries that were queued, for their rows' sake."""
        self.parked_until = until
        self.is_probing = False
        if not self.is_behind or self.first_attempts:
            self.fall_behind(head if self.read_position is None else self.read_position)
        queued = list(self.retries)
        self.retries.clear()
        return queued

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
