"""Permission for CloudEvents by HTTP OPTIONS: the request, the judgement, the texts."""

import pytest

from switchhook.grid.consent import Question
from switchhook.grid.deletion_notice import DeletedSubscription, build_notice
from switchhook.grid.events import EventSchema
from switchhook.grid.handshake import Handshake, Verdict
from switchhook.grid.options_handshake import build_request, judge, refusal_message
from switchhook.grid.ports import Failure, WebhookResponse

SHAKE = Handshake(id="the-id", code="C0DE", token="the-token", started_at=1_767_225_600 * 10**9)


def test_request_asks_for_permission() -> None:
    """An OPTIONS without a body, with the query of the endpoint."""
    request = build_request("https://h/p?q=1", "https://callback")

    assert (request.method, request.url, request.body) == ("OPTIONS", "https://h/p?q=1", b"")
    assert request.headers.decode().splitlines() == [
        "WebHook-Request-Origin: eventgrid.azure.net",
        "WebHook-Request-Callback: https://callback",
    ]


@pytest.mark.parametrize(
    ("status", "headers", "verdict"),
    [
        (200, {"webhook-allowed-origin": "eventgrid.azure.net"}, Verdict.VALIDATED),
        (200, {"webhook-allowed-origin": " EventGrid.azure.net "}, Verdict.VALIDATED),
        (204, {"webhook-allowed-origin": "*", "webhook-allowed-rate": "1"}, Verdict.VALIDATED),
        (405, {"webhook-allowed-origin": "*"}, Verdict.VALIDATED),
        (500, {"webhook-allowed-origin": "eventgrid.azure.net"}, Verdict.VALIDATED),
        (200, {"webhook-allowed-origin": "other.example"}, Verdict.REFUSED),
        (200, {"webhook-allowed-origin": "x.eventgrid.azure.net"}, Verdict.REFUSED),
        (200, {"webhook-allowed-origin": ""}, Verdict.REFUSED),
        (200, {"allow": "POST"}, Verdict.AWAITING_MANUAL_ACTION),
        (202, {}, Verdict.AWAITING_MANUAL_ACTION),
        (301, {}, Verdict.REFUSED),
        (405, {}, Verdict.REFUSED),
        (None, {}, Verdict.NO_ANSWER),
    ],
)
def test_answer_is_judged(status: int | None, headers: dict[str, str], verdict: Verdict) -> None:
    """The header is the permission; the status code alone never is."""
    assert judge(WebhookResponse(status=status, headers=tuple(headers.items()))) is verdict


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (WebhookResponse(status=404), "Http OPTIONS request failed with response code NotFound"),
        (WebhookResponse(failure=Failure.SOCKET_ERROR), "response code Unknown"),
        (WebhookResponse(status=200), "does not allow the origin eventgrid.azure.net"),
    ],
)
def test_refusal_says_why(response: WebhookResponse, text: str) -> None:
    message = refusal_message("https://h/p", response, "an-id", SHAKE.started_at)

    assert text in message
    assert message.endswith("Activity id:an-id, timestamp: 1/1/2026 12:00:00 AM (UTC).")


@pytest.mark.parametrize(
    ("schema", "method"),
    [
        (EventSchema.EVENT_GRID, "POST"),
        (EventSchema.CUSTOM, "POST"),
        (EventSchema.CLOUD_EVENTS, "OPTIONS"),
    ],
)
def test_schema_decides_on_the_handshake(schema: EventSchema, method: str) -> None:
    """A token goes with both; messages name the endpoint without its query."""
    question = Question(
        endpoint_url="https://h/p?code=secret", schema=schema, subscription_name="a", topic="/t"
    )
    request = question.request("https://v", SHAKE, token="t0k")
    response = WebhookResponse(failure=Failure.TIMED_OUT, detail="no answer")

    assert request.method == method
    assert request.headers.endswith(b"\r\nAuthorization: Bearer t0k\r\n")
    for message in (question.refusal(response, "i", 0), question.still_open(response, "i", 0)):
        assert "https://h/p." in message
        assert "secret" not in message


@pytest.mark.parametrize(
    ("schema", "content_type", "start"),
    [
        (EventSchema.EVENT_GRID, "application/json", b"[{"),
        (EventSchema.CUSTOM, "application/json", b"[{"),
        (EventSchema.CLOUD_EVENTS, "application/cloudevents+json", b"{"),
    ],
)
def test_deletion_notice(schema: EventSchema, content_type: str, start: bytes) -> None:
    """One event in the schema that the endpoint knows."""
    gone = DeletedSubscription(
        id="/es", name="audit", topic="/t", endpoint_url="https://h/p?q=1", schema=schema
    )
    notice = build_notice(gone, event_id="e", now=SHAKE.started_at)
    lines = notice.headers.decode().splitlines()

    assert notice.url == "https://h/p?q=1"
    assert f"Content-Type: {content_type}; charset=utf-8" in lines
    assert "aeg-event-type: SubscriptionDeletion" in lines
    assert "aeg-subscription-name: AUDIT" in lines
    assert notice.body.startswith(start)
    assert b'"Microsoft.EventGrid.SubscriptionDeletedEvent"' in notice.body
    assert b'"eventSubscriptionId":"/es"' in notice.body
