"""Step 3: attempt, decide, settle.

The order is: send; write an exception row if the delivery must wait; then let the cursor pass, both
in the next checkpoint's commit. A crash in between repeats the attempt: at least once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from switchhook.clock import Clock
from switchhook.grid import retry
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.delivery import Delivery, InFlight
from switchhook.grid.delivery_request import RESPONSE_TIMEOUT_SECONDS, RequestForm
from switchhook.grid.events import Event
from switchhook.grid.faults import Faults
from switchhook.grid.laggards import MAX_QUEUE_BYTES, Laggards
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Failure, Transport, WebhookResponse
from switchhook.grid.retry import GiveUpReason
from switchhook.grid.special_requests import Tokens, build_special
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import EventSubscription, TimeProfile
from switchhook.grid.undelivered import Undelivered

log = logging.getLogger(__name__)


class Deliverer(Laggards):
    """Sends what the queues hold, at most `in_flight_limit` requests a subscription at a time."""

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        checkpoint: Checkpoint,
        random: Callable[[], float],
        observation: Observation,
        tokens: Tokens | None = None,
        profile: TimeProfile = TimeProfile.AZURE,
        in_flight_limit: int = 64,
        queue_limit: int = 5000,
    ) -> None:
        super().__init__(checkpoint, clock, queue_limit)
        self._transport = transport
        self._observation = observation
        self._undelivered = Undelivered(
            checkpoint=checkpoint,
            clock=clock,
            random=random,
            observation=observation,
            speed=self.speed,
        )
        self._tokens = tokens
        self._profile = profile
        self._in_flight_limit = in_flight_limit
        self._is_draining = False
        self._is_tracing = observation.tracing.is_on
        self.faults = Faults(transport, clock)
        self.in_flight = 0
        # Queues that wait for the rest of what is routed right now.
        self.gathering: dict[SubscriptionQueue, None] = {}
        # Set whenever an attempt has ended: others wait on it for room, for a turn, for the end.
        self.attempt_ended = asyncio.Event()

    # --- taking events --------------------------------------------------------------------------

    def offer_all(
        self,
        queue: SubscriptionQueue,
        events: Sequence[tuple[int, Event]],
        published_at: int,
        traceparent: str = "",
    ) -> None:
        """Give a live queue events of one batch, with their positions; from the first on for which
        it has no room, because it is full or parked, it reads the log."""
        # First of all: whatever becomes of them here, its cursor is no longer the head.
        self._checkpoint.touch(queue)
        if queue.read_position is not None:  # the events are in the log
            if queue.is_probing:
                self._checkpoint.wake()
            return
        taken, count = self._send_at_once(queue, events, published_at, traceparent), len(events)
        while taken < count and (room := self._room(queue)):
            some = events[taken : taken + room] if taken or room < count else events
            taken += queue.accept_all(some, published_at, traceparent, MAX_QUEUE_BYTES)
            if queue.subscription.destination.max_events_per_batch > 1:
                self._pump_soon(queue)
            elif len(queue.in_flight) < self._in_flight_limit:
                self.pump(queue)
        if taken < count:
            self.fall_behind(queue, events[taken][0])

    def _send_at_once(
        self,
        queue: SubscriptionQueue,
        events: Sequence[tuple[int, Event]],
        published_at: int,
        traceparent: str,
    ) -> int:
        """Send the first events that need not wait for anything; answers how many."""
        if queue.subscription.destination.max_events_per_batch > 1 or queue.has_to_wait:
            return 0
        room = self._limit(queue) - len(queue.in_flight)
        if room <= 0:
            return 0
        at_once = events[:room]
        for delivery in queue.take(at_once, published_at, traceparent):
            self._attempt(queue, [delivery])
        return len(at_once)

    def _pump_soon(self, queue: SubscriptionQueue) -> None:
        """Send when all that became durable together is here: it may share a request."""
        if not self.gathering:
            asyncio.get_running_loop().call_soon(self._pump_gathered)
        self.gathering[queue] = None

    def _pump_gathered(self) -> None:
        gathered, self.gathering = self.gathering, {}
        for queue in gathered:
            self.pump(queue)
        self.attempt_ended.set()  # whoever waits for us sees what there is now

    def pump(self, queue: SubscriptionQueue) -> None:
        """Send as much as the subscription may have in flight."""
        limit = self._limit(queue)
        while (queue.first_attempts or queue.retries) and len(queue.in_flight) < limit:
            self._attempt(queue, queue.next_deliveries())

    def _limit(self, queue: SubscriptionQueue) -> int:
        """How many requests of the queue may be in flight."""
        if self._is_draining or queue.is_removed or queue.is_preparing or queue.settings.is_paused:
            return 0
        if queue.parked_until is not None:
            return 1 if queue.is_probing else 0
        return self._in_flight_limit

    # --- attempting -----------------------------------------------------------------------------

    def _attempt(self, queue: SubscriptionQueue, deliveries: list[Delivery]) -> None:
        now, first, form = self._clock.now(), deliveries[0], queue.form
        if form is None or form.subscription is not first.subscription:
            form = self._new_form(queue, first.subscription)
        newest = now - form.time_to_live
        is_batch = len(deliveries) > 1
        if is_batch or (first.lives_from or first.published_at) <= newest:
            deliveries = self._undelivered.without_expired(queue, deliveries, newest)
            if not deliveries:
                return
        span, problem = None, ""
        try:
            if is_batch or first.attempts or first.run or form.has_own_headers or self._is_tracing:
                span = self._observation.sending(deliveries) if self._is_tracing else None
                headers, body = build_special(form, deliveries, self._tokens, span, queue.settings)
            else:
                headers, body = form.build_first(first.event)
        except Exception as error:  # one event that cannot be sent must not cost another
            log.exception("delivery.not_sent", extra={"subscription": queue.subscription.name})
            headers, body, problem = b"", b"", f"not sent: {error!r}"
        request = _Attempt(
            url=form.url,
            headers=headers,
            body=body,
            timeout=RESPONSE_TIMEOUT_SECONDS,
            deliveries=deliveries,
            began_at=now,
            began=time.monotonic(),
            span=span,
            queue=queue,
            deliverer=self,
        )
        if not queue.in_flight:  # every checkpoint looks at it again as long as it has some
            self._checkpoint.touch(queue)
        queue.in_flight[request] = None
        self.in_flight += 1
        if problem:
            failed = WebhookResponse(failure=Failure.ABORTED, detail=problem)
            asyncio.get_running_loop().call_soon(request.answered, failed)
        elif self.faults.in_force or self.faults.held:
            self.faults.send(queue.subscription.incarnation, request)
        else:
            self._transport.send(request)

    def _new_form(self, queue: SubscriptionQueue, version: EventSubscription) -> RequestForm:
        time_to_live = retry.time_to_live(version.retry_policy, self.speed(queue))
        queue.form = RequestForm(version, time_to_live)
        return queue.form

    # --- answers --------------------------------------------------------------------------------

    def answered(self, attempt: "_Attempt", response: WebhookResponse) -> None:
        """A request has come to its end."""
        queue = attempt.queue
        self.in_flight -= 1
        del queue.in_flight[attempt]
        try:
            outcome = retry.outcome(response)
            if outcome is None:
                if attempt.span is not None:
                    attempt.span.end(response.status, None)
                if not queue.is_removed:
                    self._observation.delivered(queue, attempt, response, self._clock.now)
                    if queue.failures_in_a_row:
                        queue.unpark()
                    for delivery in attempt.deliveries:
                        queue.finish(delivery)
                        if delivery.is_stored:
                            self._checkpoint.settle(delivery.identity)
                    self._go_on(queue)
            else:
                self._failed(queue, attempt, response, outcome)
        except Exception:  # of these alone; the server goes on with all the others
            log.exception("delivery.not_concluded", extra={"subscription": queue.subscription.name})
            self._undelivered.put_off(queue, attempt.deliveries)
        self.attempt_ended.set()

    def _failed(
        self,
        queue: SubscriptionQueue,
        attempt: "_Attempt",
        response: WebhookResponse,
        outcome: retry.Outcome,
    ) -> None:
        if attempt.span is not None:
            attempt.span.end(response.status, str(outcome))
        # What we stopped ourselves at shutdown is left to be repeated.
        is_interrupted = self._is_draining and response.failure is not None
        if queue.is_removed or is_interrupted:
            return
        self._observation.answered(queue, attempt.deliveries, response)
        if queue.count_failure(outcome, retry.FAILURES_BEFORE_PROBATION):
            until = self._clock.now() + retry.probation(outcome, self.speed(queue))
            self._park(queue, until, outcome)
        self._undelivered.failed(queue, attempt, response, outcome)
        self._go_on(queue)

    def _go_on(self, queue: SubscriptionQueue) -> None:
        """Do what has waited for the end of a request."""
        if queue.first_attempts or queue.retries:
            self.pump(queue)
        waits_for_it = queue.is_preparing or queue.has_left_rows
        if waits_for_it or (queue.read_position is not None and self.wants_more(queue)):
            self._checkpoint.wake()

    def give_up(self, queue: SubscriptionQueue, delivery: Delivery, reason: GiveUpReason) -> None:
        """End a delivery without success: the event is dead-lettered or dropped."""
        self._undelivered.give_up(queue, delivery, reason)

    # --- beside the way of an event ------------------------------------------------------------

    def speed(self, queue: SubscriptionQueue) -> int:
        """What every wait and time to live of the subscription is divided by."""
        return retry.SPEED[queue.settings.profile or self._profile]

    def forget(self, queue: SubscriptionQueue) -> None:
        """The subscription is gone; what it has in flight ends unheard."""
        self.behind.pop(queue, None)
        self.probing.pop(queue, None)
        self.faults.clear(queue.subscription.incarnation)
        self._checkpoint.forget(queue)

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


class _Attempt(InFlight, eq=False, kw_only=True):
    """A request that tells the deliverer what came of it."""

    queue: SubscriptionQueue
    deliverer: Deliverer

    def answered(self, response: WebhookResponse) -> None:
        self.deliverer.answered(self, response)
