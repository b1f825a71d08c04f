"""The validation request, the judgement of its answer, and the texts of failures."""

import msgspec
import pytest

from switchhook.clock import MINUTE
from switchhook.grid import options_handshake
from switchhook.grid.handshake import (
    Handshake,
    Verdict,
    build_request,
    failure_message,
    judge,
    validation_url,
)
from switchhook.grid.ports import Failure, WebhookResponse

SHAKE = Handshake(id="the-id", code="C0DE", token="the-token", started_at=1_767_225_600 * 10**9)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b'{"validationResponse":"C0DE"}', Verdict.VALIDATED),
        (200, b'{"ValidationResponse":"c0de"}', Verdict.VALIDATED),
        (200, b'{"validationResponse":"other"}', Verdict.AWAITING_MANUAL_ACTION),
        (200, b'{"validationResponse":7}', Verdict.AWAITING_MANUAL_ACTION),
        (200, b'["C0DE"]', Verdict.AWAITING_MANUAL_ACTION),
        (200, b"\xff not json", Verdict.AWAITING_MANUAL_ACTION),
        (200, b"[" * 100_000, Verdict.AWAITING_MANUAL_ACTION),
        (200, b"", Verdict.AWAITING_MANUAL_ACTION),
        (202, b'{"validationResponse":"C0DE"}', Verdict.REFUSED),
        (204, b"", Verdict.REFUSED),
        (404, b'{"validationResponse":"C0DE"}', Verdict.REFUSED),
        (None, b"", Verdict.NO_ANSWER),
    ],
)
def test_answer_is_judged(status: int | None, body: bytes, verdict: Verdict) -> None:
    """Only 200 with the code agrees; 200 without it leaves the validation to a person."""
    assert judge(WebhookResponse(status=status, body=body), "C0DE") is verdict


def test_request_carries_one_validation_event() -> None:
    """Headers and body are those of the article."""
    request = build_request("http://h/p?q=1", "orders", "/subscriptions/s", "https://v", SHAKE)

    assert request.method == "POST"
    assert request.url == "http://h/p?q=1"
    assert request.headers.decode().splitlines() == [
        "Content-Type: application/json; charset=utf-8",
        "aeg-event-type: SubscriptionValidation",
        "aeg-subscription-name: ORDERS",
        "aeg-delivery-count: 0",
        "aeg-metadata-version: 1",
        "aeg-data-version: 1",
    ]
    assert msgspec.json.decode(request.body) == [
        {
            "id": "the-id",
            "topic": "/subscriptions/s",
            "subject": "",
            "data": {"validationCode": "C0DE", "validationUrl": "https://v"},
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": "2026-01-01T00:00:00.0000000Z",
            "metadataVersion": "1",
            "dataVersion": "1",
        }
    ]


def test_handshakes_wait_half_a_minute() -> None:
    """By POST and by OPTIONS."""
    posted = build_request("http://h/p", "orders", "/subscriptions/s", "https://v", SHAKE)
    asked = options_handshake.build_request("https://h/p", "https://callback")

    assert (posted.timeout, asked.timeout) == (30.0, 30.0)


def test_validation_url_has_the_documented_form() -> None:
    """Path and parameters are those of the article."""
    assert validation_url("https://localhost:8443", "orders", SHAKE) == (
        "https://localhost:8443/eventsubscriptions/orders/validate?id=the-id"
        "&t=2026-01-01T00%3A00%3A00.0000000Z&apiVersion=2018-05-01-preview&token=the-token"
    )


def test_validation_url_is_valid_for_ten_minutes() -> None:
    """The right token is accepted until the ten minutes are over."""
    last_moment = SHAKE.started_at + 10 * MINUTE - 1

    assert SHAKE.accepts("the-id", "the-token", last_moment)
    assert not SHAKE.accepts("the-id", "the-token", last_moment + 1)
    assert not SHAKE.accepts("the-id", "another", last_moment)
    assert not SHAKE.accepts("another", "the-token", last_moment)


@pytest.mark.parametrize(
    ("response", "name"),
    [
        (WebhookResponse(failure=Failure.SOCKET_ERROR), "Unknown"),
        (WebhookResponse(status=404), "NotFound"),
        (WebhookResponse(status=500), "InternalServerError"),
        (WebhookResponse(status=599), "599"),
    ],
)
def test_failure_is_worded_as_event_grid_words_it(response: WebhookResponse, name: str) -> None:
    """The message names the endpoint without its query, the status and the activity."""
    message = failure_message("https://h/p", response, "an-id", SHAKE.started_at)

    assert message == (
        "Webhook validation handshake failed for https://h/p. Http POST request failed with "
        f"response code {name}. For troublehooting, visit https://aka.ms/esvalidation. "
        "Activity id:an-id, timestamp: 1/1/2026 12:00:00 AM (UTC)."
    )
