"""The line about a delivery attempt: which fields it has, and what never stands in it."""

import logging
from typing import Any

import pytest

from switchhook.grid.attempt_log import MAX_TEXT, attempt_fields
from switchhook.grid.delivery import Delivery
from switchhook.grid.events import Event
from switchhook.grid.ports import Failure, WebhookResponse
from switchhook.grid.retry import Delivered, Drop, GiveUpReason, NextStep, RetryAt
from switchhook.grid.subscriptions import WebHookDestination
from switchhook.logs import FieldFormatter
from tests.builders import RESOURCE_ID, a_subscription

PUBLISHED = 1_767_225_600_000_000_000  # 2026-01-01
NOW = PUBLISHED + 10_000_000_000


def a_delivery(**members: Any) -> Delivery:
    """The second attempt of an event, to a webhook with a secret in its query."""
    event = Event(
        id="event-1",
        type="Shop.OrderPlaced",
        subject="orders/17",
        data_version="1",
        json=b'{"data": "confidential"}',
        source=RESOURCE_ID,
    )
    destination = WebHookDestination(endpoint_url="https://hook.example/in?code=secret")
    subscription = a_subscription(destination=destination)
    defaults: dict[str, Any] = {"event": event, "subscription": subscription, "attempts": 1}
    return Delivery(position=7, published_at=PUBLISHED, **(defaults | members))


def fields(response: WebhookResponse, step: NextStep, **members: Any) -> dict[str, object]:
    """The fields of the second attempt."""
    return attempt_fields(a_delivery(), response, step, attempts=2, now=NOW, **members)


def test_failed_attempt_is_described_completely() -> None:
    """Azure's fields in our spelling, and when the next attempt comes."""
    busy = WebhookResponse(status=503, duration=12_340_000, detail="try later")

    assert fields(busy, RetryAt(NOW + 60_000_000_000)) == {
        "outcome": "Busy",
        "status": 503,
        "latency_ms": 12.3,
        "event_id": "event-1",
        "position": 7,
        "state": "RetryAt",
        "delivery_time": "2026-01-01T00:00:10.0000000Z",
        "delivery_count": 1,
        "attempt": 2,
        "subscription": "hook",
        "delivery_schema": "EventGridSchema",
        "input_schema": "EventGridSchema",
        "publish_time": "2026-01-01T00:00:00.0000000Z",
        "event_type": "Shop.OrderPlaced",
        "topic": RESOURCE_ID,
        "url": "https://hook.example/in",
        "detail": "try later",
        "next_attempt_at": "2026-01-01T00:01:10.0000000Z",
    }


@pytest.mark.parametrize(
    ("response", "step", "outcome", "state"),
    [
        (WebhookResponse(status=200), Delivered(), "Delivered", "Delivered"),
        (
            WebhookResponse(failure=Failure.TIMED_OUT),
            Drop(GiveUpReason.MAX_DELIVERY_ATTEMPTS_EXCEEDED),
            "TimedOut",
            "Drop",
        ),
    ],
)
def test_outcome_and_state_say_how_it_ended(
    response: WebhookResponse, step: NextStep, outcome: str, state: str
) -> None:
    """Without a next attempt no time is named for it."""
    found = fields(response, step)

    assert (found["outcome"], found["state"]) == (outcome, state)
    assert "next_attempt_at" not in found


def test_batch_says_how_many_events_it_held() -> None:
    """One line stands for the whole request."""
    assert fields(WebhookResponse(status=500), RetryAt(NOW), events=3)["events"] == 3


def test_line_holds_no_secret_and_no_event_data() -> None:
    """The fields pass through logging, and what is confidential is not among them."""
    found = fields(WebhookResponse(status=500, detail="x" * 10_000), RetryAt(NOW))
    record = logging.getLogger("test").makeRecord(
        "test", logging.INFO, "f", 1, "delivery.attempted", (), None, extra=found
    )
    line = FieldFormatter().format(record)

    assert "secret" not in line
    assert "confidential" not in line
    assert len(str(found["detail"])) == MAX_TEXT
