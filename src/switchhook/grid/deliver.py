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

import msgspec

from switchhook.clock import Clock
from switchhook.grid import dead_letters, retry
from switchhook.grid.checkpoint import PAUSE_AFTER_FAILURE, Checkpoint
from switchhook.grid.delivery import Delivery, InFlight
from switchhook.grid.delivery_request import build_request
from switchhook.grid.events import Envelope
from switchhook.grid.faults import Faults
from switchhook.grid.given_up import GivenUpState, given_up, keep
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Failure, Transport, WebhookRequest, WebhookResponse
from switchhook.grid.retry import DeadLetter, Drop, GiveUpReason, RetryAt
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import TimeProfile

log = logging.getLogger(__name__)

# What a queue takes into memory, in bytes of events; one that has as much takes no further event.
MAX_QUEUE_BYTES = 8 << 20

_NO_DESTINATION = "the event subscription has no dead-letter destination"


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
        self._random = random
        self._observation = observation
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

    def offer(self, queue: SubscriptionQueue, envelope: Envelope) -> None:
        """Give a live queue an event, or let it fall behind when it is full or parked."""
        if queue.read_position is not None:
            # It reads the log, where the event is; its cursor, though, is no longer the head.
            self._checkpoint.touch(queue)
            if queue.is_probing:
                self._checkpoint.wake()
            return
        if self.has_room(queue):
            queue.accept(envelope, queue.subscription)
            self._checkpoint.touch(queue)
            if queue.subscription.destination.max_events_per_batch > 1:
                if queue not in self.gathering:
                    self._pump_soon(queue)
            elif len(queue.in_flight) < self._in_flight_limit:
                self.pump(queue)
        else:
            self.fall_behind(queue, envelope.position)

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
        if queue.settings.is_paused or queue.is_preparing:
            return False
        waiting = len(queue.first_attempts) if queue.order is None else queue.waiting_count
        if queue.parked_until is not None:
            return queue.is_probing and not waiting and not queue.in_flight
        return waiting < self._queue_limit and queue.waiting_bytes < MAX_QUEUE_BYTES

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
        now, first = self._clock.now(), deliveries[0]
        speed = retry.SPEED[queue.settings.profile or self._profile]
        newest = now - retry.time_to_live(first.subscription.retry_policy, speed)
        if len(deliveries) > 1 or (first.lives_from or first.published_at) <= newest:
            deliveries = self._unexpired(queue, deliveries, newest)
            if not deliveries:
                return
        sent = InFlight(deliveries, now, time.monotonic())
        queue.in_flight[sent] = None
        self.in_flight += 1
        done = partial(self._finished, queue, sent)
        try:
            request = self._request(queue, sent)
        except Exception as error:  # one event that cannot be sent must not cost another
            log.exception("delivery.not_sent", extra={"subscription": queue.subscription.name})
            failed = WebhookResponse(failure=Failure.ABORTED, detail=f"not sent: {error!r}")
            asyncio.get_running_loop().call_soon(done, failed)
        else:
            if self.faults.in_force or self.faults.held:
                self.faults.send(queue.subscription.incarnation, request, done)
            else:
                self._transport.send(request, done)

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

    def _request(self, queue: SubscriptionQueue, sent: InFlight) -> WebhookRequest:
        deliveries = sent.deliveries
        first = deliveries[0]
        webhook = first.subscription.destination
        token = None
        if webhook.application_id_or_uri and self._tokens is not None:
            token = self._tokens.token_for(webhook.tenant_id, webhook.application_id_or_uri)
        return build_request(
            [first.event] if len(deliveries) == 1 else [each.event for each in deliveries],
            first.subscription,
            delivery_count=first.attempts,
            token=token,
            replay=str(first.run) if first.run and queue.settings.marks_replays else "",
            traceparent=self._observation.sending(sent) if self._is_tracing else "",
        )

    def _finished(
        self, queue: SubscriptionQueue, sent: InFlight, response: WebhookResponse
    ) -> None:
        self.in_flight -= 1
        del queue.in_flight[sent]
        try:
            outcome = retry.outcome(response)
            if sent.span is not None:
                sent.span.end(response.status, None if outcome is None else str(outcome))
            # What we stopped ourselves at shutdown is left to be repeated.
            is_interrupted = self._is_draining and response.failure is not None
            if not queue.is_removed and not is_interrupted:
                self._conclude(queue, sent, response, outcome)
        except Exception:  # of these alone; the server goes on with all the others
            log.exception("delivery.not_concluded", extra={"subscription": queue.subscription.name})
            self._write_down(queue, sent.deliveries)
        self.attempt_ended.set()

    def _write_down(self, queue: SubscriptionQueue, deliveries: Sequence[Delivery]) -> None:
        """Let those of which nothing is settled yet wait in their rows, to be tried again."""
        due_at = self._clock.now() + PAUSE_AFTER_FAILURE
        for each in () if queue.is_removed else deliveries:
            is_unsettled = not each.run and queue.is_unsettled(each.position)
            if is_unsettled or each.identity in self._checkpoint.owned:
                self._checkpoint.put(each.as_waiting(due_at), is_first=not each.is_stored)
                queue.settle(each)
        self._checkpoint.touch(queue)

    def _conclude(
        self,
        queue: SubscriptionQueue,
        sent: InFlight,
        response: WebhookResponse,
        outcome: retry.Outcome | None,
    ) -> None:
        """One answer for the whole request; each event has its own account of attempts."""
        if outcome is None:
            self._observation.delivered(queue, sent, response, self._clock.now)
            self._delivered(queue, sent.deliveries)
        else:
            self._observation.answered(queue, sent.deliveries, response)
            self._failed(queue, sent, response, outcome)
        self._checkpoint.touch(queue)
        if queue.first_attempts or queue.retries:
            self.pump(queue)
        waits_for_it = queue.is_preparing or queue.has_left_rows
        if waits_for_it or (queue.read_position is not None and self.wants_more(queue)):
            self._checkpoint.wake()

    def _delivered(self, queue: SubscriptionQueue, deliveries: Sequence[Delivery]) -> None:
        if queue.failures_in_a_row:
            queue.unpark()
        queue.finish_all(deliveries)
        for delivery in deliveries:
            if delivery.is_stored:
                self._checkpoint.settle(delivery.identity)

    def _failed(
        self,
        queue: SubscriptionQueue,
        sent: InFlight,
        response: WebhookResponse,
        outcome: retry.Outcome,
    ) -> None:
        now, random, speed = self._clock.now(), self._random(), self.speed(queue)
        self._count_failure(queue, outcome)
        for delivery in sent.deliveries:
            # A probe ahead of the delivery's own time finds out about the endpoint; were it
            # counted, an outage would use up the oldest event's attempts in minutes.
            attempts = delivery.attempts_with_this
            step = retry.next_step(
                response,
                delivery.subscription,
                attempts=attempts,
                now=now,
                random=random,
                speed=speed,
            )
            self._observation.failed(
                delivery,
                attempts,
                response,
                step,
                started_at=sent.began_at,
                now=now,
                events=len(sent.deliveries),
            )
            tried = msgspec.structs.replace(
                delivery,
                attempts=attempts,
                last_outcome=str(outcome),
                last_status_code=response.status,
                last_attempt_at=now,
            )
            self._follow(queue, tried, step)

    def _follow(self, queue: SubscriptionQueue, delivery: Delivery, step: retry.NextStep) -> None:
        match step:
            case RetryAt(due_at):
                due_at = due_at if delivery.early_for is None else delivery.early_for
                self._checkpoint.put(delivery.as_waiting(due_at), is_first=not delivery.is_stored)
                queue.settle(delivery)
            case DeadLetter(reason):
                self._observation.gave_up(queue, delivery, step)
                self._dead_letter(queue, delivery, reason)
            case Drop(reason):
                self._observation.gave_up(queue, delivery, step)
                self._drop(queue, delivery, reason)

    # --- giving up ------------------------------------------------------------

    def give_up(self, queue: SubscriptionQueue, delivery: Delivery, reason: GiveUpReason) -> None:
        """End a delivery without success: the event is dead-lettered or dropped."""
        if queue.parked_until is not None and not delivery.last_outcome:
            outcome = str(retry.Outcome.PROBATION)
            delivery = msgspec.structs.replace(delivery, last_outcome=outcome)
        self._follow(queue, delivery, retry.give_up(delivery.subscription, reason))
        self._checkpoint.touch(queue)

    def _dead_letter(
        self, queue: SubscriptionQueue, delivery: Delivery, reason: GiveUpReason
    ) -> None:
        now = self._clock.now()
        row = delivery.as_waiting(
            dead_letters.first_due(now, dead_letters.waits(self.speed(queue))),
            dead_letter_reason=str(reason),
            given_up_at=now,
        )
        name = delivery.subscription.name
        waiting = given_up(row, delivery.event, name, GivenUpState.WAITING)
        self._checkpoint.keep(*keep(waiting, row.body))
        self._checkpoint.put(row, is_first=not delivery.is_stored)
        queue.finish(delivery)

    def _drop(self, queue: SubscriptionQueue, delivery: Delivery, reason: GiveUpReason) -> None:
        row = delivery.as_waiting(0, dead_letter_reason=str(reason), given_up_at=self._clock.now())
        name = delivery.subscription.name
        dropped = given_up(row, delivery.event, name, GivenUpState.DROPPED, _NO_DESTINATION)
        self._checkpoint.keep(*keep(dropped, row.body))
        queue.finish(delivery)
        self._checkpoint.settle(delivery.identity, is_first=not delivery.is_stored)

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
