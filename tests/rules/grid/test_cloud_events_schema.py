"""What may be published in the CloudEvents schema, and what becomes of it?"""

import json
from typing import Any

import pytest

from switchhook.errors import RequestError
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.filters import matches
from switchhook.grid.schemas.accept import Accepted, PublishRequest, accept
from switchhook.grid.schemas.json_text import MAX_BODY_BYTES, MAX_EVENTS
from switchhook.grid.schemas.read import read
from switchhook.grid.subscriptions import Filter
from switchhook.grid.topics import TopicKind
from tests.builders import RESOURCE_ID, a_body, a_cloud_event, a_topic, an_event

TOPIC = a_topic(input_schema=EventSchema.CLOUD_EVENTS)
DOMAIN = a_topic(input_schema=EventSchema.CLOUD_EVENTS, kind=TopicKind.DOMAIN)
BATCH = "application/cloudevents-batch+json; charset=utf-8"
EVENT = "application/cloudevents+json; charset=utf-8"
CONFIGURED = "This resource is configured for 'CloudEventV10' schema"
EXPECTED = (
    "This resource is configured to receive event in 'CloudEventV10' schema. The JSON received "
    "does not conform to the expected schema. Token Expected: "
)
REQUIRED = b'"specversion":"1.0","type":"t","source":"s","id":"1"'


def _accept(body: bytes, content_type: str = BATCH) -> Accepted:
    return accept(PublishRequest(body, content_type), TOPIC)


def _read(body: bytes) -> list[Event]:
    schema = EventSchema.CLOUD_EVENTS
    return list(read(_accept(body).body, schema, TOPIC, first=7, published_at=0))


def _message(body: bytes, content_type: str = BATCH) -> str:
    """The text of a 400 for what is wrong with the JSON."""
    with pytest.raises(RequestError) as raised:
        _accept(body, content_type)
    refusal = raised.value
    codes = (refusal.status, refusal.code, refusal.details_code)
    assert codes == (400, "BadRequest", "InputJsonInvalid")
    return refusal.message


def _without(name: str) -> bytes:
    event = a_cloud_event()
    event.pop(name, None)
    return a_body(event)


# --- what is accepted --------------------------------------------------------------------------


def test_batch_is_kept_as_it_came() -> None:
    """Byte for byte, and each event of it too."""
    body = json.dumps([a_cloud_event(), a_cloud_event()], indent=1).encode()

    accepted = _accept(body)

    assert accepted.body == body
    assert accepted.count == 2
    assert [json.loads(event.json) for event in _read(body)] == json.loads(body)


@pytest.mark.parametrize("content_type", [EVENT, "application/json"])
def test_one_event_is_kept_as_an_array(content_type: str) -> None:
    """Under the type of CloudEvents and under that of any JSON."""
    body = json.dumps(a_cloud_event(id="one")).encode()

    accepted = _accept(body, content_type)

    assert accepted == Accepted(b"[" + body + b"]", 1, ["one"])


def test_event_has_what_routing_needs() -> None:
    """A version of the data is not among the attributes."""
    wire = a_cloud_event(id="one", dataschema="https://x/y#2")

    (event,) = _read(a_body(wire))

    assert event == Event(
        id="one",
        type="Shop.OrderPlaced",
        subject="orders/17",
        data_version="",
        json=json.dumps(wire).encode(),
        source="/shop/tills/3",
        schema=EventSchema.CLOUD_EVENTS,
    )


@pytest.mark.parametrize("name", ["subject", "time", "dataschema", "datacontenttype", "data"])
def test_optional_member_may_be_absent_or_null(name: str) -> None:
    """A missing subject is an empty one."""
    absent, null = _without(name), a_body(a_cloud_event(**{name: None}))

    assert all(isinstance(event.subject, str) for event in _read(absent) + _read(null))


def test_event_without_a_subject_has_an_empty_one() -> None:
    """A filter on the subject wants it only if it wants every subject."""
    (event,) = _read(_without("subject"))

    assert event.subject == ""
    assert matches(Filter(), event)
    assert not matches(Filter(subject_begins_with="o"), event)
    assert not matches(Filter(subject_ends_with="7"), event)


@pytest.mark.parametrize("value", ["", "größe", True, False, 0, -(2**31), 2**31 - 1, None])
@pytest.mark.parametrize("name", ["a", "0", "traceparent", "a" * 20])
def test_extension_attribute_is_passed_on(name: str, value: Any) -> None:
    """Of every type that JSON shows as it is."""
    (event,) = _read(a_body(a_cloud_event(**{name: value})))

    assert json.loads(event.json)[name] == value


@pytest.mark.parametrize("encoded", ["", "AA==", "aGFsbG8="])
def test_data_may_be_bytes(encoded: str) -> None:
    """In Base64, instead of `data`."""
    wire = a_cloud_event(data_base64=encoded, datacontenttype="image/png")
    del wire["data"]

    (event,) = _read(a_body(wire))

    assert json.loads(event.json)["data_base64"] == encoded


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-01-01T00:00:00.1234567+14:00",
        "2024-02-29T23:59:59.000-00:30",
    ],
)
def test_time_is_any_timestamp(time: str) -> None:
    """Of RFC 3339, and stays as it was written."""
    (event,) = _read(a_body(a_cloud_event(time=time)))

    assert json.loads(event.json)["time"] == time


def test_empty_batch_is_a_publication_of_nothing() -> None:
    """As in the other schemas."""
    assert _accept(b" [ ] ").count == 0


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "named"),
    [("specversion", "specversion"), ("type", "eventType"), ("source", "source"), ("id", "id")],
)
def test_missing_attribute_is_named(name: str, named: str) -> None:
    """Absent, null or empty; the type under the name it has in the other schema."""
    expected = f"{CONFIGURED} and requires '{named}' property to be set."

    assert _message(_without(name)) == expected
    assert _message(a_body(a_cloud_event(**{name: None}))) == expected
    assert _message(a_body(a_cloud_event(**{name: ""}))) == expected


@pytest.mark.parametrize(
    ("left", "named"),
    [
        ((), "specversion"),
        (("specversion",), "eventType"),
        (("specversion", "type"), "source"),
        (("specversion", "type", "source"), "id"),
    ],
)
def test_only_the_first_missing_attribute_is_named(left: tuple[str, ...], named: str) -> None:
    """In the order of the live service."""
    event = {name: value for name, value in a_cloud_event().items() if name in left}

    assert f"requires '{named}' property" in _message(a_body(event))


@pytest.mark.parametrize("version", ["0.1", "0.3", "1", "1.0.2", "1.1", " 1.0"])
def test_version_of_the_specification_is_one(version: str) -> None:
    """Exactly."""
    assert _message(a_body(a_cloud_event(specversion=version))) == (
        f"{CONFIGURED} and requires 'specversion' property to be '1.0'."
    )


@pytest.mark.parametrize(
    "name", ["", "A", "eventType", "a_b", "a-b", "größe", "a" * 21, "data_version", "a\n"]
)
def test_name_that_no_extension_can_have_is_refused(name: str) -> None:
    """Lower-case letters and digits, at most 20."""
    assert _message(a_body(a_cloud_event(**{name: "x"}))) == (
        f"{CONFIGURED}. Received unexpected property '{name}' in JSON which does not conform to "
        "the expected schema."
    )


@pytest.mark.parametrize(
    ("value", "expected", "actual"),
    [
        ({}, "String", "StartObject"),
        ([1], "String", "StartArray"),
        (1.5, "Integer", "Float"),
    ],
)
def test_extension_of_another_type_is_refused(value: Any, expected: str, actual: str) -> None:
    """The specification has no structures and no fractions."""
    assert _message(a_body(a_cloud_event(ext=value))) == (
        f"{EXPECTED}{expected}, Actual Token Received: {actual}. Property 'ext'."
    )


@pytest.mark.parametrize("digits", ["2147483648", "-2147483649", "9" * 5000])
def test_extension_of_too_many_digits_is_refused(digits: str) -> None:
    """An integer has 32 bits."""
    body = b"[{" + REQUIRED + b',"ext":' + digits.encode() + b"}]"

    assert _message(body) == (
        f"{CONFIGURED} and requires 'ext' property to be between -2147483648 and 2147483647."
    )


@pytest.mark.parametrize(
    "name",
    ["specversion", "type", "source", "id", "subject", "time", "dataschema", "datacontenttype"],
)
@pytest.mark.parametrize(
    ("value", "token"),
    [(1, "Integer"), (1.5, "Float"), (False, "Boolean"), ([], "StartArray"), ({}, "StartObject")],
)
def test_attribute_of_another_type_is_named(name: str, value: Any, token: str) -> None:
    """Each is text."""
    assert _message(a_body(a_cloud_event(**{name: value}))) == (
        f"{EXPECTED}String, Actual Token Received: {token}. Property '{name}'."
    )


@pytest.mark.parametrize(
    "time",
    [
        "",
        "now",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:01:00Z",
        "2026-01-01T00:00:00+0100",
        "0000-01-01T00:00:00Z",
        "٢026-01-01T00:00:00Z",
    ],
)
def test_wrong_time_is_refused(time: str) -> None:
    """A time without its offset is none."""
    assert _message(a_body(a_cloud_event(time=time))) == (
        f"{CONFIGURED} and requires 'time' property to be a timestamp of RFC 3339."
    )


@pytest.mark.parametrize("data", [None, {"a": 1}, "text"])
def test_data_comes_in_one_form_only(data: Any) -> None:
    """Clients refuse an event with both members, whatever is in them."""
    assert _message(a_body(a_cloud_event(data=data, data_base64="AA=="))) == (
        f"{CONFIGURED} and requires 'data' property to be absent where 'data_base64' is set."
    )


@pytest.mark.parametrize("encoded", ["A", "AA=", "AA ==", "A\nA==", "A-__", "größe", "====="])
def test_wrong_base64_is_refused(encoded: str) -> None:
    """With its padding, without spaces, in the usual alphabet."""
    event = a_cloud_event(data_base64=encoded)
    del event["data"]

    assert _message(a_body(event)) == (
        f"{CONFIGURED} and requires 'data_base64' property to be valid Base64."
    )


@pytest.mark.parametrize(("value", "token"), [(None, "Null"), (1, "Integer"), ({}, "StartObject")])
def test_base64_is_text(value: Any, token: str) -> None:
    """Null is no bytes at all."""
    event = a_cloud_event(data_base64=value)
    del event["data"]

    assert _message(a_body(event)) == (
        f"{EXPECTED}String, Actual Token Received: {token}. Property 'data_base64'."
    )


def test_event_of_the_other_schema_is_refused() -> None:
    """Its first property that is no attribute is named."""
    assert "Received unexpected property 'eventType'" in _message(a_body(an_event()))


@pytest.mark.parametrize(
    ("body", "token"), [(b"{}", "StartObject"), (b'"x"', "String"), (b" 1 ", "Integer")]
)
def test_batch_must_be_an_array(body: bytes, token: str) -> None:
    """One event alone has a type of its own."""
    assert _message(body) == f"{EXPECTED}StartArray, Actual Token Received: {token}."


@pytest.mark.parametrize("content_type", [EVENT, "application/json"])
def test_one_event_must_be_an_object(content_type: str) -> None:
    """An array has a type of its own."""
    assert _message(a_body(a_cloud_event()), content_type) == (
        f"{EXPECTED}StartObject, Actual Token Received: StartArray."
    )


@pytest.mark.parametrize(
    ("element", "token"), [(b"[]", "StartArray"), (b"null", "Null"), (b"1e5", "Float")]
)
def test_each_event_of_a_batch_must_be_an_object(element: bytes, token: str) -> None:
    """Whatever stands before it."""
    body = b"[{" + REQUIRED + b"}, " + element + b"]"

    assert _message(body) == f"{EXPECTED}StartObject, Actual Token Received: {token}."


@pytest.mark.parametrize("content_type", [BATCH, EVENT, "application/json"])
def test_empty_body_ends_unexpectedly(content_type: str) -> None:
    """In the words of Azure's reader."""
    assert _message(b" ", content_type) == "Unexpected end when reading JSON."


@pytest.mark.parametrize(
    "body",
    [
        b"[",
        b"[{" + REQUIRED + b"},]",
        b"[{" + REQUIRED + b',"data":NaN}]',
        b"[{" + REQUIRED + b',"data":"\xff"}]',
        b"[{" + REQUIRED + b',"data":"\\ud800"}]',
        b'[{"id":5,' + REQUIRED + b"}]",
        b'[{"\\ud800":1,' + REQUIRED + b"}]",
        b"\xef\xbb\xbf[]",
    ],
)
def test_malformed_json_is_refused(body: bytes) -> None:
    """Also inside `data`, and a member that stands twice with different types."""
    assert _message(body).startswith("The JSON received is not valid: ")


@pytest.mark.parametrize("body", [b"{" + REQUIRED + b"},{" + REQUIRED + b"}", b"{}{}", b"{}]"])
def test_no_more_than_one_event_can_pose_as_one(body: bytes) -> None:
    """What is put into brackets is JSON by itself."""
    assert _message(body, EVENT).startswith("The JSON received is not valid: ")


def test_deep_nesting_is_refused() -> None:
    """Without running out of stack."""
    body = b"[{" + REQUIRED + b',"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}]"

    assert _message(body) == "The JSON received is nested too deeply."


@pytest.mark.parametrize(
    "body",
    [
        b" " * (MAX_BODY_BYTES + 1),
        b"[" + b",".join([b"{" + REQUIRED + b"}"] * (MAX_EVENTS + 1)) + b"]",
    ],
)
def test_body_over_a_limit_is_refused(body: bytes) -> None:
    """1 MiB, and 5,000 events."""
    with pytest.raises(RequestError) as raised:
        _accept(body)

    codes = (raised.value.status, raised.value.code, raised.value.details_code)
    assert codes == (413, "RequestEntityTooLarge", "PayloadTooLarge")


# --- domains -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["Tenant-1", f"{RESOURCE_ID}/topics/Tenant-1"])
def test_source_names_the_domain_topic_and_stays(source: str) -> None:
    """By its name or by its id."""
    body = a_body(a_cloud_event(source=source))
    accepted = accept(PublishRequest(body, BATCH), DOMAIN)

    (event,) = read(accepted.body, EventSchema.CLOUD_EVENTS, DOMAIN, first=0, published_at=0)

    assert (event.domain_topic, event.source) == ("tenant-1", source)
    assert json.loads(event.json)["source"] == source


@pytest.mark.parametrize(
    "source", ["https://shop.example", "urn:shop", "/shop/tills", "a/b", RESOURCE_ID]
)
def test_source_that_can_be_no_domain_topic_is_refused(source: str) -> None:
    """An absolute URI above all."""
    with pytest.raises(RequestError) as raised:
        accept(PublishRequest(a_body(a_cloud_event(source=source)), BATCH), DOMAIN)

    assert (raised.value.status, raised.value.details_code) == (400, "InputJsonInvalid")
    assert raised.value.message == (
        "Required property 'topic' needs to either be a full resource id or should be just the "
        f"name of the domain topic. Found: {source}."
    )
