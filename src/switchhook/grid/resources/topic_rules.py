"""How do bodies of topics and system topics become records, and records bodies?"""

from typing import Any

import msgspec

from switchhook.grid.events import EventSchema
from switchhook.grid.resources.body_rules import (
    Body,
    as_object,
    as_text,
    check_fixed,
    check_members,
    read_echoed,
    read_location,
    read_tags,
    refuse,
)
from switchhook.grid.resources.ids import EVENT_GRID
from switchhook.grid.resources.records import SystemTopicRecord, TopicRecord

DEFAULT_TOPIC_LOCATION = "westus2"
GLOBAL = "global"

_READ_ONLY = {"id", "name", "type", "systemData", "etag"}
_ENVELOPE = {"location", "tags", "identity", "properties"} | _READ_ONLY
_ECHOED = ("identity", "sku")
_RESIDENCE = ("WithinGeopair", "WithinRegion")

# Members of a topic that are accepted with the one value that this release has.
_TOPIC_FIXED: dict[str, object] = {
    "inputSchema": EventSchema.EVENT_GRID.value,
    "publicNetworkAccess": "Enabled",
    "disableLocalAuth": False,
}
_TOPIC_READ_ONLY = {"provisioningState", "endpoint", "metricResourceId"}
_SYSTEM_TOPIC_READ_ONLY = {"provisioningState", "metricResourceId"}


def read_topic(body: Body, *, topic_id: str, name: str, ids: tuple[str, str]) -> TopicRecord:
    """The record of a topic, from the body of a PUT; `ids` are its incarnation and metric id."""
    check_members(body, _ENVELOPE | {"sku", "kind"}, "topic")
    check_fixed(body, {"kind": "Azure"}, "topic")
    incarnation, metric_resource_id = ids
    return TopicRecord(
        id=topic_id,
        name=name,
        incarnation=incarnation,
        metric_resource_id=metric_resource_id,
        location=read_location(body.get("location"), DEFAULT_TOPIC_LOCATION),
        tags=read_tags(body.get("tags")),
        echoed=read_echoed(body, _ECHOED),
        properties=_topic_properties(body.get("properties")),
    )


def update_topic(record: TopicRecord, body: Body) -> TopicRecord:
    """The record after a PATCH: only what is present changes, `tags` as a whole."""
    check_members(body, {"tags", "identity", "sku", "properties"} | _READ_ONLY, "topic")
    return msgspec.structs.replace(
        record,
        tags=read_tags(body["tags"]) if "tags" in body else record.tags,
        echoed={**record.echoed, **read_echoed(body, _ECHOED)},
        properties={**record.properties, **_topic_properties(body.get("properties"))},
    )


def render_topic(record: TopicRecord, endpoint: str) -> dict[str, Any]:
    """A topic as a GET shows it."""
    return {
        "id": record.id,
        "name": record.name,
        "type": f"{EVENT_GRID}/topics",
        "location": record.location,
        "tags": record.tags,
        "kind": "Azure",
        "sku": {"name": "Basic"},
        "identity": {"type": "None"},
        **record.echoed,
        "properties": {
            "provisioningState": "Succeeded",
            "endpoint": endpoint,
            "metricResourceId": record.metric_resource_id,
            **_TOPIC_FIXED,
            **record.properties,
        },
    }


def read_system_topic(
    body: Body, *, topic_id: str, name: str, metric_resource_id: str
) -> SystemTopicRecord:
    """The record of a system topic, from the body of a PUT."""
    check_members(body, _ENVELOPE, "systemTopic")
    properties = as_object(body.get("properties"), "properties")
    check_members(
        properties, {"source", "topicType"} | _SYSTEM_TOPIC_READ_ONLY, "systemTopic.properties"
    )
    source = as_text(properties.get("source"), "properties.source")
    topic_type = as_text(properties.get("topicType"), "properties.topicType")
    if not source or not topic_type:
        refuse("A system topic needs 'properties.source' and 'properties.topicType'.")
    return SystemTopicRecord(
        id=topic_id,
        name=name,
        source=source,
        topic_type=topic_type,
        metric_resource_id=metric_resource_id,
        location=read_location(body.get("location"), GLOBAL),
        tags=read_tags(body.get("tags")),
        echoed=read_echoed(body, ("identity",)),
    )


def update_system_topic(record: SystemTopicRecord, body: Body) -> SystemTopicRecord:
    """The record after a PATCH of `tags` and `identity`."""
    check_members(body, {"tags", "identity"} | _READ_ONLY, "systemTopic")
    return msgspec.structs.replace(
        record,
        tags=read_tags(body["tags"]) if "tags" in body else record.tags,
        echoed={**record.echoed, **read_echoed(body, ("identity",))},
    )


def render_system_topic(record: SystemTopicRecord) -> dict[str, Any]:
    """A system topic as a GET shows it."""
    return {
        "id": record.id,
        "name": record.name,
        "type": f"{EVENT_GRID}/systemTopics",
        "location": record.location,
        "tags": record.tags,
        **record.echoed,
        "properties": {
            "provisioningState": "Succeeded",
            "source": record.source,
            "topicType": record.topic_type,
            "metricResourceId": record.metric_resource_id,
        },
    }


def _topic_properties(value: object) -> dict[str, Any]:
    properties = as_object(value, "properties")
    known = {*_TOPIC_FIXED, *_TOPIC_READ_ONLY, "dataResidencyBoundary"}
    check_members(properties, known, "topic.properties")
    check_fixed(properties, _TOPIC_FIXED, "properties")
    residence = as_text(properties.get("dataResidencyBoundary"), "dataResidencyBoundary")
    if not residence:
        return {}
    canonical = {name.lower(): name for name in _RESIDENCE}.get(residence.lower())
    if canonical is None:
        refuse(f"The value '{residence}' of 'dataResidencyBoundary' is not one of {_RESIDENCE}.")
    return {"dataResidencyBoundary": canonical}
