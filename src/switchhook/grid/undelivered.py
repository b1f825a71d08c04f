"""What follows a delivery that did not succeed?

The order is: write an exception row if the delivery must wait, or what is known of one that is
given up; then let the cursor pass, both in the next checkpoint's commit.
"""

from collections.abc import Callable, Sequence

import msgspec

from switchhook.clock import Clock
from switchhook.grid import dead_letters, retry
from switchhook.grid.checkpoint import PAUSE_AFTER_FAILURE, Checkpoint
from switchhook.grid.delivery import Delivery, InFlight
from switchhook.grid.given_up import GivenUpState, given_up, keep
from switchhook.grid.observation import Observation
from switchhook.grid.ports import WebhookResponse
from switchhook.grid.retry import DeadLetter, Drop, GiveUpReason, RetryAt
from switchhook.grid.subscription_queue import SubscriptionQueue

_NO_DESTINATION = "the event subscription has no dead-letter destination"


class Undelivered:
    """Lets deliveries wait for another attempt, and gives them up."""

    def __init__(
        self,
        *,
        checkpoint: Checkpoint,
        clock: Clock,
        random: Callable[[], float],
        observation: Observation,
        speed: Callable[[SubscriptionQueue], int],
    ) -> None:
        self._checkpoint = checkpoint
        self._clock = clock
        self._random = random
        self._observation = observation
        self._speed = speed

    def failed(
        self,
        queue: SubscriptionQueue,
        sent: InFlight,
        response: WebhookResponse,
        outcome: retry.Outcome,
    ) -> None:
        """One answer for the whole request; each event has its own account of attempts."""
        now, random, speed = self._clock.now(), self._random(), self._speed(queue)
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

    def put_off(self, queue: SubscriptionQueue, deliveries: Sequence[Delivery]) -> None:
        """Let those of which nothing is settled yet wait in their rows, to be tried again."""
        due_at = self._clock.now() + PAUSE_AFTER_FAILURE
        for each in () if queue.is_removed else deliveries:
            is_unsettled = not each.run and queue.is_unsettled(each.position)
            if is_unsettled or each.identity in self._checkpoint.owned:
                self._checkpoint.put(each.as_waiting(due_at), is_first=not each.is_stored)
                queue.settle(each)
        self._checkpoint.touch(queue)

    def give_up(self, queue: SubscriptionQueue, delivery: Delivery, reason: GiveUpReason) -> None:
        """End a delivery without success: the event is dead-lettered or dropped."""
        if queue.parked_until is not None and not delivery.last_outcome:
            outcome = str(retry.Outcome.PROBATION)
            delivery = msgspec.structs.replace(delivery, last_outcome=outcome)
        self._follow(queue, delivery, retry.give_up(delivery.subscription, reason))
        self._checkpoint.touch(queue)

    def without_expired(
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

    def _dead_letter(
        self, queue: SubscriptionQueue, delivery: Delivery, reason: GiveUpReason
    ) -> None:
        now = self._clock.now()
        row = delivery.as_waiting(
            dead_letters.first_due(now, dead_letters.waits(self._speed(queue))),
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
