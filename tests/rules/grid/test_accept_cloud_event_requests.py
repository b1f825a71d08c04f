"""How may a request carry CloudEvents?"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from switchhook.errors import RequestError
from switchhook.grid.events import EventSchema
from switchhook.grid.schemas.accept import PublishRequest, accept
from switchhook.grid.schemas.json_text import MAX_BODY_BYTES
from tests.builders import a_body, a_cloud_event, a_topic

TOPIC = a_topic(input_schema=EventSchema.CLOUD_EVENTS)
JSON = "application/json"
ATTRIBUTES = "https://github.com/cloudevents/spec/blob/v1.0/spec.md#required-attributes"
HEADERS = {
    "ce-specversion": "1.0",
    "ce-type": "Shop.OrderPlaced",
    "ce-source": "/shop/tills/3",
    "ce-id": "one",
}


def _request(
    body: bytes = b"{}",
    content_type: str | None = JSON,
    attributes: Mapping[str, str | None] | None = None,
) -> PublishRequest:
    """A request in the binary mode; an attribute of None is left out."""
    given = {f"ce-{name}": value for name, value in (attributes or {}).items()}
    headers = {name: value for name, value in (HEADERS | given).items() if value is not None}
    return PublishRequest(body, content_type, tuple(headers.items()))


def _event(request: PublishRequest) -> dict[str, Any]:
    accepted = accept(request, TOPIC)
    (event,) = json.loads(accepted.body)
    assert (accepted.count, accepted.ids) == (1, [event["id"]])
    assert isinstance(event, dict)
    return event


def _refusal(request: PublishRequest) -> RequestError:
    with pytest.raises(RequestError) as raised:
        accept(request, TOPIC)
    return raised.value


# --- content types -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "is_batch"),
    [
        ("application/cloudevents+json", False),
        ("application/cloudevents+json; charset=utf-8", False),
        ('Application/CloudEvents+JSON;charset="UTF-8"', False),
        ("application/json", False),
        ("application/json ; charset=utf-8; x", False),
        ("application/cloudevents-batch+json", True),
        ("application/cloudevents-batch+json; charset=UTF-8", True),
    ],
)
def test_content_type_says_how_many_events_there_are(content_type: str, is_batch: bool) -> None:
    """In any case, and with parameters."""
    event = a_cloud_event()
    body = json.dumps([event] if is_batch else event).encode()

    assert accept(PublishRequest(body, content_type), TOPIC).count == 1


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/cloudevents",
        "application/cloudevents+xml",
        "application/vnd.shop+json",
        "application/json, application/json",
        "application/cloudevents+json; charset=utf-16",
    ],
)
def test_other_content_types_are_not_supported(content_type: str | None) -> None:
    """With the words of the live service."""
    refusal = _refusal(PublishRequest(a_body(a_cloud_event()), content_type))

    codes = (refusal.status, refusal.code, refusal.details_code)
    assert codes == (415, "UnsupportedMediaType", "InvalidContentType")
    assert refusal.message == (
        "The Content-Type header is either missing or it doesn't have a valid value. The content "
        "type header must either be application/cloudevents+json; charset=utf-8 or "
        "application/cloudevents-batch+json; charset=UTF-8."
    )


# --- the binary mode ---------------------------------------------------------------------------


def test_event_in_the_binary_mode_becomes_a_structured_one() -> None:
    """Its type of data is that of the request; the data stays as it was written."""
    request = _request(
        b' {"a": 1.50} ',
        "application/json; charset=utf-8",
        {
            "time": "2026-01-01T00:00:00Z",
            "subject": "orders/17",
            "dataschema": "#2",
            "traceparent": "00-1",
        },
    )

    assert b'{"a": 1.50}' in accept(request, TOPIC).body
    assert _event(request) == {
        "specversion": "1.0",
        "type": "Shop.OrderPlaced",
        "source": "/shop/tills/3",
        "id": "one",
        "time": "2026-01-01T00:00:00Z",
        "subject": "orders/17",
        "dataschema": "#2",
        "traceparent": "00-1",
        "datacontenttype": "application/json; charset=utf-8",
        "data": {"a": 1.5},
    }


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("a+b", "a+b"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("%FF", "�"),
        ("%22%0d%0a", '"\r\n'),
        ("gr\xf6\xdfe", "größe"),
    ],
)
def test_values_of_headers_are_percent_decoded(value: str, decoded: str) -> None:
    """What is no code stays as it is."""
    event = _event(_request(attributes={"subject": value, "ext": value, "id": value}))

    assert (event["subject"], event["ext"], event["id"]) == (decoded,) * 3


@pytest.mark.parametrize("body", [b"", b"\r\n"])
def test_request_without_a_body_is_an_event_without_data(body: bytes) -> None:
    """There is no member then."""
    assert "data" not in _event(_request(body))


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_missing_header_is_named(name: str) -> None:
    """Any other of the four tells the mode; absent or empty."""
    missing = _refusal(_request(attributes={name: None}))
    empty = _refusal(_request(attributes={name: ""}))

    codes = (missing.status, missing.code, missing.details_code)
    assert codes == (400, "BadRequest", "InvalidCloudEventHeader")
    assert missing.message == (
        f"ce-{name} header is missing for the cloud event. Please check required attributes at "
        f"{ATTRIBUTES}"
    )
    assert empty.message.startswith(f"ce-{name} header is empty for the cloud event. ")


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_any_of_four_headers_marks_the_binary_mode(name: str) -> None:
    """The first that is missing is named."""
    request = PublishRequest(b"{}", JSON, ((f"ce-{name}", "1.0"),))

    assert _refusal(request).details_code == "InvalidCloudEventHeader"


def test_other_headers_do_not_mark_the_binary_mode() -> None:
    """Such a request is read by its content type, and they are not looked at."""
    body = json.dumps(a_cloud_event(subject="own")).encode()
    request = PublishRequest(body, JSON, (("ce-subject", "other"), ("ce-A_b", "")))

    assert _event(request)["subject"] == "own"


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"specversion": "0.3"}, "ce-specversion header is not '1.0'"),
        ({"datacontenttype": JSON}, "ce-datacontenttype header stands in the place of Content-Typ"),
        ({"time": "now"}, "ce-time header is not a timestamp of RFC 3339"),
        ({"time": ""}, "ce-time header is not a timestamp of RFC 3339"),
        ({"data": "x"}, "ce-data header is not the name of an attribute"),
        ({"data_base64": "AA=="}, "ce-data_base64 header is not the name of an attribute"),
        ({"a-b": "x"}, "ce-a-b header is not the name of an attribute"),
        ({"": "x"}, "ce- header is not the name of an attribute"),
        ({"a" * 21: "x"}, f"ce-{'a' * 21} header is not the name of an attribute"),
    ],
)
def test_wrong_header_is_refused(attributes: Mapping[str, str], problem: str) -> None:
    """Naming it and its rule."""
    refusal = _refusal(_request(attributes=attributes))

    assert refusal.details_code == "InvalidCloudEventHeader"
    assert refusal.message.startswith(problem)


@pytest.mark.parametrize(
    "content_type", ["application/cloudevents+json", "application/cloudevents-batch+json; x=y"]
)
def test_two_modes_at_once_are_refused(content_type: str) -> None:
    """Headers of the binary mode under a type of the structured one."""
    refusal = _refusal(_request(json.dumps(a_cloud_event()).encode(), content_type))

    assert (refusal.status, refusal.details_code) == (400, "InputJsonInvalid")
    assert refusal.message.startswith("The request has 'ce-' headers")


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/octet-stream", "a/x+json"]
)
def test_data_in_the_binary_mode_is_json(content_type: str | None) -> None:
    """As the live service is reported to have it."""
    assert _refusal(_request(b"x", content_type)).status == 415


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "The JSON received is not valid: "),
        (b'{},"id":"two"', "The JSON received is not valid: "),
        (b"1 2", "The JSON received is not valid: "),
        (b'"\xff"', "The JSON received is not valid: "),
        (b"[" * 100_000, "The JSON received is nested too deeply."),
    ],
)
def test_wrong_data_is_refused(body: bytes, message: str) -> None:
    """It cannot reach beyond its member."""
    assert _refusal(_request(body)).message.startswith(message)


def test_first_of_equal_headers_counts() -> None:
    """HTTP lets a header stand twice."""
    twice = PublishRequest(b"1", JSON, (*HEADERS.items(), ("ce-id", "two")))

    assert _event(twice)["id"] == "one"


def test_event_over_the_limit_is_refused() -> None:
    """Its attributes count."""
    refusal = _refusal(_request(b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"'))

    assert refusal.status == 413


# --- the other schemas -------------------------------------------------------------------------


@pytest.mark.parametrize("schema", [EventSchema.EVENT_GRID, EventSchema.CUSTOM])
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/cloudevents+json"])
def test_other_schemas_look_at_the_body_only(schema: EventSchema, content_type: str | None) -> None:
    """Neither content type nor headers matter."""
    request = PublishRequest(a_body(), content_type, tuple(HEADERS.items()))

    accepted = accept(request, a_topic(input_schema=schema))

    assert (accepted.body, accepted.count) == (request.body, 1)
