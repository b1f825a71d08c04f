"""What is one event subscription doing right now? Its state in memory, without any I/O.

A queue is *live* while every event that it wants comes to it straight from the publisher. One that
is full, parked or paused falls *behind*: it leaves memory alone and reads the log from its own
position.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from types import MappingProxyType
from typing import Final, cast

from switchhook.grid.counters import SubscriptionCounters
from switchhook.grid.delivery import Delivery, InFlight
from switchhook.grid.delivery_request import RequestForm
from switchhook.grid.events import Envelope, Event
from switchhook.grid.key_order import KeyOrder
from switchhook.grid.ports import Identity
from switchhook.grid.retry import Outcome
from switchhook.grid.subscriptions import DEFAULT_SETTINGS, DeliverySettings, EventSubscription

# What a queue has instead of containers until the first event: very many idle ones must be small.
# They can be read only: whoever writes to them without `_begin` fails at once.
_NONE_WAITING: Final[frozenset[int]] = frozenset()
_NO_DELIVERIES: Final = cast(deque[Delivery], ())
_NONE_IN_FLIGHT: Final = cast(dict[InFlight, None], MappingProxyType({}))
_NONE_UNFINISHED: Final = cast(dict[int, None], MappingProxyType({}))


class SubscriptionQueue:
    """The deliveries of one incarnation, and how far it has got."""

    __slots__ = (
        "_gaps_end",
        "_older",
        "_unfinished",
        "counters",
        "failures_in_a_row",
        "first_attempts",
        "form",
        "has_left_rows",
        "in_flight",
        "is_preparing",
        "is_probing",
        "is_removed",
        "order",
        "parked_until",
        "read_position",
        "retries",
        "settings",
        "stored_cursor",
        "subscription",
        "waiting_at_start",
        "waiting_bytes",
    )

    def __init__(
        self,
        subscription: EventSubscription,
        read_position: int | None = None,
    ) -> None:
        self.subscription = subscription
        self._older: tuple[EventSubscription, ...] = ()
        self.settings = DEFAULT_SETTINGS
        # How its requests look, from the first on.
        self.form: RequestForm | None = None
        self.order: KeyOrder | None = None
        self.read_position = read_position
        self.first_attempts = _NO_DELIVERIES
        self.retries = _NO_DELIVERIES
        self.in_flight = _NONE_IN_FLIGHT  # in the order in which they began
        # The events in memory that were not tried yet, as they were published.
        self.waiting_bytes = 0
        self.failures_in_a_row = 0
        self.parked_until: int | None = None
        self.is_probing = False
        self.is_removed = False
        # From the first event on that it wanted.
        self.counters: SubscriptionCounters | None = None
        # Its order or its known duplicates must be read from the store before it takes events.
        self.is_preparing = False
        # It has rows that are due and were left where they are.
        self.has_left_rows = False
        self.stored_cursor: int | None = None
        # Positions after the cursor that had an exception row when the server started.
        self.waiting_at_start = _NONE_WAITING
        # Positions that the cursor must not pass: neither finished nor written down as waiting.
        self._unfinished = _NONE_UNFINISHED
        # Among the events before this position that are in memory, some are finished already.
        self._gaps_end = 0

    def _begin(self) -> None:
        """Make the containers, for the first event."""
        self.first_attempts, self.retries = deque(), deque()
        self.in_flight, self._unfinished = {}, {}

    def rest(self) -> None:
        """Give the containers back while there is nothing in them."""
        if not (self.first_attempts or self.retries or self.in_flight or self._unfinished):
            self.first_attempts = self.retries = _NO_DELIVERIES
            self.in_flight, self._unfinished = _NONE_IN_FLIGHT, _NONE_UNFINISHED
            self.form = None

    def configure(self, settings: DeliverySettings) -> None:
        """Go by these settings."""
        self.settings = settings
        self.form = None

    @property
    def is_behind(self) -> bool:
        """Whether it reads the log instead of being handed events."""
        return self.read_position is not None

    @property
    def waiting_count(self) -> int:
        """How many deliveries are in memory for their first attempt."""
        if self.order is None:
            return len(self.first_attempts)
        return len(self.first_attempts) + self.order.blocked_count

    def deliveries_in_flight(self) -> Iterator[Delivery]:
        """Every delivery that is in a request under way."""
        return (delivery for request in self.in_flight for delivery in request.deliveries)

    def cursor(self, head: int) -> int:
        """Everything it wants before this position is finished or waiting."""
        reached = head if self.read_position is None else self.read_position
        first = next(iter(self._unfinished), reached)
        return min(first, reached)

    def upgrade(self, subscription: EventSubscription) -> None:
        """Events from the new version's position on are its; earlier ones stay with the older."""
        self._older = tuple(v for v in self.versions if v.version != subscription.version)
        self.subscription = subscription

    @property
    def versions(self) -> tuple[EventSubscription, ...]:
        """All versions that events may still need, the one in force last."""
        return (*self._older, self.subscription)

    def version(self, number: int) -> EventSubscription | None:
        """The version of this number, if events may still need it."""
        return next((each for each in self.versions if each.version == number), None)

    @property
    def has_older_versions(self) -> bool:
        """Whether events may still need a version before the one in force."""
        return bool(self._older)

    def forget_versions(self, numbers: Collection[int]) -> None:
        """No event needs these versions any more."""
        self._older = tuple(each for each in self._older if each.version not in numbers)

    def version_at(self, position: int) -> EventSubscription | None:
        """The version in force for the event at `position`; None before the subscription began."""
        if position >= self.subscription.from_position:
            return self.subscription
        older = (v for v in self._older if v.from_position <= position)
        # Of two versions from the same position on, the older was never in force for any event.
        return max(older, key=lambda v: (v.from_position, v.version), default=None)

    def leave_out(self, positions: Collection[int]) -> None:
        """The events there are written down as waiting already: reading the log passes them over.

        Once is enough: what comes between them stays in memory, and is not read again.
        """
        self.waiting_at_start = frozenset(positions)
        self._gaps_end = max(positions, default=-1) + 1

    # --- taking and giving ------------------------------------------------------------------------

    def accept(self, envelope: Envelope, subscription: EventSubscription) -> None:
        """Queue an event for its first attempt, by this version."""
        delivery = Delivery(
            envelope.position,
            envelope.published_at,
            envelope.event,
            subscription,
            traceparent=envelope.traceparent,
        )
        if self._unfinished is _NONE_UNFINISHED:
            self._begin()
        self._unfinished[envelope.position] = None
        self.waiting_bytes += len(envelope.event.json)
        if self.order is None or self.order.enter(delivery):
            self.first_attempts.append(delivery)

    @property
    def has_to_wait(self) -> bool:
        """Whether an event has others before it, or may have."""
        return bool(self.first_attempts or self.retries) or self.order is not None

    def take(self, position: int, event: Event, published_at: int, traceparent: str) -> Delivery:
        """The delivery of an event that is tried at once."""
        if self._unfinished is _NONE_UNFINISHED:
            self._begin()
        self._unfinished[position] = None
        return Delivery(
            position, published_at, event, self.subscription, 0, False, None, 0, 0, traceparent
        )

    def accept_all(
        self, events: Iterable[tuple[int, Event]], published_at: int, traceparent: str, below: int
    ) -> int:
        """Queue events, given with their positions, for their first attempts; answers how many.

        One is queued only while there are less than `below` bytes.
        """
        if self._unfinished is _NONE_UNFINISHED:
            self._begin()
        version, order, size, count = self.subscription, self.order, self.waiting_bytes, 0
        unfinished, append = self._unfinished, self.first_attempts.append
        try:
            for position, event in events:
                if size >= below:
                    break
                size += len(event.json)
                count += 1
                unfinished[position] = None
                delivery = Delivery(
                    position, published_at, event, version, 0, False, None, 0, 0, traceparent
                )
                if order is None or order.enter(delivery):
                    append(delivery)
        finally:
            self.waiting_bytes = size
        return count

    def accept_retry(self, delivery: Delivery) -> None:
        """Queue a delivery that was tried before."""
        if self._unfinished is _NONE_UNFINISHED:
            self._begin()
        self.retries.append(delivery)

    def next_deliveries(self) -> list[Delivery]:
        """Take what goes into the next request: deliveries that waited before those that did not.

        One, or as many of one kind as the destination's batches hold. The preferred size counts the
        events as they were published; only an event alone may exceed it.
        """
        source = self.retries or self.first_attempts
        if not source:
            return []
        first = source.popleft()
        size = len(first.event.json)
        batch = [first]
        if (
            source
            and not self.is_probing
            and first.subscription.destination.max_events_per_batch > 1
        ):
            size = _fill(batch, source, size)
        if source is self.first_attempts:
            self.waiting_bytes -= size
        return batch

    def finish_all(self, deliveries: Iterable[Delivery]) -> list[Identity]:
        """The deliveries of a request are delivered, and the next of their keys may go; answers
        those that have an exception row."""
        stored = []
        for delivery in deliveries:
            if self.order is not None:
                self.finish(delivery)
            elif not delivery.run:
                self._unfinished.pop(delivery.position, None)
            if delivery.is_stored:
                stored.append(delivery.identity)
        return stored

    def finish(self, delivery: Delivery) -> None:
        """The delivery is delivered or given up; the next of its key may go."""
        if delivery.run:
            return
        if self.order is None:
            self.settle(delivery)
            return
        # What expired in the log unread never had its turn, and no key to hand on.
        had_turn = delivery.is_stored or delivery.position in self._unfinished
        self.settle(delivery)
        following = self.order.leave(delivery.event) if had_turn else None
        if following is not None:
            self.first_attempts.append(following)

    def settle(self, delivery: Delivery) -> None:
        """The delivery is finished, or written down as waiting: the cursor may pass it."""
        if not delivery.run and self._unfinished:
            self._unfinished.pop(delivery.position, None)

    def is_unsettled(self, position: int) -> bool:
        """Whether the event there is in memory, neither finished nor written down as waiting."""
        return position in self._unfinished

    # --- falling behind ------------------------------------------------------------

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
                self._unfinished.pop(delivery.position, None)
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

    def start_order_anew(self, held: Iterable[Event]) -> None:
        """The settings ask for another order: what was not tried goes by that one.

        `held` are the events that wait for a retry. Called while nothing is in flight. What is in
        memory stays there: events after it may be finished, and would be read from the log again.
        """
        untried = [*self.first_attempts, *(self.order.unblock_all() if self.order else ())]
        untried.sort(key=lambda each: each.position)
        if untried:
            self._gaps_end = max(self._gaps_end, untried[-1].position + 1)
        ordered_by = self.settings.ordered_by
        self.order = KeyOrder(ordered_by) if ordered_by else None
        if self.order is not None:
            for event in held:
                self.order.hold(event)
            untried = [each for each in untried if self.order.enter(each)]
        if self.first_attempts or untried:
            self.first_attempts = deque(untried)

    def count_failure(self, outcome: Outcome, limit: int) -> bool:
        """Note a failed attempt; whether it is the one that parks the subscription."""
        if outcome is Outcome.ABORTED and not self.is_probing:
            return False
        self.failures_in_a_row += 1
        if self.parked_until is None:
            return self.failures_in_a_row >= limit
        return self.is_probing


def _fill(batch: list[Delivery], source: deque[Delivery], size: int) -> int:
    """Take what can share a request with the first of a batch, whose headers say how often it was
    tried; answers the size of all its events, which is `size` so far."""
    first = batch[0]
    webhook, version = first.subscription.destination, first.subscription.version
    attempts, run, is_early = first.attempts, first.run, first.early_for is not None
    limit = webhook.preferred_batch_size_in_kilobytes << 10
    for _ in range(min(len(source), webhook.max_events_per_batch - 1)):
        other = source[0]
        if (
            other.attempts != attempts
            or other.run != run
            or (other.early_for is not None) != is_early
            or other.subscription.version != version
        ):
            break
        with_other = size + len(other.event.json)
        if with_other > limit:
            break
        size = with_other
        batch.append(source.popleft())
    return size
