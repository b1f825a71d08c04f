"""In which schema are events published to a topic, and how are custom ones read?

Fixed when the topic or domain is created: events in the log were accepted under it.
Source: input-mappings.md; azure-mgmt-eventgrid 10.4.0, `JsonInputSchemaMapping`.
"""

from typing import Any

from switchhook.grid.events import EventSchema
from switchhook.grid.resources.body_rules import (
    Body,
    as_choice,
    as_object,
    as_text,
    check_members,
    refuse,
)
from switchhook.grid.topics import FieldMapping, InputMapping

INPUT_SCHEMA = "inputSchema"
INPUT_MAPPING = "inputSchemaMapping"
_MAPPING_TYPES = ("Json",)

# Wire name to ours.
_FIELDS = {
    "id": "id",
    "topic": "topic",
    "eventTime": "event_time",
    "eventType": "event_type",
    "subject": "subject",
    "dataVersion": "data_version",
}
# These may have a default; without one and without a source they would have no value at all.
_WITH_DEFAULT = ("eventType", "subject", "dataVersion")


def read_input(properties: Body) -> dict[str, Any]:
    """What a body says of the input schema, in the spelling that reads show."""
    read: dict[str, Any] = {}
    schema = as_choice(properties.get(INPUT_SCHEMA), INPUT_SCHEMA, [*EventSchema])
    if schema:
        read[INPUT_SCHEMA] = str(schema)
    mapping = as_object(properties.get(INPUT_MAPPING), INPUT_MAPPING)
    if mapping:
        read[INPUT_MAPPING] = _read_mapping(mapping)
    return read


def check_input(properties: Body, before: Body | None) -> None:
    """Refuse a schema and a mapping that do not fit each other, or differ from `before`."""
    if before is not None:
        for name in (INPUT_SCHEMA, INPUT_MAPPING):
            _check_unchanged(name, properties, before)
    custom = schema_of(properties) is EventSchema.CUSTOM
    if custom and INPUT_MAPPING not in properties:
        refuse(f"'{INPUT_MAPPING}' is required when '{INPUT_SCHEMA}' is CustomEventSchema.")
    if not custom and INPUT_MAPPING in properties:
        refuse(f"'{INPUT_MAPPING}' is only allowed when '{INPUT_SCHEMA}' is CustomEventSchema.")


def schema_of(properties: Body) -> EventSchema:
    """The input schema that properties name; the Event Grid schema unless they name one."""
    return EventSchema(properties.get(INPUT_SCHEMA, EventSchema.EVENT_GRID))


def mapping_of(properties: Body) -> InputMapping | None:
    """How events are read, None where they are not custom ones."""
    mapping = properties.get(INPUT_MAPPING)
    if mapping is None:
        return None
    fields = mapping["properties"]
    return InputMapping(**{ours: _field_mapping(fields[wire]) for wire, ours in _FIELDS.items()})


def _check_unchanged(name: str, properties: Body, before: Body) -> None:
    default = EventSchema.EVENT_GRID.value if name == INPUT_SCHEMA else None
    if properties.get(name, default) != before.get(name, default):
        refuse(
            f"The value of '{name}' cannot be changed: the input schema and its mapping are fixed "
            "when the resource is created. Delete it and create it again."
        )


def _read_mapping(mapping: Body) -> dict[str, Any]:
    check_members(mapping, {"inputSchemaMappingType", "properties"}, INPUT_MAPPING)
    where = f"{INPUT_MAPPING}.inputSchemaMappingType"
    if not as_choice(mapping.get("inputSchemaMappingType"), where, _MAPPING_TYPES):
        refuse(f"The value of '{where}' must be Json.")
    where = f"{INPUT_MAPPING}.properties"
    fields = as_object(mapping.get("properties"), where)
    check_members(fields, _FIELDS, where)
    return {
        "inputSchemaMappingType": "Json",
        "properties": {name: _read_field(fields.get(name), name, where) for name in _FIELDS},
    }


def _read_field(value: object, name: str, where: str) -> dict[str, str]:
    where = f"{where}.{name}"
    members = ("sourceField", "defaultValue") if name in _WITH_DEFAULT else ("sourceField",)
    field = as_object(value, where)
    check_members(field, members, where)
    given = {member: as_text(field.get(member), f"{where}.{member}") for member in members}
    read = {member: text for member, text in given.items() if text}
    if name in _WITH_DEFAULT and not read:
        refuse(f"'{where}' needs a 'sourceField' or a 'defaultValue'.")
    return read


def _field_mapping(field: Body) -> FieldMapping:
    return FieldMapping(
        source_field=field.get("sourceField"), default_value=field.get("defaultValue")
    )
