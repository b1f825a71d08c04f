"""Step 3: attempt, decide, settle.

The order is: send; write an exception row if the delivery must wait; then let the cursor pass, both
in the next checkpoint's commit. A crash in between repeats the attempt: at least once.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from switchhook.clock import Clock
from switchhook.grid import retry
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.events import Envelope, EventSchema
from switchhook.grid.ports import Transport, WaitingDelivery, WebhookRequest, WebhookResponse
from switchhook.grid.retry import Delivered, Drop, GiveUpReason, RetryAt
from switchhook.grid.subscription_queue import Delivery, SubscriptionQueue
from switchhook.grid.subscriptions import EventSubscription

log = logging.getLogger(__name__)

# The response wait of the article (30 s; 60 s before mid-2020).
RESPONSE_TIMEOUT_SECONDS = 30.0

_FIXED_HEADERS = (
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"aeg-event-type: Notification\r\n"
    b"aeg-metadata-version: 1\r\n"
)


class Deliverer:
    """Sends what the queues hold, at most `in_flight_limit` requests a subscription at a time."""

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        checkpoint: Checkpoint,
        random: Callable[[], float],
        in_flight_limit: int = 64,
        queue_limit: int = 1000,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._checkpoint = checkpoint
        self._random = random
        self._in_flight_limit = in_flight_limit
        self._queue_limit = queue_limit
        self._is_draining = False
        self.in_flight = 0
        # Queues that read the log, and parked ones whose probation is over.
        self.behind: dict[SubscriptionQueue, None] = {}
        self.probing: dict[SubscriptionQueue, None] = {}
        # Set whenever an attempt has ended: others wait on it for room, for a turn, for the end.
        self.attempt_ended = asyncio.Event()

    # --- taking events --------------------------------------------------------------------------

    def offer(self, queue: SubscriptionQueue, envelope: Envelope) -> None:
        """Give a live queue an event, or let it fall behind when it is full or parked."""
        if queue.is_behind:
            # It reads the log, where the event is; its cursor, though, is no longer the head.
            self._checkpoint.touch(queue)
            return
        if self.has_room(queue):
            queue.accept(envelope, queue.subscription)
            self.pump(queue)
        else:
            queue.fall_behind(envelope.position)
            self.behind[queue] = None
            self._checkpoint.wake()
        self._checkpoint.touch(queue)

    def has_room(self, queue: SubscriptionQueue) -> bool:
        """Whether the queue may take another event for its first attempt."""
        if queue.parked_until is not None:
            return queue.is_probing and not queue.first_attempts and not queue.in_flight
        return len(queue.first_attempts) < self._queue_limit

    def wants_more(self, queue: SubscriptionQueue) -> bool:
        """Whether it is worth reading the log for the queue."""
        if queue.parked_until is not None:
            return self.has_room(queue)
        return len(queue.first_attempts) <= self._queue_limit // 2

    def pump(self, queue: SubscriptionQueue) -> None:
        """Send as much as the subscription may have in flight."""
        while not self._is_draining and not queue.is_removed and self._may_send(queue):
            delivery = queue.next_delivery()
            if delivery is None:
                return
            self._attempt(queue, delivery)

    def _may_send(self, queue: SubscriptionQueue) -> bool:
        if queue.parked_until is not None:
            return queue.is_probing and not queue.in_flight
        return len(queue.in_flight) < self._in_flight_limit

    # --- attempting -----------------------------------------------------------------------------

    def _attempt(self, queue: SubscriptionQueue, delivery: Delivery) -> None:
        subscription = delivery.subscription
        if retry.is_expired(
            published_at=delivery.published_at,
            policy=subscription.retry_policy,
            now=self._clock.now(),
        ):
            self.give_up(queue, delivery, GiveUpReason.TIME_TO_LIVE_EXCEEDED)
            return
        queue.in_flight[delivery.position] = (delivery, time.monotonic())
        self.in_flight += 1
        self._transport.send(_request(delivery), partial(self._finished, queue, delivery))

    def _finished(
        self, queue: SubscriptionQueue, delivery: Delivery, response: WebhookResponse
    ) -> None:
        self.in_flight -= 1
        # It may have been written down as waiting while it hung.
        delivery = queue.in_flight.pop(delivery.position)[0]
        if not queue.is_removed and not self._is_interrupted(response):
            self._decide(queue, delivery, response)
            self._checkpoint.touch(queue)
            self.pump(queue)
            if queue.is_behind and self.wants_more(queue):
                self._checkpoint.wake()
        self.attempt_ended.set()

    def _is_interrupted(self, response: WebhookResponse) -> bool:
        """Whether we stopped the attempt ourselves at shutdown, which leaves it to be repeated."""
        return self._is_draining and response.failure is not None

    def _decide(
        self, queue: SubscriptionQueue, delivery: Delivery, response: WebhookResponse
    ) -> None:
        # A probe ahead of the delivery's own time finds out about the endpoint; were it counted, an
        # outage would use up the oldest event's attempts in minutes.
        attempts = delivery.attempts + (delivery.early_for is None)
        step = retry.next_step(
            response,
            attempts=attempts,
            policy=delivery.subscription.retry_policy,
            now=self._clock.now(),
            random=self._random(),
        )
        _log_attempt(delivery, attempts, response, step)
        match step:
            case Delivered():
                queue.unpark()
                self._settle(queue, delivery)
            case RetryAt(due_at):
                self._count_failure(queue, response)
                due_at = due_at if delivery.early_for is None else delivery.early_for
                row = waiting(delivery, attempts, due_at, response, self._clock.now())
                self._checkpoint.put(row, is_first=not delivery.is_stored)
                queue.settle(delivery.position)
            case Drop(reason):
                self._count_failure(queue, response)
                self.give_up(queue, delivery, reason, attempts)

    def _settle(self, queue: SubscriptionQueue, delivery: Delivery) -> None:
        queue.settle(delivery.position)
        if delivery.is_stored:
            self._checkpoint.settle(delivery.identity)

    def give_up(
        self,
        queue: SubscriptionQueue,
        delivery: Delivery,
        reason: GiveUpReason,
        attempts: int | None = None,
    ) -> None:
        """End a delivery without success: the event is dropped."""
        log.warning(
            "delivery.dropped",
            extra={
                "event_id": delivery.event.id,
                "subscription": delivery.subscription.name,
                "reason": str(reason),
                "attempts": delivery.attempts if attempts is None else attempts,
            },
        )
        self._settle(queue, delivery)
        self._checkpoint.touch(queue)

    # --- parking ----------------------------------------------------------------------------------

    def _count_failure(self, queue: SubscriptionQueue, response: WebhookResponse) -> None:
        outcome = retry.outcome(response)
        if outcome is None or not queue.count_failure(outcome, retry.FAILURES_BEFORE_PROBATION):
            return
        until = self._clock.now() + retry.probation(outcome)
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
        self._checkpoint.wake()

    # --- losing ---------------------------------------------------------------------------------

    def forget(self, queue: SubscriptionQueue) -> None:
        """The subscription is gone; what it has in flight ends unheard."""
        self.behind.pop(queue, None)
        self.probing.pop(queue, None)
        self._checkpoint.forget(queue)

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

    # --- ending -----------------------------------------------------------------------------------

    async def drain(self, grace_seconds: float) -> None:
        """Send no more, and give what is in flight so long to end."""
        self._is_draining = True
        deadline = time.monotonic() + grace_seconds
        while self.in_flight and (left := deadline - time.monotonic()) > 0:
            self.attempt_ended.clear()
            try:
                await asyncio.wait_for(self.attempt_ended.wait(), left)
            except TimeoutError:
                return


def waiting(
    delivery: Delivery,
    attempts: int,
    due_at: int,
    response: WebhookResponse | None = None,
    now: int | None = None,
) -> WaitingDelivery:
    """The exception row that stands for a delivery."""
    subscription = delivery.subscription
    outcome = retry.outcome(response) if response else None
    return WaitingDelivery(
        position=delivery.position,
        subscription=subscription.incarnation,
        version=subscription.version,
        topic=subscription.topic,
        schema=EventSchema.EVENT_GRID,
        published_at=delivery.published_at,
        body=b"[" + delivery.event.json + b"]",
        attempts=attempts,
        due_at=due_at,
        last_outcome=str(outcome or ""),
        last_status_code=response.status if response else None,
        last_attempt_at=now,
    )


def _request(delivery: Delivery) -> WebhookRequest:
    subscription = delivery.subscription
    return WebhookRequest(
        url=subscription.destination.endpoint_url,
        headers=_headers(subscription, delivery),
        body=b"[" + delivery.event.json + b"]",
        timeout=RESPONSE_TIMEOUT_SECONDS,
    )


def _headers(subscription: EventSubscription, delivery: Delivery) -> bytes:
    """The `aeg-*` headers. The count starts at 0 in every captured delivery, though the article
    speaks of the number of attempts; subscription names are upper case in every capture."""
    data_version = _header_text(delivery.event.data_version)
    return (
        _FIXED_HEADERS
        + b"aeg-subscription-name: %s\r\naeg-delivery-count: %d\r\naeg-data-version: %s\r\n"
        % (subscription.name.upper().encode(), delivery.attempts, data_version)
    )


def _header_text(text: str) -> bytes:
    """A publisher's text as a header value: nothing that could end the line or the header."""
    return "".join(c if " " <= c <= "~" else "?" for c in text).encode()


def _log_attempt(
    delivery: Delivery, attempts: int, response: WebhookResponse, step: retry.NextStep
) -> None:
    """One line per failed or repeated attempt; a success at the first costs a debug check only."""
    level = logging.DEBUG if isinstance(step, Delivered) and attempts == 1 else logging.INFO
    if not log.isEnabledFor(level):
        return
    log.log(
        level,
        "delivery.attempted",
        extra={
            "event_id": delivery.event.id,
            "subscription": delivery.subscription.name,
            "attempt": attempts,
            "status": response.status,
            "outcome": str(retry.outcome(response) or "Delivered"),
            "detail": response.detail,
            "duration_ms": round(response.duration / 1e6, 1),
            "next_step": type(step).__name__,
        },
    )
