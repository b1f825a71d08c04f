"""What may be published in a schema of one's own, and how is it read?"""

import json
from typing import Any
from uuid import UUID

import pytest

from switchhook.errors import RequestError
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas.accept import Accepted, PublishRequest, accept
from switchhook.grid.schemas.json_text import MAX_BODY_BYTES, MAX_EVENTS
from switchhook.grid.schemas.read import read
from switchhook.grid.topics import FieldMapping, InputMapping, Topic, TopicKind
from tests.builders import RESOURCE_ID, a_topic

CONFIGURED = "This resource is configured for 'CustomEvent' schema"
PUBLISHED_AT = 1_767_225_600_123_456_700  # 2026-01-01T00:00:00.1234567Z

# The mapping and the event of the article's worked example.
MAPPING = InputMapping(
    event_type=FieldMapping(source_field="myEventTypeField"),
    subject=FieldMapping(default_value="DefaultSubject"),
    data_version=FieldMapping(default_value="1.0"),
)
SAMPLE = {
    "myEventTypeField": "Created",
    "resource": "Users/example/Messages/1000",
    "resourceData": {"someDataField1": "SomeDataFieldValue"},
}


def _topic(mapping: InputMapping | None = MAPPING, **members: Any) -> Topic:
    return a_topic(input_schema=EventSchema.CUSTOM, input_mapping=mapping, **members)


def _accept(body: bytes, topic: Topic) -> Accepted:
    return accept(PublishRequest(body), topic)


def _read(wire: Any, topic: Topic, first: int = 7) -> Event:
    accepted = _accept(json.dumps([wire]).encode(), topic)
    events = read(accepted.body, EventSchema.CUSTOM, topic, first=first, published_at=PUBLISHED_AT)
    (event,) = events
    return event


def _refusal(body: bytes, topic: Topic) -> RequestError:
    with pytest.raises(RequestError) as raised:
        _accept(body, topic)
    return raised.value


# --- mapping -----------------------------------------------------------------------------------


def test_sample_of_the_article_is_read_as_it_says() -> None:
    """A generated id and the time of publication fill what is not mapped."""
    event = _read(SAMPLE, _topic())

    assert UUID(event.id).version == 5
    assert event == Event(
        id=event.id,
        type="Created",
        subject="DefaultSubject",
        data_version="1.0",
        json=json.dumps(SAMPLE).encode(),
        source=RESOURCE_ID,
        schema=EventSchema.CUSTOM,
        time="2026-01-01T00:00:00.1234567Z",
    )


def test_every_attribute_can_be_mapped() -> None:
    """The event then brings all that an event of the Event Grid schema has."""
    names = ("id", "topic", "event_time", "event_type", "subject", "data_version")
    fields = {name: FieldMapping(source_field=f"my_{name}") for name in names}
    wire = {f"my_{name}": name.upper() for name in names} | {"my_topic": RESOURCE_ID}

    event = _read(wire, _topic(InputMapping(**fields)))

    assert (event.id, event.time, event.type) == ("ID", "EVENT_TIME", "EVENT_TYPE")
    assert (event.subject, event.data_version, event.source) == (
        "SUBJECT",
        "DATA_VERSION",
        RESOURCE_ID,
    )


def test_generated_id_is_the_same_each_time_and_no_others() -> None:
    """It depends on the topic's incarnation and on the position alone."""
    same = [_read(SAMPLE, _topic()).id for _ in range(2)]
    others = [_read(SAMPLE, _topic(), 8).id, _read(SAMPLE, _topic(incarnation="t2")).id]

    assert len(set(same)) == 1
    assert len({*same, *others}) == 3


def test_events_of_a_batch_have_ids_of_their_own() -> None:
    """Each by its own position, as if it were read alone."""
    body = json.dumps([SAMPLE, SAMPLE]).encode()

    events = list(read(body, EventSchema.CUSTOM, _topic(), first=7, published_at=0))

    assert [event.id for event in events] == [_read(SAMPLE, _topic(), n).id for n in (7, 8)]


def test_accepted_ids_are_those_that_are_known() -> None:
    """A generated one is not, before the event has its position."""
    topic = _topic(InputMapping(id=FieldMapping(source_field="key")))
    body = json.dumps([{"key": "a"}, {}, {"key": ""}, {"key": None}]).encode()

    assert list(_accept(body, topic).ids) == ["a", "", "", ""]


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({"kind": "own"}, "own"),
        ({"kind": ""}, ""),
        ({"kind": None}, "default"),
        ({}, "default"),
        ({"KIND": "x"}, "default"),
        ({"kind": 17}, "17"),
        ({"kind": 1.50}, "1.5"),
        ({"kind": True}, "true"),
        ({"kind": "gr\u00f6\u00dfe"}, "größe"),
    ],
)
def test_default_is_for_what_is_absent_or_null(wire: dict[str, Any], expected: str) -> None:
    """Numbers and truth values are taken as they are written."""
    field = FieldMapping(source_field="kind", default_value="default")

    event = _read(wire, _topic(InputMapping(event_type=field, subject=field, data_version=field)))

    assert (event.type, event.subject, event.data_version) == (expected,) * 3


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({"a.b": "whole", "a": {"b": "inner"}}, "whole"),
        ({"a": {"b": "inner"}}, "inner"),
        ({"a": {"b": {"c": 1}, "x": 1}, "a.b": "whole"}, "whole"),
        ({"a": {"c": "x"}}, "default"),
        ({"a": [{"b": "x"}]}, "default"),
        ({"a": "b"}, "default"),
    ],
)
def test_source_field_may_be_a_path(wire: dict[str, Any], expected: str) -> None:
    """Where no property has the whole name."""
    field = FieldMapping(source_field="a.b", default_value="default")

    assert _read(wire, _topic(InputMapping(event_type=field))).type == expected


@pytest.mark.parametrize("name", ["event_type", "subject"])
@pytest.mark.parametrize("wire", [{}, {"kind": None}])
def test_missing_source_without_a_default_is_named(name: str, wire: dict[str, Any]) -> None:
    """Nobody could filter by what is not there."""
    topic = _topic(InputMapping(**{name: FieldMapping(source_field="kind")}))

    refusal = _refusal(json.dumps([wire]).encode(), topic)

    codes = (refusal.status, refusal.code, refusal.details_code)
    assert codes == (400, "BadRequest", "InputJsonInvalid")
    assert refusal.message == f"{CONFIGURED} and requires 'kind' property to be set."


@pytest.mark.parametrize("mapping", [None, InputMapping()])
def test_what_nothing_is_mapped_to_is_empty(mapping: InputMapping | None) -> None:
    """Such a topic serves subscriptions to the original events."""
    event = _read({"a": 1}, _topic(mapping))

    assert (event.type, event.subject, event.data_version) == ("", "", "")


def test_missing_version_is_an_empty_one() -> None:
    """As in the Event Grid schema."""
    topic = _topic(InputMapping(data_version=FieldMapping(source_field="version")))

    assert _read({}, topic).data_version == ""


@pytest.mark.parametrize(
    "name", ["id", "topic", "event_time", "event_type", "subject", "data_version"]
)
@pytest.mark.parametrize(("value", "token"), [({}, "StartObject"), ([1], "StartArray")])
def test_attribute_is_no_structure(name: str, value: Any, token: str) -> None:
    """The property is named."""
    topic = _topic(InputMapping(**{name: FieldMapping(source_field="field")}))

    assert _refusal(json.dumps([{"field": value}]).encode(), topic).message == (
        "This resource is configured to receive event in 'CustomEvent' schema. The JSON received "
        f"does not conform to the expected schema. Token Expected: String, Actual Token Received: "
        f"{token}. Property 'field'."
    )


def test_foreign_topic_is_unauthorized() -> None:
    """A mapped topic must be the resource's own, as in the Event Grid schema."""
    topic = _topic(InputMapping(topic=FieldMapping(source_field="to")))

    assert _read({}, topic).source == RESOURCE_ID
    assert _refusal(b'[{"to":"orders"}]', topic).status == 401


# --- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Unexpected end when reading JSON."),
        (b"[", "The JSON received is not valid: "),
        (b'[{"a":"\xff"}]', "The JSON received is not valid: "),
        (b"[" * 100_000 + b"]" * 100_000, "The JSON received is nested too deeply."),
        (b"{}", "This resource is configured to receive event in 'CustomEvent' schema."),
        (b"[[]]", "This resource is configured to receive event in 'CustomEvent' schema."),
        (b"[{},1]", "This resource is configured to receive event in 'CustomEvent' schema."),
    ],
)
def test_body_is_an_array_of_objects(body: bytes, message: str) -> None:
    """Nothing else is asked of it."""
    refusal = _refusal(body, _topic(None))

    assert (refusal.status, refusal.details_code) == (400, "InputJsonInvalid")
    assert refusal.message.startswith(message)


@pytest.mark.parametrize(
    "body", [b" " * (MAX_BODY_BYTES + 1), b"[" + b",".join([b"{}"] * (MAX_EVENTS + 1)) + b"]"]
)
def test_body_over_a_limit_is_refused(body: bytes) -> None:
    """1 MiB, and 5,000 events."""
    assert _refusal(body, _topic(None)).status == 413


def test_body_is_kept_as_it_came() -> None:
    """Byte for byte."""
    body = b' [ {"a" : 1.50, "a" : 2} , {} ] '

    assert _accept(body, _topic(None)) == Accepted(body, 2, ["", ""])


# --- domains -----------------------------------------------------------------------------------

_IN_DOMAIN = InputMapping(topic=FieldMapping(source_field="tenant"))


@pytest.mark.parametrize("named", ["Tenant-1", f"{RESOURCE_ID}/topics/Tenant-1"])
def test_mapped_topic_names_the_domain_topic(named: str) -> None:
    """The original event stays as it was; the source is the full id."""
    wire = {"tenant": named}

    event = _read(wire, _topic(_IN_DOMAIN, kind=TopicKind.DOMAIN))

    assert event.domain_topic == "tenant-1"
    assert event.source == f"{RESOURCE_ID}/topics/Tenant-1"
    assert json.loads(event.json) == wire


@pytest.mark.parametrize(
    ("mapping", "wire", "message"),
    [
        (_IN_DOMAIN, {}, f"{CONFIGURED} and requires 'topic' property to be set."),
        (_IN_DOMAIN, {"tenant": ""}, f"{CONFIGURED} and requires 'topic' property to be set."),
        (None, {"topic": "a"}, f"{CONFIGURED} and requires 'topic' property to be set."),
        (_IN_DOMAIN, {"tenant": "https://a"}, "Required property 'topic' needs to either be "),
    ],
)
def test_event_of_a_domain_must_name_its_topic(
    mapping: InputMapping | None, wire: dict[str, str], message: str
) -> None:
    """Through the mapping."""
    refusal = _refusal(json.dumps([wire]).encode(), _topic(mapping, kind=TopicKind.DOMAIN))

    assert (refusal.status, refusal.details_code) == (400, "InputJsonInvalid")
    assert refusal.message.startswith(message)
