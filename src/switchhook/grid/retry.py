"""What happens after a delivery attempt?

Source: delivery-and-retry.md (Mar 2023 and the newer no-retry table), read 2026-11.
"""

from dataclasses import dataclass
from enum import StrEnum

from switchhook.clock import HOUR, MINUTE, SECOND
from switchhook.grid.ports import Failure, WebhookResponse
from switchhook.grid.subscriptions import EventSubscription, RetryPolicy, TimeProfile

# "Best effort": 10 s, 30 s, 1, 5, 10, 30 min, 1, 3, 6 h, then every 12 h. Whether the article means
# gaps or offsets from the first attempt is not stated; they are read as gaps, as a back-off is.
SCHEDULE = (
    10 * SECOND,
    30 * SECOND,
    1 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    1 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
)

# "A small randomization": its size is not published.
JITTER = 0.1

# Webhook answers that are success, and those that end the delivery at once. 403 is in the newer
# copies of the article; 404 is in none, so that it follows the schedule.
SUCCESS = frozenset({200, 201, 202, 203, 204})
NEVER_RETRIED = frozenset({400, 401, 403, 413})

# Floors of the next delay, by status.
MINIMUM_WAITS = {408: 2 * MINUTE, 503: 30 * SECOND}


class Outcome(StrEnum):
    """What an attempt came to: the texts of `lastDeliveryOutcome` that a webhook can cause.

    Which text other HTTP errors get is not listed in the article; `GenericError` stands in log
    messages for them (monitor-push-reference.md).
    """

    BAD_REQUEST = "BadRequest"
    UNAUTHORIZED = "Unauthorized"
    FORBIDDEN = "Forbidden"
    NOT_FOUND = "NotFound"
    TIMED_OUT = "TimedOut"
    PAYLOAD_TOO_LARGE = "PayloadTooLarge"
    BUSY = "Busy"
    SOCKET_ERROR = "SocketError"
    RESOLUTION_ERROR = "ResolutionError"
    ABORTED = "Aborted"
    GENERIC_ERROR = "GenericError"
    PROBATION = "Probation"  # of an event that was given up before its first attempt


_BY_STATUS = {
    400: Outcome.BAD_REQUEST,
    401: Outcome.UNAUTHORIZED,
    403: Outcome.FORBIDDEN,
    404: Outcome.NOT_FOUND,
    408: Outcome.TIMED_OUT,
    413: Outcome.PAYLOAD_TOO_LARGE,
    429: Outcome.BUSY,
    503: Outcome.BUSY,
}

# How long a subscription is left alone after a run of failures, by the last one's outcome
# ("subject to change"). Outcomes that the article does not list wait as long as a busy endpoint.
PROBATION = {
    Outcome.BUSY: 10 * SECOND,
    Outcome.TIMED_OUT: 10 * SECOND,
    Outcome.SOCKET_ERROR: 30 * SECOND,
    Outcome.NOT_FOUND: 5 * MINUTE,
    Outcome.RESOLUTION_ERROR: 5 * MINUTE,
    Outcome.UNAUTHORIZED: 5 * MINUTE,
    Outcome.FORBIDDEN: 5 * MINUTE,
}
DEFAULT_PROBATION = 10 * SECOND

# The run of failures that parks a subscription: the article's example; the rule is not published.
FAILURES_BEFORE_PROBATION = 10


class GiveUpReason(StrEnum):
    """Why an event is given up. Only the first is a published text; the article names no other."""

    MAX_DELIVERY_ATTEMPTS_EXCEEDED = "MaxDeliveryAttemptsExceeded"
    TIME_TO_LIVE_EXCEEDED = "TimeToLiveExceeded"
    NOT_RETRIABLE = "NotRetriable"
    LOG_FULL = "LogFull"


@dataclass(frozen=True)
class Delivered:
    """The webhook took the event."""


DELIVERED = Delivered()


@dataclass(frozen=True)
class RetryAt:
    """Try again at `due_at`, nanoseconds since the epoch."""

    due_at: int


@dataclass(frozen=True)
class DeadLetter:
    """Give the event up, to the subscription's dead-letter destination."""

    reason: GiveUpReason


@dataclass(frozen=True)
class Drop:
    """Give the event up: there is no dead-letter destination."""

    reason: GiveUpReason


NextStep = Delivered | RetryAt | DeadLetter | Drop

# How many times faster than Azure a profile is: every wait and time to live is divided by it.
SPEED = {TimeProfile.AZURE: 1, TimeProfile.FAST: 1000}


def outcome(response: WebhookResponse) -> Outcome | None:
    """What the attempt came to; None for success."""
    if response.failure is not None:
        return _BY_FAILURE[response.failure]
    if response.status in SUCCESS:
        return None
    return _BY_STATUS.get(response.status or 0, Outcome.GENERIC_ERROR)


_BY_FAILURE = {
    Failure.TIMED_OUT: Outcome.TIMED_OUT,
    Failure.SOCKET_ERROR: Outcome.SOCKET_ERROR,
    Failure.RESOLUTION_ERROR: Outcome.RESOLUTION_ERROR,
    Failure.ABORTED: Outcome.ABORTED,
}


def next_step(
    response: WebhookResponse,
    subscription: EventSubscription,
    *,
    attempts: int,
    now: int,
    random: float,
    speed: int = 1,
) -> NextStep:
    """What follows the attempt that ended `now`, the `attempts`-th; `random` is from 0 to 1.

    Time to live is not looked at: the service checks it when the next attempt comes due.
    """
    if response.failure is None and response.status in SUCCESS:
        return DELIVERED
    if response.status in NEVER_RETRIED:
        return give_up(subscription, GiveUpReason.NOT_RETRIABLE)
    if attempts >= subscription.retry_policy.max_delivery_attempts:
        return give_up(subscription, GiveUpReason.MAX_DELIVERY_ATTEMPTS_EXCEEDED)
    wait = max(delay(attempts), MINIMUM_WAITS.get(response.status or 0, 0)) // speed
    return RetryAt(now + wait + int(wait * JITTER * random))


def give_up(subscription: EventSubscription, reason: GiveUpReason) -> DeadLetter | Drop:
    """How the subscription gives an event up."""
    has_destination = subscription.dead_letter_destination is not None
    return DeadLetter(reason) if has_destination else Drop(reason)


def delay(attempts: int) -> int:
    """The scheduled wait after the `attempts`-th attempt, in nanoseconds."""
    return SCHEDULE[min(attempts, len(SCHEDULE)) - 1]


def is_expired(*, lives_from: int, policy: RetryPolicy, now: int, speed: int = 1) -> bool:
    """Whether the time to live has passed, which counts from the event's publication."""
    return now >= lives_from + time_to_live(policy, speed)


def time_to_live(policy: RetryPolicy, speed: int) -> int:
    """How long an event is worth an attempt, in nanoseconds."""
    return policy.event_time_to_live_in_minutes * MINUTE // speed


def probation(last: Outcome, speed: int = 1) -> int:
    """How long a subscription is parked for a run of failures that ended in `last`."""
    return PROBATION.get(last, DEFAULT_PROBATION) // speed
