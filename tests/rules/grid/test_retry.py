"""What follows an attempt, for every status and every failure?"""

import pytest

from switchhook.clock import HOUR, MINUTE, SECOND
from switchhook.grid.ports import Failure, WebhookResponse
from switchhook.grid.retry import (
    Delivered,
    Drop,
    GiveUpReason,
    NextStep,
    Outcome,
    RetryAt,
    delay,
    is_expired,
    next_step,
    outcome,
    probation,
)
from switchhook.grid.subscriptions import RetryPolicy
from tests.builders import a_subscription

NOW = 1_800_000_000 * SECOND

OUTCOMES = {
    400: Outcome.BAD_REQUEST,
    401: Outcome.UNAUTHORIZED,
    403: Outcome.FORBIDDEN,
    404: Outcome.NOT_FOUND,
    408: Outcome.TIMED_OUT,
    413: Outcome.PAYLOAD_TOO_LARGE,
    429: Outcome.BUSY,
    503: Outcome.BUSY,
}


def _after(response: WebhookResponse, attempts: int = 1, random: float = 0.0) -> NextStep:
    policy = RetryPolicy(max_delivery_attempts=30)
    subscription = a_subscription(retry_policy=policy)
    return next_step(response, subscription, attempts=attempts, now=NOW, random=random)


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_its_step_and_its_outcome(status: int) -> None:
    """200 to 204 deliver, four statuses end it, every other waits by the schedule."""
    response = WebhookResponse(status=status)

    step, came_to = _after(response), outcome(response)

    if 200 <= status <= 204:
        assert (step, came_to) == (Delivered(), None)
        return
    assert came_to is OUTCOMES.get(status, Outcome.GENERIC_ERROR)
    if status in (400, 401, 403, 413):
        assert step == Drop(GiveUpReason.NOT_RETRIABLE)
    else:
        wait = {408: 120, 503: 30}.get(status, 10)
        assert step == RetryAt(NOW + wait * SECOND)


def test_outcomes_have_documented_names() -> None:
    """Those of delivery-and-retry.md, and the one that log messages show for other errors."""
    documented = {
        *("NotFound", "Disabled", "Full", "Unauthorized", "BadRequest", "TimedOut", "Busy"),
        *("PayloadTooLarge", "Probation", "Canceled", "Aborted", "SocketError"),
        *("ResolutionError", "Delivering", "SessionQueueNotSupported", "Forbidden"),
        "InvalidAzureFunctionDestination",
    }

    assert {str(each) for each in Outcome} - documented == {"GenericError"}


@pytest.mark.parametrize("failure", list(Failure))
def test_every_failure_is_retried_under_its_own_name(failure: Failure) -> None:
    """Its text is that of the outcome."""
    response = WebhookResponse(failure=failure)

    assert _after(response) == RetryAt(NOW + 10 * SECOND)
    assert str(outcome(response)) == str(failure)


def test_answer_that_broke_off_is_a_failure_whatever_its_status() -> None:
    """A status that came before the connection broke does not count as success."""
    response = WebhookResponse(status=200, failure=Failure.SOCKET_ERROR)

    assert _after(response) == RetryAt(NOW + 10 * SECOND)
    assert outcome(response) is Outcome.SOCKET_ERROR


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        (1, 10 * SECOND),
        (2, 30 * SECOND),
        (3, 1 * MINUTE),
        (4, 5 * MINUTE),
        (5, 10 * MINUTE),
        (6, 30 * MINUTE),
        (7, 1 * HOUR),
        (8, 3 * HOUR),
        (9, 6 * HOUR),
        (10, 12 * HOUR),
        (11, 12 * HOUR),
        (29, 12 * HOUR),
    ],
)
def test_waits_follow_the_schedule(attempts: int, wait: int) -> None:
    """The last step repeats."""
    assert delay(attempts) == wait
    assert _after(WebhookResponse(status=500), attempts) == RetryAt(NOW + wait)


@pytest.mark.parametrize(
    ("status", "attempts", "seconds"),
    [(408, 2, 120), (408, 3, 120), (408, 4, 300), (503, 2, 30), (503, 3, 60)],
)
def test_minimum_wait_is_a_floor_and_not_a_sum(status: int, attempts: int, seconds: int) -> None:
    """Once the schedule waits longer, it alone counts."""
    step = _after(WebhookResponse(status=status), attempts)

    assert step == RetryAt(NOW + seconds * SECOND)


@pytest.mark.parametrize(("random", "seconds"), [(0.0, 10), (0.5, 10.5), (1.0, 11)])
def test_a_tenth_of_the_wait_is_left_to_chance(random: float, seconds: float) -> None:
    """Never earlier than the schedule says."""
    step = _after(WebhookResponse(status=500), random=random)

    assert step == RetryAt(NOW + int(seconds * SECOND))


@pytest.mark.parametrize("limit", [1, 2, 30])
def test_the_last_attempt_ends_the_delivery(limit: int) -> None:
    """The first attempt counts; an answer that is final keeps its own reason."""
    policy = RetryPolicy(max_delivery_attempts=limit)

    def after(status: int, attempts: int) -> NextStep:
        response = WebhookResponse(status=status)
        subscription = a_subscription(retry_policy=policy)
        return next_step(response, subscription, attempts=attempts, now=NOW, random=0)

    assert after(500, limit) == Drop(GiveUpReason.MAX_DELIVERY_ATTEMPTS_EXCEEDED)
    assert after(400, limit) == Drop(GiveUpReason.NOT_RETRIABLE)
    assert after(200, limit) == Delivered()
    if limit > 1:
        assert isinstance(after(500, limit - 1), RetryAt)


def test_time_to_live_ends_exactly_at_its_minute() -> None:
    """It counts from the publication."""
    policy = RetryPolicy(event_time_to_live_in_minutes=5)

    def expired(age: int) -> bool:
        return is_expired(lives_from=NOW, policy=policy, now=NOW + age)

    assert not expired(0)
    assert not expired(5 * MINUTE - 1)
    assert expired(5 * MINUTE)


@pytest.mark.parametrize(
    ("last", "seconds"),
    [
        (Outcome.BUSY, 10),
        (Outcome.TIMED_OUT, 10),
        (Outcome.SOCKET_ERROR, 30),
        (Outcome.NOT_FOUND, 300),
        (Outcome.RESOLUTION_ERROR, 300),
        (Outcome.UNAUTHORIZED, 300),
        (Outcome.FORBIDDEN, 300),
        (Outcome.BAD_REQUEST, 10),
        (Outcome.PAYLOAD_TOO_LARGE, 10),
        (Outcome.GENERIC_ERROR, 10),
        (Outcome.ABORTED, 10),
    ],
)
def test_probation_lasts_by_the_last_outcome(last: Outcome, seconds: int) -> None:
    """Those that the article does not list wait as long as a busy endpoint."""
    assert probation(last) == seconds * SECOND
