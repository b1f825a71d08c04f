"""What became of a delivery, judged by what is known of it at one instant?

What is in memory is newer than a row of the store, a row is newer than a record of what was given
up, and an attempt that delivered ends it all.
"""

from collections.abc import Iterator

import msgspec

from switchhook.clock import to_text
from switchhook.grid.delivery import Delivery
from switchhook.grid.explanations import DeliveryExplanation, Stage
from switchhook.grid.given_up import GivenUp, GivenUpState
from switchhook.grid.ports import Attempt, WaitingDelivery
from switchhook.grid.subscription_queue import SubscriptionQueue

_DIGITS = 3  # of a second's fraction, in texts for people


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """What one delivery has left behind; `held` and `stage` when it is in memory."""

    run: int
    held: Delivery | None = None
    stage: Stage | None = None
    text: str = ""
    row: WaitingDelivery | None = None
    given_up: GivenUp | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of it."""
        return not (self.held or self.row or self.given_up or self.attempts)


def held_in_memory(queue: SubscriptionQueue, position: int) -> Iterator[Traces]:
    """The deliveries of the event at `position` that the queue has in memory."""
    for delivery in queue.deliveries_in_flight():
        if delivery.position == position:
            text = f"Attempt {delivery.attempts + 1} is under way."
            yield _held(delivery, Stage.IN_FLIGHT, text)
    for delivery in queue.retries:
        if delivery.position == position:
            stage = Stage.WAITING_FOR_RETRY if delivery.attempts else Stage.QUEUED
            yield _held(delivery, stage, f"It is due, and waits for its turn{_why(queue)}.")
    for delivery in queue.first_attempts:
        if delivery.position == position:
            text = f"It waits for its first attempt in a queue of {len(queue.first_attempts)}"
            yield _held(delivery, Stage.QUEUED, text + _why(queue) + ".")
    blocked = queue.order.blocked_at(position) if queue.order else None
    if blocked is not None:
        text = (
            f"It waits for its turn: an earlier event with the same {queue.settings.ordered_by} "
            "is not finished, and the subscription wants them in order"
        )
        yield _held(blocked, Stage.QUEUED, text + _why(queue) + ".")


def explain_delivery(
    queue: SubscriptionQueue | None, traces: Traces, now: int
) -> DeliveryExplanation:
    """What is known of a delivery that has left traces."""
    attempts = traces.attempts
    if attempts and not attempts[-1].outcome:
        return _delivered(traces)
    if traces.held is not None and traces.stage is not None:
        return _in_memory(traces, traces.held, traces.stage)
    if traces.row is not None:
        return _waiting(traces, traces.row, queue, now)
    if traces.given_up is not None:
        return _given_up(traces, traces.given_up)
    return _attempted(traces, queue)


def explain_without_traces(
    queue: SubscriptionQueue, position: int, head: int, *, is_duplicate: bool, is_sure: bool
) -> DeliveryExplanation:
    """What must have become of the delivery that publishing caused, of which nothing is known.

    `is_sure` that it is not among what was given up.
    """
    if is_duplicate:
        text = (
            "It repeats an event of the same id and source, and the subscription's deduplication "
            "window leaves such events out."
        )
        return DeliveryExplanation(run=0, stage=Stage.DUPLICATE, text=text)
    unread = head if queue.read_position is None else queue.read_position
    if position >= unread and queue.settings.is_paused:
        text = "It waits until the subscription is resumed: it is paused. It was not attempted yet."
        return DeliveryExplanation(run=0, stage=Stage.QUEUED, text=text)
    if position >= unread:
        text = (
            "It was not attempted yet: the subscription has still to read it from the log"
            f"{_why(queue)}."
        )
        return DeliveryExplanation(run=0, stage=Stage.QUEUED, text=text)
    if is_sure:
        text = "Delivered; the attempts are no longer in the history."
        return DeliveryExplanation(run=0, stage=Stage.DELIVERED, text=text)
    text = (
        "Finished: delivered, or given up so long ago that no record is left. The attempts are no "
        "longer in the history."
    )
    return DeliveryExplanation(run=0, stage=Stage.FINISHED, text=text)


# --- by what is known ----------------------------------------------------------------------------


def _held(delivery: Delivery, stage: Stage, text: str) -> Traces:
    return Traces(run=delivery.run, held=delivery, stage=stage, text=text)


def _delivered(traces: Traces) -> DeliveryExplanation:
    last = traces.attempts[-1]
    at = to_text(last.started_at + last.duration, _DIGITS)
    return DeliveryExplanation(
        run=traces.run,
        stage=Stage.DELIVERED,
        text=f"Delivered at {at}, at attempt {last.number}.",
        attempts=traces.attempts,
        attempts_made=last.number,
        last_status_code=last.status,
    )


def _in_memory(traces: Traces, held: Delivery, stage: Stage) -> DeliveryExplanation:
    return DeliveryExplanation(
        run=traces.run,
        stage=stage,
        text=traces.text,
        attempts=traces.attempts,
        attempts_made=held.attempts,
        last_outcome=held.last_outcome,
        last_status_code=held.last_status_code,
    )


def _waiting(
    traces: Traces, row: WaitingDelivery, queue: SubscriptionQueue | None, now: int
) -> DeliveryExplanation:
    found = DeliveryExplanation(
        run=traces.run,
        stage=Stage.WAITING_FOR_RETRY if row.attempts else Stage.QUEUED,
        text="",
        attempts=traces.attempts,
        attempts_made=row.attempts,
        last_outcome=row.last_outcome,
        last_status_code=row.last_status_code,
    )
    if row.dead_letter_reason:
        return msgspec.structs.replace(
            found,
            stage=Stage.WAITING_FOR_DEAD_LETTER,
            text=f"Given up ({row.dead_letter_reason}) at {to_text(row.given_up_at, _DIGITS)}. "
            f"Its dead letter is due at {to_text(row.due_at, _DIGITS)}.",
            reason=row.dead_letter_reason,
            given_up_at=row.given_up_at,
        )
    last = f" So far: {_times(row.attempts)}, the last one {_answer(row)}."
    last = last if row.attempts else " It was not attempted yet."
    if queue is not None and queue.settings.is_paused:
        return msgspec.structs.replace(
            found, text=f"It waits until the subscription is resumed: it is paused.{last}"
        )
    parked = queue.parked_until if queue is not None else None
    due_at = max(row.due_at, parked or 0)
    when = f"The next attempt is due at {to_text(due_at, _DIGITS)}"
    when = when if due_at > now else "It is due now"
    why = _why(queue) if queue is not None and parked is not None else ""
    return msgspec.structs.replace(found, text=f"{when}{why}.{last}", next_attempt_at=due_at)


def _given_up(traces: Traces, given_up: GivenUp) -> DeliveryExplanation:
    at = to_text(given_up.given_up_at, _DIGITS)
    made = f"after {_times(given_up.attempts)}" if given_up.attempts else "without an attempt"
    begins = f"Given up ({given_up.reason}) at {at}, {made}."
    stage, text = {
        GivenUpState.WRITTEN: (Stage.DEAD_LETTERED, f"Its dead letter is {given_up.where}."),
        GivenUpState.DROPPED: (Stage.DROPPED, f"It was dropped: {given_up.where}."),
        GivenUpState.WAITING: (Stage.WAITING_FOR_DEAD_LETTER, "Its dead letter is to be written."),
    }[given_up.state]
    return DeliveryExplanation(
        run=traces.run,
        stage=stage,
        text=f"{begins} {text}",
        attempts=traces.attempts,
        attempts_made=given_up.attempts,
        last_outcome=given_up.last_outcome,
        last_status_code=given_up.last_status_code,
        reason=given_up.reason,
        where=given_up.where,
        given_up_at=given_up.given_up_at,
    )


def _attempted(traces: Traces, queue: SubscriptionQueue | None) -> DeliveryExplanation:
    """Only the history knows of it, and the last attempt that it has failed."""
    last = traces.attempts[-1]
    text = f"The last attempt in the history, number {last.number}, failed ({last.outcome})"
    is_unread = queue is not None and not traces.run and _is_unread(queue, last.position)
    if is_unread and queue is not None:
        text += (
            ". It will be attempted again: the subscription has still to read it from the log"
            f"{_why(queue)}."
        )
    else:
        text = f"Finished. {text}; the next step was: {last.next_step}."
    return DeliveryExplanation(
        run=traces.run,
        stage=Stage.QUEUED if is_unread else Stage.FINISHED,
        text=text,
        attempts=traces.attempts,
        attempts_made=last.number,
        last_outcome=last.outcome,
        last_status_code=last.status,
    )


def _is_unread(queue: SubscriptionQueue, position: int) -> bool:
    return queue.read_position is not None and position >= queue.read_position


def _why(queue: SubscriptionQueue) -> str:
    """What holds a subscription up, as the end of a sentence."""
    if queue.settings.is_paused:
        return "; the subscription is paused"
    if queue.parked_until is not None:
        until = to_text(queue.parked_until, _DIGITS)
        return f"; its endpoint failed so often that it is left alone until {until}"
    return "; it is being made ready after a change" if queue.is_preparing else ""


def _answer(row: WaitingDelivery) -> str:
    status = f" {row.last_status_code}" if row.last_status_code is not None else ""
    return f"{row.last_outcome or 'unknown'}{status}"


def _times(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
