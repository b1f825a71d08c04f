"""What holds of the schemas for any input?"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchhook.errors import RequestError
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas.accept import Accepted, PublishRequest, accept
from switchhook.grid.schemas.read import read
from switchhook.grid.schemas.render import allowed, render
from switchhook.grid.topics import FieldMapping, InputMapping, Topic, TopicKind
from tests.builders import RESOURCE_ID, a_topic

MAPPINGS = (
    None,
    InputMapping(
        id=FieldMapping(source_field="id"),
        topic=FieldMapping(source_field="topic"),
        event_time=FieldMapping(source_field="data.time"),
        event_type=FieldMapping(source_field="type", default_value="Default"),
        subject=FieldMapping(source_field="data"),
        data_version=FieldMapping(default_value="1.0"),
    ),
)
TOPICS = [
    a_topic(input_schema=schema, kind=kind, input_mapping=mapping)
    for schema in EventSchema
    for kind in (TopicKind.CUSTOM, TopicKind.DOMAIN)
    for mapping in (MAPPINGS if schema is EventSchema.CUSTOM else (None,))
]
MEMBERS = {
    EventSchema.EVENT_GRID: {
        *("id", "subject", "eventType", "eventTime"),
        *("dataVersion", "metadataVersion", "topic"),
    },
    EventSchema.CLOUD_EVENTS: {"specversion", "id", "source", "type"},
    EventSchema.CUSTOM: set[str](),
}

any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_NAMES = (
    *("id", "subject", "eventType", "eventTime", "data", "dataVersion", "metadataVersion"),
    *("topic", "specversion", "type", "source", "time", "dataschema", "datacontenttype"),
    *("data_base64", "ext", "Ext"),
)
_values = (
    st.sampled_from(["1.0", "1", "", "a", "AA==", "2026-01-01T00:00:00Z", "https://a", RESOURCE_ID])
    | any_json
)
_objects = st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=3), _values)
_names_of_topics = st.sampled_from(["a", "Tenant-1", f"{RESOURCE_ID}/topics/a"])
_event_grid = st.fixed_dictionaries(
    {name: st.text() for name in ("id", "subject", "eventType", "eventTime")},
    optional={
        "data": any_json,
        "dataVersion": st.none() | st.text(),
        "metadataVersion": st.sampled_from([None, "1"]),
        "topic": _names_of_topics | st.sampled_from(["", RESOURCE_ID]),
    },
)
_cloud_event = st.fixed_dictionaries(
    {
        "specversion": st.just("1.0"),
        "id": st.text(min_size=1),
        "source": _names_of_topics | st.text(min_size=1),
        "type": st.text(min_size=1),
    },
    optional={
        "subject": st.none() | st.text(),
        "time": st.sampled_from([None, "2026-01-01T00:00:00Z"]),
        "data": any_json,
        "ext": st.none() | st.text() | st.booleans() | st.integers(-5, 5),
    },
)
_custom = st.dictionaries(st.text(max_size=3), any_json) | st.fixed_dictionaries(
    {"data": st.text() | st.integers(), "topic": _names_of_topics},
    optional={"id": st.text(), "type": st.text()},
)
_events = _event_grid | _cloud_event | _custom | _objects
_bodies = (
    st.binary()
    | any_json.map(lambda value: json.dumps(value).encode())
    | st.lists(_events, max_size=3).map(lambda events: json.dumps(events).encode())
    | _events.map(lambda event: json.dumps(event, ensure_ascii=False).encode())
)
_content_types = (
    st.none()
    | st.text()
    | st.sampled_from(
        [
            "application/json",
            "application/json; charset=utf-8",
            "application/cloudevents+json",
            "application/cloudevents-batch+json; charset=UTF-8",
            "text/plain",
        ]
    )
)
_latin_1 = st.text(st.characters(max_codepoint=255))
_headers = st.lists(
    st.tuples(
        st.sampled_from(["ce-" + name.lower() for name in _NAMES]) | _latin_1.map("ce-{}".format),
        st.sampled_from(["1.0", "a", "%41", "%FF", "", "2026-01-01T00:00:00Z"]) | _latin_1,
    ),
    max_size=6,
).map(tuple)
_binary = st.fixed_dictionaries(
    {f"ce-{name}": st.just("1.0") for name in ("specversion", "id", "source", "type")},
    optional={"ce-subject": _latin_1, "ce-ext": _latin_1, "ce-time": _latin_1},
).map(lambda headers: tuple(headers.items()))


def _outcome(request: PublishRequest, topic: Topic) -> Accepted | RequestError:
    try:
        return accept(request, topic)
    except RequestError as refusal:
        return refusal


def _read(accepted: Accepted, topic: Topic) -> list[Event]:
    return list(read(accepted.body, topic.input_schema, topic, first=5, published_at=0))


def _check_everything(accepted: Accepted, topic: Topic) -> None:
    """Everything accepted can be read, read again, and rendered in each schema there is."""
    events = _read(accepted, topic)
    assert len(events) == accepted.count == len(accepted.ids)
    assert all(given in ("", event.id) for given, event in zip(accepted.ids, events, strict=True))
    for position, event in enumerate(events, 5):
        assert bool(event.domain_topic) is (topic.kind is TopicKind.DOMAIN)
        assert event.domain_topic == event.domain_topic.lower()
        _check_reads_back(event, topic, position)
        _check_renders(event)


def _check_reads_back(event: Event, topic: Topic, position: int) -> None:
    body = b"[" + render(event, event.schema) + b"]"

    assert list(read(body, event.schema, topic, first=position, published_at=0)) == [event]
    if event.schema is not EventSchema.CLOUD_EVENTS:
        assert accept(PublishRequest(body), topic).count == 1


def _check_renders(event: Event) -> None:
    for schema in EventSchema:
        if not allowed(event.schema, schema):
            continue
        text = render(event, schema)
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        assert MEMBERS[schema] <= set(members)
        json.loads(text)


@pytest.mark.parametrize("topic", TOPICS)
@settings(deadline=None)
@given(body=_bodies, content_type=_content_types, headers=_headers | _binary)
def test_any_request_is_accepted_or_refused(
    topic: Topic, body: bytes, content_type: str | None, headers: tuple[tuple[str, str], ...]
) -> None:
    """Nothing but `RequestError` comes out, in words that JSON can carry."""
    outcome = _outcome(PublishRequest(body, content_type, headers), topic)

    if isinstance(outcome, RequestError):
        assert 400 <= outcome.status < 500
        msgspec.json.encode(outcome.message)
    else:
        _check_everything(outcome, topic)


_SCHEMAS: dict[EventSchema, Any] = {
    EventSchema.EVENT_GRID: _event_grid,
    EventSchema.CLOUD_EVENTS: _cloud_event,
    EventSchema.CUSTOM: _custom,
}


@pytest.mark.parametrize("topic", TOPICS)
@settings(deadline=None)
@given(data=st.data(), ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_everything_accepted_can_be_read_and_rendered(
    topic: Topic, data: st.DataObject, ascii_only: bool, indent: int | None
) -> None:
    """Whatever its schema and wherever it was published; what is rendered reads back as it was."""
    events = data.draw(st.lists(_SCHEMAS[topic.input_schema], max_size=3))
    if topic.kind is TopicKind.DOMAIN:
        name = "source" if topic.input_schema is EventSchema.CLOUD_EVENTS else "topic"
        events = [event | {name: data.draw(_names_of_topics)} for event in events]
    body = json.dumps(events, ensure_ascii=ascii_only, indent=indent).encode()

    outcome = _outcome(PublishRequest(body, "application/cloudevents-batch+json"), topic)

    if isinstance(outcome, RequestError):
        assert outcome.status in (400, 401)
    else:
        assert outcome.body == body
        _check_everything(outcome, topic)


@settings(deadline=None)
@given(headers=_binary, body=any_json.map(lambda value: json.dumps(value).encode()))
def test_binary_event_is_read_as_its_headers_and_its_body(
    headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    """The data is the body."""
    topic = a_topic(input_schema=EventSchema.CLOUD_EVENTS)

    outcome = _outcome(PublishRequest(body, "application/json", headers), topic)

    if isinstance(outcome, RequestError):
        assert outcome.details_code == "InvalidCloudEventHeader"
    else:
        (event,) = _read(outcome, topic)
        assert json.loads(event.json)["data"] == json.loads(body)
        assert (event.id, event.source, event.type) == ("1.0",) * 3
