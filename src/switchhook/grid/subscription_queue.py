"""What is one event subscription doing right now? Its state in memory, without any I/O.

A queue is *live* while every event that it wants comes to it straight from the publisher. One that
is full, parked or paused falls *behind*: it leaves memory alone and reads the log from its own
position.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from types import MappingProxyType
from typing import Final, cast

from switchhook.grid.batches import fill
from switchhook.grid.counters import SubscriptionCounters
from switchhook.grid.delivery import Delivery, InFlight
from switchhook.grid.delivery_request import RequestForm
from switchhook.grid.events import Envelope, Event
from switchhook.grid.key_order import KeyOrder
from switchhook.grid.queue_behind import NO_DELIVERIES, QueueBehind
from switchhook.grid.subscriptions import DEFAULT_SETTINGS, DeliverySettings, EventSubscription

# What a queue has instead of containers until the first event: very many idle ones must be small.
# They can be read only: whoever writes to them without `_begin` fails at once.
_NONE_WAITING: Final[frozenset[int]] = frozenset()
_NONE_IN_FLIGHT: Final = cast(dict[InFlight, None], MappingProxyType({}))
_NONE_UNFINISHED: Final = cast(dict[int, None], MappingProxyType({}))


class SubscriptionQueue(QueueBehind):
    """The deliveries of one incarnation, and how far it has got."""

    __slots__ = (
        "_unfinished",
        "counters",
        "form",
        "has_left_rows",
        "in_flight",
        "is_preparing",
        "is_removed",
        "settings",
        "stored_cursor",
        "waiting_at_start",
    )

    def __init__(
        self,
        subscription: EventSubscription,
        read_position: int | None = None,
    ) -> None:
        super().__init__(subscription, read_position)
        self.settings = DEFAULT_SETTINGS
        # How its requests look, from the first on.
        self.form: RequestForm | None = None
        self.in_flight = _NONE_IN_FLIGHT  # in the order in which they began
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

    def _begin(self) -> None:
        """Make the containers, for the first event."""
        self.first_attempts, self.retries = deque(), deque()
        self.in_flight, self._unfinished = {}, {}

    def _begin_with(self, position: int) -> None:
        """An event comes into memory, of which nothing is settled."""
        if self._unfinished is _NONE_UNFINISHED:
            self._begin()
        self._unfinished[position] = None

    def rest(self) -> None:
        """Give the containers back while there is nothing in them."""
        if not (self.first_attempts or self.retries or self.in_flight or self._unfinished):
            self.first_attempts = self.retries = NO_DELIVERIES
            self.in_flight, self._unfinished = _NONE_IN_FLIGHT, _NONE_UNFINISHED
            self.form = None

    def configure(self, settings: DeliverySettings) -> None:
        """Go by these settings."""
        self.settings = settings
        self.form = None

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

    def leave_out(self, positions: Collection[int]) -> None:
        """The events there are written down as waiting already: reading the log passes them over.

        Once is enough: what comes between them stays in memory, and is not read again.
        """
        self.waiting_at_start = frozenset(positions)
        self._gaps_end = max(positions, default=-1) + 1

    # --- taking and giving ------------------------------------------------------------------------

    def accept(self, envelope: Envelope, subscription: EventSubscription) -> None:
        """Queue an event for its first attempt, by this version."""
        position, event = envelope.position, envelope.event
        delivery = Delivery(
            position, envelope.published_at, event, subscription, traceparent=envelope.traceparent
        )
        self._begin_with(position)
        self.waiting_bytes += len(event.json)
        if self.order is None or self.order.enter(delivery):
            self.first_attempts.append(delivery)

    @property
    def has_to_wait(self) -> bool:
        """Whether an event has others before it, or may have."""
        return bool(self.first_attempts or self.retries) or self.order is not None

    def take(
        self, events: Iterable[tuple[int, Event]], published_at: int, traceparent: str
    ) -> Iterator[Delivery]:
        """The deliveries of events, given with their positions, that are tried at once."""
        if self._unfinished is _NONE_UNFINISHED:
            self._begin()
        version, unfinished = self.subscription, self._unfinished
        for position, event in events:
            unfinished[position] = None
            yield Delivery(position, published_at, event, version, traceparent=traceparent)

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
                delivery = Delivery(position, published_at, event, version, traceparent=traceparent)
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
            size = fill(batch, source, size)
        if source is self.first_attempts:
            self.waiting_bytes -= size
        return batch

    def finish(self, delivery: Delivery) -> None:
        """The delivery is delivered or given up; the next of its key may go."""
        if delivery.run:
            return
        if self.order is None:
            if self._unfinished:
                self._unfinished.pop(delivery.position, None)
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
