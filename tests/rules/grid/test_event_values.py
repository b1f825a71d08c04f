"""What does the key of an advanced filter name, in events of each schema?"""

from decimal import Decimal
from typing import Any

import pytest

from switchhook.grid.event_values import ABSENT, EventValues, to_key
from switchhook.grid.events import Event, EventSchema
from tests.builders import RESOURCE_ID, a_routed_event
from tests.rules.grid.watched_event import a_watched_event

DATA = {"a": {"b": {"c": 1}, "A": 2}, "a.b": 3, "list": [{"x": 1}], "text": '{"x": 1}', "no": None}
GRID = a_routed_event(
    {"data": DATA, "metadataVersion": "1", "eventTime": "now"},
    id="17",
    type="T",
    subject="",
    data_version="2.0",
)
CLOUD = a_routed_event(
    {
        "data": DATA,
        "time": "now",
        "traceparent": "00-1",
        "priority": 5,
        "urgent": True,
    },
    EventSchema.CLOUD_EVENTS,
    id="17",
    type="T",
    subject="here",
    source="/shop",
)
BYTES = a_routed_event({"data_base64": "e30="}, EventSchema.CLOUD_EVENTS, subject="")
CUSTOM = a_routed_event(
    {"kind": "Created", "resource": {"id": 7}, "Subject": "own"},
    EventSchema.CUSTOM,
    id="17",
    type="Created",
    subject="mapped",
)
CUSTOM_WITH_DATA = a_routed_event({"data": {"x": 1}, "y": 2}, EventSchema.CUSTOM)


@pytest.mark.parametrize(
    ("event", "key", "value"),
    [
        (GRID, "ID", "17"),
        (GRID, "id", "17"),
        (GRID, "Topic", RESOURCE_ID),
        (GRID, "Subject", ""),
        (GRID, "EventType", "T"),
        (GRID, "eventtype", "T"),
        (GRID, "DataVersion", "2.0"),
        (GRID, "type", ABSENT),
        (GRID, "eventTime", ABSENT),  # not among the documented keys
        (GRID, "metadataVersion", ABSENT),
        (GRID, "subject.x", ABSENT),
        (GRID, "data", DATA),
        (GRID, "data.a.b.c", 1),
        (GRID, "Data.a.b.c", 1),
        (GRID, "DATA.a.A", 2),
        (GRID, "data.A", ABSENT),
        (GRID, "data.a.b.c.d", ABSENT),
        (GRID, "data.list", [{"x": 1}]),
        (GRID, "data.list.x", ABSENT),
        (GRID, "data.list.0", ABSENT),
        (GRID, "data.text", '{"x": 1}'),
        (GRID, "data.text.x", ABSENT),  # JSON in a string is a string
        (GRID, "data.no", None),
        (GRID, "data.no.x", ABSENT),
        (GRID, "data.", ABSENT),
        (GRID, "$.data.a", ABSENT),
        (GRID, "", ABSENT),
        (CLOUD, "id", "17"),
        (CLOUD, "ID", "17"),
        (CLOUD, "source", "/shop"),
        (CLOUD, "type", "T"),
        (CLOUD, "subject", "here"),
        (CLOUD, "specversion", "1.0"),
        (CLOUD, "time", "now"),
        (CLOUD, "traceparent", "00-1"),
        (CLOUD, "TraceParent", "00-1"),
        (CLOUD, "traceparent.x", ABSENT),
        (CLOUD, "priority", 5),
        (CLOUD, "eventtype", ABSENT),  # the names of the draft 0.1
        (CLOUD, "data.a.b.c", 1),
        (CLOUD, "a", ABSENT),
        (BYTES, "data", ABSENT),
        (BYTES, "data_base64", ABSENT),
        (BYTES, "subject", ABSENT),
        (CUSTOM, "kind", "Created"),
        (CUSTOM, "resource.id", 7),
        (CUSTOM, "data.resource.id", 7),  # the whole object is `data` when it is delivered
        (CUSTOM, "data.kind", "Created"),
        (CUSTOM, "Kind", ABSENT),
        (CUSTOM, "Subject", "own"),
        (CUSTOM, "subject", "mapped"),
        (CUSTOM, "EventType", "Created"),
        (CUSTOM_WITH_DATA, "data.x", 1),
        (CUSTOM_WITH_DATA, "Data.x", 1),
        (CUSTOM_WITH_DATA, "data.y", ABSENT),
        (CUSTOM_WITH_DATA, "y", 2),
    ],
)
def test_keys_name_values(event: Event, key: str, value: Any) -> None:
    """The envelope without regard to case, then steps into objects."""
    assert EventValues(event).find(to_key(key)) == value


@pytest.mark.parametrize(
    ("event", "key", "value"),
    [
        (CLOUD, "priority", "5"),
        (CLOUD, "urgent", "true"),
        (CLOUD, "traceparent", "00-1"),
        (CLOUD, "absent", ABSENT),
        (CLOUD, "data.a.b.c", 1),
        (GRID, "data.a.b.c", 1),
    ],
)
def test_only_attributes_of_cloud_events_have_a_text(event: Event, key: str, value: Any) -> None:
    """Which the operators on strings compare, whatever the attribute's type."""
    assert EventValues(event).find_text(to_key(key)) == value


def test_attribute_with_a_decimal_has_a_text() -> None:
    """As it was published."""
    event = a_routed_event(b'{"ratio":0.10}', EventSchema.CLOUD_EVENTS)

    assert EventValues(event).find(to_key("ratio")) == Decimal("0.1")
    assert EventValues(event).find_text(to_key("ratio")) == "0.10"


def test_json_is_decoded_once_and_only_when_needed() -> None:
    """The envelope is known without it."""
    event = a_watched_event({"data": {"a": {}}})
    values = EventValues(event)

    assert values.find(to_key("Subject")) == "s"
    assert event.reads == 0
    assert values.find(to_key("data.a")) is values.find(to_key("data.a"))
    assert event.reads == 1
