"""What does a delivery carry, in the schema that its subscription asks for?"""

import json
from typing import Any

import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.formats.json import JSONFormat

from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas.accept import PublishRequest, accept
from switchhook.grid.schemas.read import read
from switchhook.grid.schemas.render import allowed, default_delivery_schema, render
from switchhook.grid.topics import FieldMapping, InputMapping, Topic, TopicKind
from tests.builders import RESOURCE_ID, a_body, a_cloud_event, a_topic, an_event

EVENT_GRID, CLOUD_EVENTS, CUSTOM = EventSchema
PUBLISHED_AT = 1_767_225_600_000_000_000

TOPIC = a_topic()
CUSTOM_TOPIC = a_topic(
    input_schema=CUSTOM,
    input_mapping=InputMapping(
        event_type=FieldMapping(source_field="myEventTypeField"),
        subject=FieldMapping(default_value="DefaultSubject"),
        data_version=FieldMapping(default_value="1.0"),
    ),
)


def _read(body: bytes, topic: Topic) -> Event:
    request = PublishRequest(body, "application/cloudevents-batch+json")
    kept = accept(request, topic).body
    (event,) = read(kept, topic.input_schema, topic, first=1, published_at=PUBLISHED_AT)
    return event


def _members(event: Event, schema: EventSchema) -> list[tuple[str, Any]]:
    """What is rendered, in its order."""
    members: list[tuple[str, Any]] = json.loads(render(event, schema), object_pairs_hook=list)
    return members


def _custom_event() -> Event:
    return _read(b'[{"myEventTypeField":"Created","resource":{"n": 1.50}}]', CUSTOM_TOPIC)


def _parse(text: bytes) -> BaseCloudEvent:
    """As the package of the CloudEvents project reads it, which checks every attribute."""
    return JSONFormat().read(None, text)


# --- which schemas there are -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "delivered"),
    [
        (EVENT_GRID, {EVENT_GRID, CLOUD_EVENTS}),
        (CLOUD_EVENTS, {CLOUD_EVENTS}),
        (CUSTOM, {EVENT_GRID, CLOUD_EVENTS, CUSTOM}),
    ],
)
def test_schemas_of_delivery_are_those_of_the_table(
    published: EventSchema, delivered: set[EventSchema]
) -> None:
    """CloudEvents would lose their extensions, and only a custom event has a form of its own."""
    assert {schema for schema in EventSchema if allowed(published, schema)} == delivered


@pytest.mark.parametrize("published", list(EventSchema))
def test_default_is_what_was_published(published: EventSchema) -> None:
    """As the help of azure-cli says."""
    assert default_delivery_schema(published) is published


def test_what_the_table_lacks_is_not_rendered() -> None:
    """No subscription can ask for it."""
    event = _read(a_body(a_cloud_event()), a_topic(input_schema=CLOUD_EVENTS))

    with pytest.raises(ValueError, match="cannot be delivered in EventGridSchema"):
        render(event, EVENT_GRID)


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (TOPIC, a_body(an_event())),
        (a_topic(input_schema=CLOUD_EVENTS), a_body(a_cloud_event(ext="x", data=None))),
        (CUSTOM_TOPIC, b'[ {"myEventTypeField" : "x"} ]'),
    ],
)
def test_own_schema_is_the_event_as_it_came(topic: Topic, body: bytes) -> None:
    """With what the service stamped when it was read."""
    event = _read(body, topic)

    assert render(event, topic.input_schema) == event.json


# --- Event Grid events as CloudEvents ----------------------------------------------------------


def test_event_grid_event_becomes_a_cloud_event() -> None:
    """Field by field, in the order of the article's sample; the data stays as it was written."""
    body = a_body(an_event(id="one", dataVersion="")).replace(b'{"total": 12.5}', b'{"n" : 1.50}')
    event = _read(body, TOPIC)

    assert b'"data":{"n" : 1.50}' in render(event, CLOUD_EVENTS)
    assert _members(event, CLOUD_EVENTS) == [
        ("specversion", "1.0"),
        ("type", "Shop.OrderPlaced"),
        ("source", RESOURCE_ID),
        ("id", "one"),
        ("time", "2026-01-01T00:00:00Z"),
        ("subject", "orders/17"),
        ("dataschema", "#"),
        ("data", [("n", 1.5)]),
    ]


@pytest.mark.parametrize(
    ("version", "schema"),
    [(None, "#"), ("", "#"), ("1.0", "#1.0"), ("2 beta", "#2%20beta"), ("ü#", "#%C3%BC%23")],
)
def test_version_of_the_data_names_its_schema(version: str | None, schema: str) -> None:
    """Written as a URI can carry it."""
    event = _read(a_body(an_event(dataVersion=version)), TOPIC)

    assert dict(_members(event, CLOUD_EVENTS))["dataschema"] == schema


@pytest.mark.parametrize("name", ["subject", "data"])
def test_empty_subject_and_absent_data_are_left_out(name: str) -> None:
    """The specification has no empty subject."""
    wire = an_event(subject="")
    del wire["data"]

    assert name not in dict(_members(_read(a_body(wire), TOPIC), CLOUD_EVENTS))


def test_null_data_is_data() -> None:
    """As it was published."""
    event = _read(a_body(an_event(data=None)), TOPIC)

    assert dict(_members(event, CLOUD_EVENTS))["data"] is None


def test_source_of_an_event_of_a_domain_is_its_topic() -> None:
    """By the full id."""
    domain = a_topic(kind=TopicKind.DOMAIN)
    event = _read(a_body(an_event(topic="Tenant-1")), domain)

    source = dict(_members(event, CLOUD_EVENTS))["source"]

    assert source == f"{RESOURCE_ID}/topics/Tenant-1"


# --- custom events -----------------------------------------------------------------------------


def test_custom_event_becomes_an_event_grid_event() -> None:
    """The whole original is the data, as it was written."""
    event = _custom_event()

    assert b'"data":' + event.json + b"}" in render(event, EVENT_GRID)
    assert _members(event, EVENT_GRID) == [
        ("id", event.id),
        ("eventTime", "2026-01-01T00:00:00.0000000Z"),
        ("eventType", "Created"),
        ("dataVersion", "1.0"),
        ("metadataVersion", "1"),
        ("topic", RESOURCE_ID),
        ("subject", "DefaultSubject"),
        ("data", [("myEventTypeField", "Created"), ("resource", [("n", 1.5)])]),
    ]


def test_custom_event_becomes_a_cloud_event() -> None:
    """By the same mapping."""
    event = _custom_event()

    assert _members(event, CLOUD_EVENTS) == [
        ("specversion", "1.0"),
        ("type", "Created"),
        ("source", RESOURCE_ID),
        ("id", event.id),
        ("time", "2026-01-01T00:00:00.0000000Z"),
        ("subject", "DefaultSubject"),
        ("dataschema", "#1.0"),
        ("data", [("myEventTypeField", "Created"), ("resource", [("n", 1.5)])]),
    ]


# --- what the official packages make of it -----------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        _read(a_body(an_event()), TOPIC),
        _read(a_body(an_event(subject="", dataVersion=None, data="text")), TOPIC),
        _read(
            a_body(a_cloud_event(traceparent="00-1", dataschema="https://x/y")),
            a_topic(input_schema=CLOUD_EVENTS),
        ),
        _custom_event(),
    ],
)
def test_official_packages_read_a_cloud_event(event: Event) -> None:
    """That of Azure and that of the CloudEvents project."""
    text = render(event, CLOUD_EVENTS)
    members = json.loads(text)

    azure: CloudEvent[Any] = CloudEvent.from_json(text.decode())
    project = _parse(text)

    assert (azure.id, azure.type, azure.source) == (event.id, event.type, event.source)
    assert (project.get_id(), project.get_type()) == (event.id, event.type)
    assert (project.get_source(), project.get_specversion()) == (event.source, "1.0")
    assert azure.subject == project.get_subject() == (event.subject or None)
    assert azure.time == project.get_time()
    assert azure.data == project.get_data() == members["data"]
    assert azure.dataschema == project.get_dataschema() == members["dataschema"]


@pytest.mark.parametrize("event", [_read(a_body(an_event()), TOPIC), _custom_event()])
def test_official_package_reads_an_event_grid_event(event: Event) -> None:
    """Its model requires all that a service owes."""
    text = render(event, EVENT_GRID)

    model = EventGridEvent.from_json(text.decode())

    assert (model.id, model.event_type, model.subject) == (event.id, event.type, event.subject)
    assert (model.topic, model.data_version) == (event.source, event.data_version)
    assert model.data == json.loads(text)["data"]
