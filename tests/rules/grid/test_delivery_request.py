"""What a webhook gets: body, headers of the service, headers of the subscriber's choice."""

import json
from typing import Any

import msgspec
import pytest

from switchhook.grid.delivery_attributes import value_at
from switchhook.grid.delivery_request import RESPONSE_TIMEOUT_SECONDS, RequestForm
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.ports import WebhookRequest
from switchhook.grid.subscriptions import DeliveryAttribute, WebHookDestination
from tests.builders import a_subscription

URL = "https://shop.example/hook?code=secret"
MEMBERS: dict[str, Any] = {
    "id": "1",
    "topic": "/source",
    "subject": "orders/17",
    "eventType": "Shop.OrderPlaced",
    "eventTime": "2026-01-01T00:00:00Z",
    "data": {"total": 12.50, "note": "a\r\nX-Evil: 1", "paid": True, "lines": [1], "none": None},
    "dataVersion": "2.0",
    "metadataVersion": "1",
}


def an_event(id_: str = "1", **members: Any) -> Event:
    """An event of the Event Grid schema as the log reads it."""
    body = json.dumps({**MEMBERS, "id": id_, **members}).encode()
    return Event(id_, MEMBERS["eventType"], MEMBERS["subject"], "2.0", body, "/source")


def deliver(
    *events: Event,
    schema: EventSchema = EventSchema.EVENT_GRID,
    batch: int = 1,
    attributes: tuple[DeliveryAttribute, ...] = (),
    **arguments: Any,
) -> WebhookRequest:
    destination = WebHookDestination(
        endpoint_url=URL, max_events_per_batch=batch, attributes=attributes
    )
    subscription = a_subscription(
        name="My-Hook", destination=destination, event_delivery_schema=schema
    )
    form = RequestForm(subscription, time_to_live=0)
    sent, arguments = events or (an_event(),), {"delivery_count": 0, **arguments}
    content = form.build(sent, **arguments)
    if len(sent) == 1 and arguments == {"delivery_count": 0} and not form.has_own_headers:
        for _ in range(2):  # the second time from what was kept
            assert form.build_first(sent[0]) == content
    return WebhookRequest(
        url=form.url, headers=content[0], body=content[1], timeout=RESPONSE_TIMEOUT_SECONDS
    )


def headers(request: WebhookRequest) -> dict[str, str]:
    """The headers, by their names in lower case; each stands once."""
    assert request.headers.endswith(b"\r\n")
    lines = request.headers.decode("ascii").split("\r\n")[:-1]
    pairs = [line.split(": ", 1) for line in lines]
    names = [name.lower() for name, _ in pairs]
    assert len(names) == len(set(names))
    return dict(zip(names, (value for _, value in pairs), strict=True))


def test_headers_of_the_event_grid_schema() -> None:
    request = deliver(delivery_count=3)

    assert request.url == URL
    assert request.method == "POST"
    assert request.timeout == 30.0
    assert headers(request) == {
        "content-type": "application/json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-metadata-version": "1",
        "aeg-subscription-name": "MY-HOOK",
        "aeg-delivery-count": "3",
        "aeg-data-version": "2.0",
    }


def test_headers_of_cloud_events() -> None:
    """They name the origin that the endpoint allowed, and no data version."""
    found = headers(deliver(schema=EventSchema.CLOUD_EVENTS))

    assert found["origin"] == "eventgrid.azure.net"
    assert found["aeg-data-version"] == ""
    assert found["aeg-metadata-version"] == "1"


@pytest.mark.parametrize(
    ("schema", "batch", "content_type", "is_array"),
    [
        (EventSchema.EVENT_GRID, 1, "application/json; charset=utf-8", True),
        (EventSchema.EVENT_GRID, 10, "application/json; charset=utf-8", True),
        (EventSchema.CLOUD_EVENTS, 1, "application/cloudevents+json; charset=utf-8", False),
        (EventSchema.CLOUD_EVENTS, 10, "application/cloudevents-batch+json; charset=utf-8", True),
    ],
)
def test_form_of_the_body(
    schema: EventSchema, batch: int, content_type: str, is_array: bool
) -> None:
    """One CloudEvent stands alone; all else, and every batch, is an array."""
    request = deliver(schema=schema, batch=batch)

    assert headers(request)["content-type"] == content_type
    assert isinstance(json.loads(request.body), list) == is_array


def test_custom_events_are_delivered_as_they_were_published() -> None:
    """In an array; `aeg-data-version` is that of their mapping."""
    event = Event("1", "T", "s", "3", b'{"k": 1}', "/source", EventSchema.CUSTOM)
    request = deliver(event, schema=EventSchema.CUSTOM)

    assert request.body == b'[{"k": 1}]'
    assert headers(request)["aeg-data-version"] == "3"


def test_headers_are_taken_from_the_event_as_it_is_delivered() -> None:
    """A CloudEvent has a `type`; the event that was published had an `eventType`."""
    attributes = (
        DeliveryAttribute(name="X-Type", source_field="type"),
        DeliveryAttribute(name="X-Old", source_field="eventType"),
    )
    found = headers(deliver(schema=EventSchema.CLOUD_EVENTS, attributes=attributes))

    assert found["x-type"] == "Shop.OrderPlaced"
    assert "x-old" not in found


def test_a_batch_has_every_event_in_order() -> None:
    request = deliver(an_event("1"), an_event("2"), an_event("3"), batch=10)

    assert [event["id"] for event in json.loads(request.body)] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("subject", "orders/17"),
        ("Subject", "orders/17"),
        ("$.subject", "orders/17"),
        ("data.total", "12.5"),
        ("data.paid", "true"),
        ("data.Paid", None),
        ("data", None),
        ("data.lines", None),
        ("data.none", None),
        ("data.lines.0", None),
        ("data.absent.deeper", None),
        ("subject.deeper", None),
        ("", None),
    ],
)
def test_value_at_a_path(path: str, value: str | None) -> None:
    """Only strings, numbers and truth values have a text."""
    assert value_at(an_event().json, path) == value


def test_numbers_keep_their_digits() -> None:
    event = b'{"data":{"big":12345678901234567890.10}}'

    assert value_at(event, "data.big") == "12345678901234567890.10"


@pytest.mark.parametrize("data", [rb'"\ud800"', rb'"\q"', rb'{"a":"\ud800"}'])
def test_a_value_that_is_no_text_has_none(data: bytes) -> None:
    assert value_at(b'{"data":' + data + b"}", "data") is None
    assert value_at(b'{"data":' + data + b"}", "data.a") is None


def test_static_and_dynamic_headers() -> None:
    attributes = (
        DeliveryAttribute(name="X-Static", value="v", is_secret=True),
        DeliveryAttribute(name="X-Subject", source_field="subject"),
        DeliveryAttribute(name="X-Absent", source_field="data.absent"),
        DeliveryAttribute(name="Authorization", value="Basic YTpi"),
    )
    found = headers(deliver(attributes=attributes))

    assert found["x-static"] == "v"
    assert found["x-subject"] == "orders/17"
    assert "x-absent" not in found
    assert found["authorization"] == "Basic YTpi"


def test_an_event_cannot_add_a_header() -> None:
    """Line ends of a published text do not reach the wire."""
    attribute = DeliveryAttribute(name="X-Note", source_field="data.note")
    found = headers(deliver(attributes=(attribute,)))

    assert found["x-note"] == "a??X-Evil: 1"
    assert "x-evil" not in found


@pytest.mark.parametrize(("length", "is_sent"), [(4096, True), (4097, False)])
def test_a_long_value_is_not_sent(length: int, is_sent: bool) -> None:
    attribute = DeliveryAttribute(name="X-Long", source_field="data.long")
    event = an_event(data={"long": "x" * length})

    assert ("x-long" in headers(deliver(event, attributes=(attribute,)))) == is_sent


def test_a_batch_has_the_values_of_its_first_event() -> None:
    attribute = DeliveryAttribute(name="X-Id", source_field="id")
    older = msgspec.structs.replace(an_event("1"), data_version="1.0")
    found = headers(deliver(older, an_event("2"), batch=2, attributes=(attribute,)))

    assert (found["x-id"], found["aeg-data-version"]) == ("1", "1.0")


def test_token_replay_and_trace() -> None:
    """A token replaces a static credential."""
    attribute = DeliveryAttribute(name="authorization", value="static")
    request = deliver(attributes=(attribute,), token="t0k", replay="r1", traceparent="00-1-2-01")
    found = headers(request)

    assert found["authorization"] == "Bearer t0k"
    assert found["switchhook-replay"] == "r1"
    assert found["traceparent"] == "00-1-2-01"


def test_a_header_of_the_subscriber_may_be_the_trace() -> None:
    attribute = DeliveryAttribute(name="traceparent", source_field="data.trace")
    event = an_event(data={"trace": "00-own"})

    found = headers(deliver(event, attributes=(attribute,), traceparent="00-ours"))

    assert found["traceparent"] == "00-own"
