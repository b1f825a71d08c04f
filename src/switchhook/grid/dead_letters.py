"""What does a dead-lettered event look like, and where is it put?

Source: delivery-and-retry.md (Mar 2023) and manage-event-delivery.md, "Dead-letter events".
"""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from switchhook.clock import HOUR, MINUTE, to_datetime, to_text
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.ports import WaitingDelivery
from switchhook.grid.schemas.render import allowed, render

# "There is a five-minute delay between the last attempt to deliver an event and when it is
# delivered to the dead-letter location", which saves blob operations. It counts here from the
# moment when the event was given up: for one whose time to live ran out the last attempt may be
# hours ago, and the delay would save nothing.
DELAY = 5 * MINUTE
# "If the dead-letter location is unavailable for four hours, the event is dropped"; read as four
# hours after the event was given up, because nobody says how an outage is measured.
UNAVAILABLE_FOR = 4 * HOUR
# How often an unavailable container is tried is not published for the Basic tier; this is what
# dead-letter-event-subscriptions-namespace-topics.md says of namespaces after the first minutes.
RETRY_INTERVAL = 5 * MINUTE

# How much one blob holds is not published ("one or more events"). One event alone may be larger.
MAX_EVENTS_IN_BLOB = 500
MAX_BLOB_BYTES = 8 << 20

# Output of 2018 shows this member, no article does. It is written, where a status came back,
# because it tells what `lastDeliveryOutcome` of GenericError does not; False leaves it out.
WRITES_LAST_HTTP_STATUS_CODE = True

# The articles' sample of a dead-lettered CloudEvent has no member for the last attempt's time.
_CLOUD_EVENTS_NAMES = {
    "deadLetterReason": "deadletterreason",
    "deliveryAttempts": "deliveryattempts",
    "lastDeliveryOutcome": "lastdeliveryoutcome",
    "publishTime": "publishtime",
}

# A custom event has no room for further members of its own.
_DEAD_LETTER_SCHEMAS = {EventSchema.CUSTOM: EventSchema.EVENT_GRID}

_BLOBS = uuid.UUID("7d0a5f0e-53a1-5f0b-9c0e-6f0f4d4c7a11")  # ours, for names made by uuid5


class DeadLetterWaits(msgspec.Struct, frozen=True, kw_only=True):
    """How long dead-lettering takes its time, in nanoseconds; the default is Azure."""

    delay: int = DELAY
    unavailable_for: int = UNAVAILABLE_FOR
    retry_interval: int = RETRY_INTERVAL


AZURE_WAITS = DeadLetterWaits()


def waits(speed: int) -> DeadLetterWaits:
    """The waits of a subscription whose time profile is so many times faster than Azure."""
    if speed == 1:
        return AZURE_WAITS
    return DeadLetterWaits(
        delay=DELAY // speed,
        unavailable_for=UNAVAILABLE_FOR // speed,
        retry_interval=RETRY_INTERVAL // speed,
    )


def first_due(given_up_at: int, waits: DeadLetterWaits = AZURE_WAITS) -> int:
    """When the dead letter of an event that was given up then is written."""
    return given_up_at + waits.delay


def record(event: Event, delivery: WaitingDelivery, schema: EventSchema) -> bytes:
    """The dead-lettered event: as it would be delivered in `schema`, and why it was not.

    A custom event is in the envelope of the Event Grid schema. One that cannot be had in `schema`,
    which may be why it was given up, is as it was published.
    """
    members = _members(delivery)
    if schema is EventSchema.CLOUD_EVENTS:
        members = {
            _CLOUD_EVENTS_NAMES[n]: v for n, v in members.items() if n in _CLOUD_EVENTS_NAMES
        }
    # Merged, not appended: a CloudEvent may have an extension of such a name.
    wanted = _DEAD_LETTER_SCHEMAS.get(schema, schema)
    rendered = render(event, wanted) if allowed(event.schema, wanted) else event.json
    delivered = msgspec.json.decode(rendered, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**delivered, **members})


def _members(delivery: WaitingDelivery) -> dict[str, Any]:
    """Why it was given up, and when; what is not known is left out."""
    at, status = delivery.last_attempt_at, delivery.last_status_code
    members = {
        "deadLetterReason": delivery.dead_letter_reason,
        "deliveryAttempts": delivery.attempts,
        "lastDeliveryOutcome": delivery.last_outcome or None,
        "publishTime": to_text(delivery.published_at),
        "lastDeliveryAttemptTime": None if at is None else to_text(at),
        "lastHttpStatusCode": status if WRITES_LAST_HTTP_STATUS_CODE else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def blob_name(subscription_name: str, at: int, guid: uuid.UUID) -> str:
    """`HOOK/2026/1/31/0/GUID.json`: name in upper case, hour in UTC, numbers without zeros."""
    when = to_datetime(at)
    hour = f"{when.year}/{when.month}/{when.day}/{when.hour}"
    return f"{subscription_name.upper()}/{hour}/{guid}.json"


def blob_guid(first: WaitingDelivery) -> uuid.UUID:
    """The name of the blob that begins with this delivery, the same whenever it is asked for.

    A blob that was written and not noted is written again under its own name, whatever has joined
    it since: one that it had and the new one has not is still waiting, and gets a blob of its own.
    """
    position, subscription, run = first.identity
    return uuid.uuid5(_BLOBS, f"{subscription}/{position}/{run}")


class DeadLetter(msgspec.Struct, frozen=True):
    """A row that is due for its dead letter, with the event in it and the text to write."""

    row: WaitingDelivery
    event: Event
    text: bytes


def in_blobs(letters: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Share dead letters out over blobs, in their order."""
    blob: list[DeadLetter] = []
    size = 0
    for letter in letters:
        size += len(letter.text) + 1
        if blob and (len(blob) == MAX_EVENTS_IN_BLOB or size > MAX_BLOB_BYTES):
            yield blob
            blob, size = [], len(letter.text) + 1
        blob.append(letter)
    if blob:
        yield blob


def body(blob: Iterable[DeadLetter]) -> bytes:
    """A blob's content: a JSON array."""
    return b"[" + b",".join(letter.text for letter in blob) + b"]"
