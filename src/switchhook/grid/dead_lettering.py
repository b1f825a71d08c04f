"""The end of an event that was given up: its dead letter is written, or it is dropped.

The order is that of every step: write the blob, then record that it is written. A crash in between
writes the same blob again.
"""

import logging
from collections.abc import Sequence

import msgspec

from switchhook.clock import Clock
from switchhook.grid.dead_letters import (
    AZURE_WAITS,
    DeadLetter,
    DeadLetterWaits,
    blob_guid,
    blob_name,
    body,
    first_due,
    in_blobs,
    record,
)
from switchhook.grid.given_up import GivenUpState, given_up, keep
from switchhook.grid.ports import (
    Change,
    DeadLetterAnswer,
    DeadLetterStore,
    PutWaiting,
    SettleWaiting,
    WaitingDelivery,
)
from switchhook.grid.schemas.read import read
from switchhook.grid.subscriptions import DeadLetterDestination, EventSubscription
from switchhook.grid.topics import Topic

log = logging.getLogger(__name__)


class DeadLettering:
    """Writes dead letters; what must become durable then is for the caller to commit."""

    def __init__(self, store: DeadLetterStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # How long a container was unavailable while this server did not run is not known, and
        # whoever starts both together may start the server first.
        self._started_at = clock.now()

    async def write(
        self,
        rows: Sequence[WaitingDelivery],
        subscription: EventSubscription,
        topic: Topic,
        waits: DeadLetterWaits = AZURE_WAITS,
    ) -> list[Change]:
        """Write rows that are due for their dead letter, and answer what is to be committed.

        They are deliveries of this version of the subscription, in any order; together they make
        one blob, or several where one would be too large. All of a blob's changes belong into one
        commit.
        """
        letters = [_letter(row, subscription, topic) for row in sorted(rows, key=_age)]
        destination = subscription.dead_letter_destination
        if destination is None:
            why = "the event subscription has no dead-letter destination"
            return _dropped(letters, subscription, why)
        changes: list[Change] = []
        answer, detail = DeadLetterAnswer.WRITTEN, ""
        for blob in in_blobs(letters):
            name = _name(blob, subscription, waits)
            # A container that cannot be written to is asked once, not for every blob.
            if answer is DeadLetterAnswer.WRITTEN:
                answer, detail = await self._store.write(destination, name, body(blob))
            _log_answer(blob, subscription, destination, name, answer, detail)
            changes += self._after(answer, detail, blob, subscription, name, waits)
        return changes

    def _after(
        self,
        answer: DeadLetterAnswer,
        detail: str,
        blob: list[DeadLetter],
        subscription: EventSubscription,
        name: str,
        waits: DeadLetterWaits,
    ) -> list[Change]:
        match answer:
            case DeadLetterAnswer.WRITTEN:
                return _finished(blob, subscription, GivenUpState.WRITTEN, name)
            case DeadLetterAnswer.NO_CONTAINER:
                return _dropped(blob, subscription, f"there is no such container: {detail}")
            case DeadLetterAnswer.UNAVAILABLE:
                return self._wait(blob, detail, subscription, waits)

    def _wait(
        self,
        blob: list[DeadLetter],
        detail: str,
        subscription: EventSubscription,
        waits: DeadLetterWaits,
    ) -> list[Change]:
        """Try again later, as long as there is time."""
        now = self._clock.now()
        changes: list[Change] = []
        for letter in blob:
            end = max(letter.row.given_up_at, self._started_at) + waits.unavailable_for
            if now >= end:
                why = f"the container was unavailable for too long: {detail}"
                changes += _dropped([letter], subscription, why)
            else:
                due_at = min(now + waits.retry_interval, end)
                changes.append(PutWaiting(msgspec.structs.replace(letter.row, due_at=due_at)))
        return changes


def _letter(row: WaitingDelivery, subscription: EventSubscription, topic: Topic) -> DeadLetter:
    first, published_at = row.position, row.published_at
    event = next(read(row.body, row.schema, topic, first=first, published_at=published_at))
    return DeadLetter(row, event, record(event, row, subscription.event_delivery_schema))


def _age(row: WaitingDelivery) -> tuple[int, int, int]:
    """An order that does not change while rows wait: what begins a blob once begins it again."""
    return row.given_up_at, row.position, row.run


def _name(blob: list[DeadLetter], subscription: EventSubscription, waits: DeadLetterWaits) -> str:
    first = blob[0].row
    at = first_due(first.given_up_at, waits)
    return blob_name(subscription.name, at, blob_guid(first))


def _dropped(letters: list[DeadLetter], subscription: EventSubscription, why: str) -> list[Change]:
    for letter in letters:
        log.warning(
            "delivery.dropped",
            extra={
                "event_id": letter.event.id,
                "subscription": subscription.name,
                "reason": letter.row.dead_letter_reason,
                "attempts": letter.row.attempts,
                "detail": why,
            },
        )
    return _finished(letters, subscription, GivenUpState.DROPPED, why)


def _finished(
    letters: list[DeadLetter], subscription: EventSubscription, state: GivenUpState, where: str
) -> list[Change]:
    changes: list[Change] = []
    for letter in letters:
        row = letter.row
        changes.append(SettleWaiting(row.position, row.subscription, row.run))
        changes += keep(given_up(row, letter.event, subscription.name, state, where), row.body)
    return changes


def _log_answer(
    blob: list[DeadLetter],
    subscription: EventSubscription,
    destination: DeadLetterDestination,
    name: str,
    answer: DeadLetterAnswer,
    detail: str,
) -> None:
    is_written = answer is DeadLetterAnswer.WRITTEN
    log.log(
        logging.INFO if is_written else logging.WARNING,
        "dead_letters.written" if is_written else "dead_letters.not_written",
        extra={
            "subscription": subscription.name,
            "container": destination.container,
            "blob": name,
            "events": len(blob),
            "answer": str(answer),
            "detail": detail,
        },
    )
