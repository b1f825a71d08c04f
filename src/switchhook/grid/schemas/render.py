"""What does a delivery carry, in the schema that its subscription asks for?

Source: the table of end-point-validation-event-grid-events-schema.md (Sep 2024); samples of
delivered events in cloudevents-schema.md (Jan 2020) and input-mappings.md.
"""

from urllib.parse import quote

import msgspec

from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas import event_grid

# The sample of 2020 and a captured delivery have `"dataschema":"#"` for an event without a version;
# that a version follows the `#` is inferred. The sample of 2023 has no such member at all.
HAS_DATASCHEMA = True
_URI_FRAGMENT = "!$&'()*+,;=:@/?-._~"

_SPEC_VERSION = "1.0"
_METADATA_VERSION = "1"

_DELIVERABLE = {
    EventSchema.EVENT_GRID: (EventSchema.EVENT_GRID, EventSchema.CLOUD_EVENTS),
    # Not as Event Grid events: extension attributes would be lost.
    EventSchema.CLOUD_EVENTS: (EventSchema.CLOUD_EVENTS,),
    EventSchema.CUSTOM: tuple(EventSchema),
}


def allowed(input_schema: EventSchema, delivery_schema: EventSchema) -> bool:
    """Whether events that were published in one schema can be delivered in the other."""
    return delivery_schema in _DELIVERABLE[input_schema]


def default_delivery_schema(input_schema: EventSchema) -> EventSchema:
    """What a subscription gets that does not say: events as they were published.

    So says the help of azure-cli (`--event-delivery-schema`). An article says the Event Grid
    schema, which events of a CloudEvents topic cannot have.
    """
    return input_schema


def render(event: Event, schema: EventSchema) -> bytes:
    """The event as one JSON object in a schema that its own one allows."""
    if event.schema is schema:
        return event.json
    if not allowed(event.schema, schema):
        raise ValueError(f"an event in {event.schema} cannot be delivered in {schema}")
    if schema is EventSchema.EVENT_GRID:
        return _event_grid(event)
    if event.schema is EventSchema.CUSTOM:
        return _cloud_event(event, event.time, msgspec.Raw(event.json))
    wire = event_grid.parse(event.json)
    return _cloud_event(event, wire.eventTime, wire.data)


def _event_grid(event: Event) -> bytes:
    """A custom event: the whole of what was published is the data."""
    return msgspec.json.encode(
        {
            "id": event.id,
            "eventTime": event.time,
            "eventType": event.type,
            "dataVersion": event.data_version,
            "metadataVersion": _METADATA_VERSION,
            "topic": event.source,
            "subject": event.subject,
            "data": msgspec.Raw(event.json),
        }
    )


def _cloud_event(event: Event, time: str, data: msgspec.Raw) -> bytes:
    """Members in the order of the articles' sample. The specification has no empty subject."""
    members: dict[str, str | msgspec.Raw] = {
        "specversion": _SPEC_VERSION,
        "type": event.type,
        "source": event.source,
        "id": event.id,
        "time": time,
    }
    if event.subject:
        members["subject"] = event.subject
    if HAS_DATASCHEMA:
        members["dataschema"] = "#" + quote(event.data_version, safe=_URI_FRAGMENT)
    if bytes(data):
        members["data"] = data
    return msgspec.json.encode(members)
