"""What is said of an event when somebody asks why it did not arrive?"""

from enum import StrEnum

import msgspec

from switchhook.grid.events import Event
from switchhook.grid.filters import Mismatch
from switchhook.grid.ports import Attempt


class Verdict(StrEnum):
    """Whether an event subscription wanted an event."""

    MATCHED = "Matched"
    NOT_MATCHED = "NotMatched"
    CREATED_LATER = "CreatedLater"
    UNKNOWN = "Unknown"  # the event, or the subscription, is no longer there to be compared


class Stage(StrEnum):
    """How far a delivery has come."""

    QUEUED = "Queued"  # not attempted yet
    IN_FLIGHT = "InFlight"
    WAITING_FOR_RETRY = "WaitingForRetry"
    WAITING_FOR_DEAD_LETTER = "WaitingForDeadLetter"
    DELIVERED = "Delivered"
    FINISHED = "Finished"  # whether delivered or given up is no longer known
    DEAD_LETTERED = "DeadLettered"
    DROPPED = "Dropped"
    DUPLICATE = "Duplicate"  # not delivered, by the subscription's own wish


class DeliveryExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one delivery; `run` is 0 for what publishing caused, else that of a replay.

    `attempts` are those that the history still has. `attempts_made` counts all, as far as is known.
    `reason` is why it was given up, `where` its blob or why there is none. `text` says it all to
    people. Instants are nanoseconds since the epoch.
    """

    run: int
    stage: Stage
    text: str
    attempts: tuple[Attempt, ...] = ()
    attempts_made: int = 0
    next_attempt_at: int | None = None
    last_outcome: str = ""
    last_status_code: int | None = None
    reason: str = ""
    where: str = ""
    given_up_at: int | None = None


class SubscriptionExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """One event subscription and one event.

    `version` is the one that was asked, None where there was none; `from_position` that from which
    the subscription gets events. `domain_topic` is the one that it is limited to, or "".
    """

    incarnation: str
    name: str
    verdict: Verdict
    text: str
    domain_topic: str = ""
    version: int | None = None
    is_current: bool = True
    from_position: int | None = None
    mismatch: Mismatch | None = None
    deliveries: tuple[DeliveryExplanation, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """One event: where and when it was accepted, and what each event subscription made of it.

    `topic` is the id of its topic, system topic or domain, `topic_name` the name, `domain_topic`
    the name of a topic in that domain. `position` and `published_at` are None for an event that was
    not published, and `event` for one of which only a record is left, with its id and its type, cut
    short. `is_in_log` is false where the log has forgotten it; one that waits in an exception row
    is told from there. `traceparent` is that of its publish request, or "".
    """

    topic: str
    topic_name: str
    domain_topic: str
    event_id: str
    event_type: str
    event: Event | None
    position: int | None
    published_at: int | None
    traceparent: str = ""
    is_in_log: bool = True
    subscriptions: tuple[SubscriptionExplanation, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Part of the events that have an id, the newest first.

    `before` continues the search, even where it found nothing; None at its end.
    """

    items: tuple[Explanation, ...]
    before: int | None
