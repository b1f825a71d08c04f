"""How do bodies of topics, domains and system topics become records, and records bodies?"""

from typing import Any, Generic, TypeVar

import msgspec

from switchhook.grid.resources.body_rules import (
    Body,
    as_choice,
    as_flag,
    as_object,
    as_text,
    check_fixed,
    check_members,
    read_echoed,
    read_location,
    read_tags,
    refuse,
)
from switchhook.grid.resources.event_type_rules import EVENT_TYPES, read_event_types
from switchhook.grid.resources.ids import EVENT_GRID
from switchhook.grid.resources.input_mapping_rules import (
    INPUT_MAPPING,
    INPUT_SCHEMA,
    check_input,
    mapping_of,
    read_input,
    schema_of,
)
from switchhook.grid.resources.names import MAX_DOMAINS, MAX_TOPICS
from switchhook.grid.resources.records import (
    AUTO_CREATE,
    AUTO_DELETE,
    DomainRecord,
    DomainTopicRecord,
    KeyedRecord,
    SystemTopicRecord,
    TopicRecord,
)
from switchhook.grid.resources.topic_access_rules import (
    ACCESS_MEMBERS,
    IP_RULES,
    LOCAL_AUTH,
    NETWORK,
    access_of,
    read_access,
)
from switchhook.grid.topics import Topic, TopicKind

K = TypeVar("K", bound=KeyedRecord)

DEFAULT_TOPIC_LOCATION = "westus2"
GLOBAL = "global"

_READ_ONLY = {"id", "name", "type", "systemData", "etag"}
_ENVELOPE = {"location", "tags", "identity", "properties"} | _READ_ONLY
_ECHOED = ("identity", "sku")
_RESIDENCE = ("WithinGeopair", "WithinRegion")

_RESIDENCE_BOUNDARY = "dataResidencyBoundary"
_DEFAULTS: dict[str, object] = {
    INPUT_SCHEMA: "EventGridSchema",
    NETWORK: "Enabled",
    IP_RULES: [],
    LOCAL_AUTH: False,
}
_TOPIC_READ_ONLY = {
    "provisioningState",
    "endpoint",
    "metricResourceId",
    "privateEndpointConnections",
}
_SYSTEM_TOPIC_READ_ONLY = {"provisioningState", "metricResourceId"}


class TopicForm(msgspec.Struct, Generic[K], frozen=True, kw_only=True):
    """What tells custom topics and domains apart; `flags` are properties that default to true."""

    record: type[K]
    label: str
    type: str
    kind: TopicKind
    topic_type: str
    limit: int
    flags: tuple[str, ...] = ()


TOPIC = TopicForm(
    record=TopicRecord,
    label="topic",
    type="topics",
    kind=TopicKind.CUSTOM,
    topic_type=f"{EVENT_GRID}.Topics",
    limit=MAX_TOPICS,
)
DOMAIN = TopicForm(
    record=DomainRecord,
    label="domain",
    type="domains",
    kind=TopicKind.DOMAIN,
    topic_type=f"{EVENT_GRID}.Domains",
    limit=MAX_DOMAINS,
    flags=(AUTO_CREATE, AUTO_DELETE),
)


def read_topic(form: TopicForm[K], body: Body, new: K, before: K | None) -> K:
    """The record of a topic or domain, from the body of a PUT; `new` has its identity."""
    check_members(body, _ENVELOPE | {"sku", "kind"}, form.label)
    check_fixed(body, {"kind": "Azure"}, form.label)
    properties = _read_properties(form, body.get("properties"))
    if before is not None:
        # What cannot change need not be said again.
        fixed = (name for name in (INPUT_SCHEMA, INPUT_MAPPING) if name in before.properties)
        properties = {**{name: before.properties[name] for name in fixed}, **properties}
    check_input(properties, before.properties if before is not None else None)
    return msgspec.structs.replace(
        new,
        location=read_location(body.get("location"), DEFAULT_TOPIC_LOCATION),
        tags=read_tags(body.get("tags")),
        echoed=read_echoed(body, _ECHOED),
        properties=properties,
    )


def update_topic(form: TopicForm[K], record: K, body: Body) -> K:
    """The record after a PATCH: only what is present changes, `tags` as a whole."""
    check_members(body, {"tags", "identity", "sku", "properties"} | _READ_ONLY, form.label)
    properties = {**record.properties, **_read_properties(form, body.get("properties"))}
    check_input(properties, record.properties)
    return msgspec.structs.replace(
        record,
        tags=read_tags(body["tags"]) if "tags" in body else record.tags,
        echoed={**record.echoed, **read_echoed(body, _ECHOED)},
        properties=properties,
    )


def topic_of(form: TopicForm[K], record: K, keys: tuple[str, str]) -> Topic:
    """The topic or domain as the router and the publish route see it."""
    return Topic(
        incarnation=record.incarnation,
        resource_id=record.id,
        name=record.name,
        kind=form.kind,
        input_schema=schema_of(record.properties),
        input_mapping=mapping_of(record.properties),
        keys=keys,
        access=access_of(record.properties),
    )


def render_topic(form: TopicForm[K], record: K, endpoint: str) -> dict[str, Any]:
    """A topic or domain as a GET shows it."""
    return {
        "id": record.id,
        "name": record.name,
        "type": f"{EVENT_GRID}/{form.type}",
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
            **_DEFAULTS,
            **dict.fromkeys(form.flags, True),
            **record.properties,
        },
    }


def render_domain_topic(record: DomainTopicRecord) -> dict[str, Any]:
    """A topic of a domain as a GET shows it."""
    return {
        "id": record.id,
        "name": record.name,
        "type": f"{EVENT_GRID}/domains/topics",
        "properties": {"provisioningState": "Succeeded"},
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


def _read_properties(form: TopicForm[K], value: object) -> dict[str, Any]:
    properties = as_object(value, "properties")
    known = {INPUT_SCHEMA, INPUT_MAPPING, EVENT_TYPES, *ACCESS_MEMBERS, *form.flags}
    known |= {_RESIDENCE_BOUNDARY, *_TOPIC_READ_ONLY}
    check_members(properties, known, f"{form.label}.properties")
    asked = properties.get(_RESIDENCE_BOUNDARY)
    residence = as_choice(asked, _RESIDENCE_BOUNDARY, _RESIDENCE)
    return {
        **read_input(properties),
        **read_access(properties),
        **read_event_types(properties),
        **({_RESIDENCE_BOUNDARY: residence} if residence else {}),
        **{
            name: as_flag(properties[name], name)
            for name in form.flags
            if properties.get(name) is not None
        },
    }
