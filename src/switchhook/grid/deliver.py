"""Step 3: attempt, decide, settle.

The order is: send; write an exception row if the delivery must wait; then let the cursor pass, both
in the next checkpoint's commit. A crash in between repeats the attempt: at least once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from switchhook.clock import Clock
from switchhook.grid import retry
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.delivery import Delivery, InFlight
from switchhook.grid.delivery_request import RESPONSE_TIMEOUT_SECONDS, RequestForm
from switchhook.grid.events import Event
from switchhook.grid.faults import Faults
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Failure, Transport, WebhookResponse
from switchhook.grid.retry import GiveUpReason
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import EventSubscription, TimeProfile
from switchhook.grid.undelivered import Undelivered
from switchhook.tracing.model import DeliverySpan

log = logging.getLogger(__name__)

# What a queue takes into memory, in bytes of events; one that has as much takes no further event.
MAX_QUEUE_BYTES = 8 << 20


class Tokens(Protocol):
    """Issues the tokens of secure webhook deliveries."""

    def token_for(self, tenant_id: str, audience: str) -> str:
        """A token of the tenant for that audience; cheap to ask for again."""


class Deliverer:
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
        self._transport = transport
        self._clock = clock
        self._checkpoint = checkpoint
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
        self._queue_limit = queue_limit
        self._is_draining = False
        self._is_tracing = observation.tracing.is_on
        self.faults = Faults(transport, clock)
        self.in_flight = 0
        # Queues that wait for the rest of what is routed right now.
        self.gathering: dict[SubscriptionQueue, None] = {}
        # Queues that read the log, and parked ones whose probation is over.
        self.behind: dict[SubscriptionQueue, None] = {}
        self.probing: dict[SubscriptionQueue, None] = {}
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
        if queue.read_position is not None:
            # The events are in the log; its cursor, though, is no longer the head.
            self._checkpoint.touch(queue)
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
        else:
            self._checkpoint.touch(queue)

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
        at_once = events[: max(0, room)]
        for position, event in at_once:
            self._attempt(queue, [queue.take(position, event, published_at, traceparent)])
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

    def fall_behind(self, queue: SubscriptionQueue, position: int) -> None:
        """Let a live queue read the log from there on."""
        queue.fall_behind(position)
        self.behind[queue] = None
        self._checkpoint.touch(queue)
        self._checkpoint.wake()

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
            deliveries = self._unexpired(queue, deliveries, newest)
            if not deliveries:
                return
        span, problem = self._observation.sending(deliveries) if self._is_tracing else None, ""
        try:
            if is_batch or first.attempts or first.run or span or form.has_own_headers:
                headers, body = self._special_content(queue, form, deliveries, span)
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

    def _unexpired(
        self, queue: SubscriptionQueue, deliveries: list[Delivery], newest: int
    ) -> list[Delivery]:
        """Give up those whose time to live counts from the instant `newest` or an earlier one;
        answer the others."""
        live = [each for each in deliveries if (each.lives_from or each.published_at) > newest]
        if len(live) < len(deliveries):
            for each in deliveries:
                if each.starts_at <= newest:
                    self.give_up(queue, each, GiveUpReason.TIME_TO_LIVE_EXCEEDED)
        return live

    def _special_content(
        self,
        queue: SubscriptionQueue,
        form: RequestForm,
        deliveries: Sequence[Delivery],
        span: DeliverySpan | None,
    ) -> tuple[bytes, bytes]:
        first, webhook = deliveries[0], form.subscription.destination
        token = None
        if webhook.application_id_or_uri and self._tokens is not None:
            token = self._tokens.token_for(webhook.tenant_id, webhook.application_id_or_uri)
        return form.build(
            [each.event for each in deliveries],
            delivery_count=first.attempts,
            token=token,
            replay=str(first.run) if first.run and queue.settings.marks_replays else "",
            traceparent="" if span is None else span.traceparent,
        )

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
                    for stored in queue.finish_all(attempt.deliveries):
                        self._checkpoint.settle(stored)
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
        self._count_failure(queue, outcome)
        self._undelivered.failed(queue, attempt, response, outcome)
        self._go_on(queue)

    def _go_on(self, queue: SubscriptionQueue) -> None:
        """Do what has waited for the end of a request."""
        self._checkpoint.touch(queue)
        if queue.first_attempts or queue.retries:
            self.pump(queue)
        waits_for_it = queue.is_preparing or queue.has_left_rows
        if waits_for_it or (queue.read_position is not None and self.wants_more(queue)):
            self._checkpoint.wake()

    def give_up(self, queue: SubscriptionQueue, delivery: Delivery, reason: GiveUpReason) -> None:
        """End a delivery without success: the event is dead-lettered or dropped."""
        self._undelivered.give_up(queue, delivery, reason)

    # --- parking and pausing ------------------------------------------------------------

    def speed(self, queue: SubscriptionQueue) -> int:
        """What every wait and time to live of the subscription is divided by."""
        return retry.SPEED[queue.settings.profile or self._profile]

    def _count_failure(self, queue: SubscriptionQueue, outcome: retry.Outcome) -> None:
        if not queue.count_failure(outcome, retry.FAILURES_BEFORE_PROBATION):
            return
        until = self._clock.now() + retry.probation(outcome, self.speed(queue))
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

    def stand_still(self, queue: SubscriptionQueue) -> None:
        """Let the queue leave memory: events wait in the log, and its retries in their rows."""
        for queued in queue.stop_sending(self._checkpoint.head()):
            self._checkpoint.release(queued, max(self._clock.now(), queued.early_for or 0))
        self.behind[queue] = None
        self._checkpoint.touch(queue)
        self._checkpoint.wake()

    def resume(self, queue: SubscriptionQueue) -> None:
        """Send again, what has waited longest first."""
        self.pump(queue)  # in order, some have stayed in memory
        self._checkpoint.wake()

    # --- losing ---------------------------------------------------------------------------------

    def forget(self, queue: SubscriptionQueue) -> None:
        """The subscription is gone; what it has in flight ends unheard."""
        self.behind.pop(queue, None)
        self.probing.pop(queue, None)
        self.faults.clear(queue.subscription.incarnation)
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


class _Attempt(InFlight, eq=False, kw_only=True):
    """A request that tells the deliverer what came of it."""

    queue: SubscriptionQueue
    deliverer: Deliverer

    def answered(self, response: WebhookResponse) -> None:
        self.deliverer.answered(self, response)
