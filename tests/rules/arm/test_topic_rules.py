"""The bodies of topics and domains."""

from typing import Any

import pytest

from switchhook.errors import RequestError
from switchhook.grid.events import EventSchema
from switchhook.grid.resources.records import DomainRecord, TopicRecord
from switchhook.grid.resources.topic_rules import (
    DOMAIN,
    TOPIC,
    read_topic,
    render_topic,
    topic_of,
    update_topic,
)
from switchhook.grid.topics import Access, FieldMapping, InputMapping, Topic

NEW: dict[str, Any] = {
    "id": "/t",
    "name": "orders",
    "incarnation": "i",
    "metric_resource_id": "m",
    "location": "",
}
NEW_TOPIC = TopicRecord(**NEW)
# As the article's first example, with what az writes for fields that have no mapping.
MAPPED: dict[str, Any] = {
    "inputSchema": "customeventschema",
    "inputSchemaMapping": {
        "inputSchemaMappingType": "json",
        "properties": {
            "id": {},
            "topic": {"sourceField": "myTopic"},
            "eventTime": {"sourceField": None},
            "eventType": {"sourceField": "myType", "defaultValue": "Created"},
            "subject": {"sourceField": "mySubject"},
            "dataVersion": {"defaultValue": "1.0"},
        },
    },
}


def read(properties: Any, before: TopicRecord | None = None) -> TopicRecord:
    return read_topic(TOPIC, {"properties": properties}, before or NEW_TOPIC, before)


def topic(properties: Any) -> Topic:
    return topic_of(TOPIC, read(properties), ("a", "b"))


def mapping(**fields: Any) -> dict[str, Any]:
    """Properties with these fields mapped, beside what every mapping needs."""
    usual: dict[str, Any] = {
        name: {"defaultValue": "x"} for name in ("eventType", "subject", "dataVersion")
    }
    return {
        "inputSchema": "CustomEventSchema",
        "inputSchemaMapping": {
            "inputSchemaMappingType": "Json",
            "properties": {**usual, **fields},
        },
    }


@pytest.mark.parametrize("schema", [EventSchema.EVENT_GRID, EventSchema.CLOUD_EVENTS])
def test_input_schema_is_read_in_any_case(schema: EventSchema) -> None:
    """Reads show Azure's spelling."""
    record = read({"inputSchema": schema.value.upper()})

    assert topic_of(TOPIC, record, ("a", "b")).input_schema is schema
    assert render_topic(TOPIC, record, "")["properties"]["inputSchema"] == schema.value


def test_input_mapping_reaches_the_topic() -> None:
    """All six fields; an empty object maps nothing."""
    assert topic(MAPPED).input_schema is EventSchema.CUSTOM
    assert topic(MAPPED).input_mapping == InputMapping(
        topic=FieldMapping(source_field="myTopic"),
        event_type=FieldMapping(source_field="myType", default_value="Created"),
        subject=FieldMapping(source_field="mySubject"),
        data_version=FieldMapping(default_value="1.0"),
    )


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"inputSchema": "Xml"}, "'Xml' of 'inputSchema' is not one of EventGridSchema"),
        ({"inputSchema": 7}, "inputSchema"),
        ({"inputSchema": "CustomEventSchema"}, "'inputSchemaMapping' is required"),
        ({**MAPPED, "inputSchema": None}, "only allowed when"),
        ({**MAPPED, "inputSchema": "CloudEventSchemaV1_0"}, "only allowed when"),
        ({**MAPPED, "inputSchemaMapping": []}, "inputSchemaMapping"),
        (mapping(id={"sourceField": 1}), "id.sourceField"),
        (mapping(id={"defaultValue": "x"}), "'defaultValue' of .*properties.id"),
        (mapping(topic={"defaultValue": "x"}), "'defaultValue' of .*properties.topic"),
        (mapping(eventTime={"defaultValue": "x"}), "'defaultValue' of .*properties.eventTime"),
        (mapping(eventType={}), "properties.eventType' needs"),
        (mapping(subject={"sourceField": ""}), "properties.subject' needs"),
        (mapping(dataVersion=None), "properties.dataVersion' needs"),
        (mapping(colour={"sourceField": "x"}), "colour"),
        (mapping(subject=[]), "properties.subject"),
        (mapping(subject={"sourceField": "x" * 3000}), "not be longer"),
    ],
)
def test_wrong_input_schema_or_mapping_is_refused(properties: Any, named: str) -> None:
    """The message names the field and the rule."""
    with pytest.raises(RequestError, match=named) as raised:
        read(properties)

    assert (raised.value.status, raised.value.code) == (400, "InvalidRequest")


@pytest.mark.parametrize("kind", [None, "Xml", ""])
def test_mapping_must_be_json(kind: str | None) -> None:
    """Azure has no other type, and the type is required."""
    body = mapping()
    body["inputSchemaMapping"]["inputSchemaMappingType"] = kind

    with pytest.raises(RequestError, match="inputSchemaMappingType"):
        read(body)


@pytest.mark.parametrize(
    "change",
    [
        {"inputSchema": "EventGridSchema"},
        {"inputSchema": "CloudEventSchemaV1_0"},
        mapping(),
    ],
)
def test_input_schema_is_fixed_at_creation(change: dict[str, Any]) -> None:
    """Neither PUT nor PATCH changes it; to say the same, or nothing, is fine."""
    before = read(MAPPED)

    with pytest.raises(RequestError, match="cannot be changed"):
        read(change, before)
    with pytest.raises(RequestError, match="cannot be changed"):
        update_topic(TOPIC, before, {"properties": change})
    assert read({}, before) == read(MAPPED, before) == before
    assert update_topic(TOPIC, before, {"properties": MAPPED}) == before


def test_mapping_cannot_be_added_later() -> None:
    """A topic of another schema has none."""
    with pytest.raises(RequestError, match="cannot be changed"):
        read(mapping(), read({}))


def test_access_reaches_the_topic() -> None:
    """In canonical form for the publish route, in Azure's spelling for reads."""
    properties = {
        "disableLocalAuth": True,
        "publicNetworkAccess": "disabled",
        "inboundIpRules": [
            {"ipMask": "10.1.2.3/8", "action": "allow"},
            {"ipMask": "192.0.2.7"},
            {"ipMask": "2001:db8::/32", "action": None},
        ],
        "minimumTlsVersionAllowed": "1.1",
    }
    shown = render_topic(TOPIC, read(properties), "")["properties"]

    assert topic(properties).access == Access(
        allows_access_keys=False,
        allows_public_network=False,
        inbound_ip_rules=("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"),
    )
    assert shown["publicNetworkAccess"] == "Disabled"
    assert shown["inboundIpRules"][0] == {"ipMask": "10.1.2.3/8", "action": "Allow"}
    assert shown["minimumTlsVersionAllowed"] == "1.1"
    assert topic({}).access == Access()


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"publicNetworkAccess": "Sometimes"}, "publicNetworkAccess"),
        ({"disableLocalAuth": "yes"}, "disableLocalAuth"),
        ({"minimumTlsVersionAllowed": "1.3"}, "minimumTlsVersionAllowed"),
        ({"inboundIpRules": {}}, "inboundIpRules"),
        ({"inboundIpRules": ["10.0.0.0/8"]}, r"inboundIpRules\[0\]"),
        ({"inboundIpRules": [{}]}, "ipMask"),
        ({"inboundIpRules": [{"ipMask": "10.0.0.0/33"}]}, "CIDR"),
        ({"inboundIpRules": [{"ipMask": "example.com"}]}, "CIDR"),
        ({"inboundIpRules": [{"ipMask": "fe80::1%eth0/64"}]}, "CIDR"),
        ({"inboundIpRules": [{"ipMask": "10.0.0.0/8", "action": "Deny"}]}, "action"),
        ({"inboundIpRules": [{"ipMask": "10.0.0.0/8", "why": "x"}]}, "why"),
        ({"inboundIpRules": [{"ipMask": "10.0.0.0/8"}] * 129}, "at most 128"),
        ({"eventTypeInfo": {"kind": "Outline"}}, "kind"),
        ({"eventTypeInfo": {"inlineEventTypes": {"A": {"colour": "red"}}}}, "colour"),
        ({"eventTypeInfo": {"inlineEventTypes": {"A": 7}}}, "inlineEventTypes.A"),
        ({"eventTypeInfo": {"inlineEventTypes": {str(n): {} for n in range(1001)}}}, "1000"),
        ({"autoCreateTopicWithFirstSubscription": True}, "autoCreate"),
    ],
)
def test_wrong_property_is_refused(properties: Any, named: str) -> None:
    """The message names the field and the rule; a topic has no switches of a domain."""
    with pytest.raises(RequestError, match=named) as raised:
        read(properties)

    assert raised.value.status == 400


def test_update_changes_what_it_names() -> None:
    """The rest stays; an empty list of rules takes the rules away."""
    before = read({"inboundIpRules": [{"ipMask": "10.0.0.0/8"}], "disableLocalAuth": True})
    once = update_topic(TOPIC, before, {"properties": {"disableLocalAuth": False}})
    twice = update_topic(TOPIC, once, {"properties": {"inboundIpRules": []}})

    access = [topic_of(TOPIC, each, ("a", "b")).access for each in (once, twice)]
    assert access == [Access(inbound_ip_rules=("10.0.0.0/8",)), Access()]


def test_event_types_are_kept_and_shown() -> None:
    """With the one kind that there is."""
    described = {"description": "An order", "displayName": None, "dataSchemaUrl": "https://x/y"}
    record = read({"eventTypeInfo": {"inlineEventTypes": {"Order": described}}})

    assert render_topic(TOPIC, record, "")["properties"]["eventTypeInfo"] == {
        "kind": "Inline",
        "inlineEventTypes": {"Order": {"description": "An order", "dataSchemaUrl": "https://x/y"}},
    }


def test_switches_of_a_domain_are_on_unless_they_are_put_off() -> None:
    """Both of them, and reads show both."""
    new = DomainRecord(**NEW)
    usual = read_topic(DOMAIN, {}, new, None)
    off = {"autoDeleteTopicWithLastSubscription": False}
    changed = update_topic(DOMAIN, usual, {"properties": off})

    assert (usual.creates_topics, usual.deletes_topics) == (True, True)
    assert (changed.creates_topics, changed.deletes_topics) == (True, False)
    shown = render_topic(DOMAIN, changed, "")["properties"]
    assert shown["autoCreateTopicWithFirstSubscription"] is True
    assert shown["autoDeleteTopicWithLastSubscription"] is False
