"""In which schema may the events of a topic be delivered?

Source: end-point-validation-event-grid-events-schema.md (Sep 2024), the table of compatible
schemas; azure-mgmt-eventgrid 10.4.0, `EventDeliverySchema`.
"""

from switchhook.grid.events import EventSchema
from switchhook.grid.resources.body_rules import as_text, refuse

_TEXTS = {
    EventSchema.EVENT_GRID: "EventGridSchema",
    EventSchema.CLOUD_EVENTS: "CloudEventSchemaV1_0",
    EventSchema.CUSTOM: "CustomInputSchema",  # on a topic it is `CustomEventSchema`
}
_BY_TEXT = {text.lower(): schema for schema, text in _TEXTS.items()}
_ALLOWED = {
    EventSchema.EVENT_GRID: (EventSchema.EVENT_GRID, EventSchema.CLOUD_EVENTS),
    EventSchema.CLOUD_EVENTS: (EventSchema.CLOUD_EVENTS,),
    EventSchema.CUSTOM: (EventSchema.EVENT_GRID, EventSchema.CLOUD_EVENTS, EventSchema.CUSTOM),
}
# The help of azure-cli says "the same schema in which they are published"; an article says
# EventGridSchema, which a CloudEvents topic cannot have.
DEFAULTS = {schema: schema for schema in EventSchema}


def read_delivery_schema(value: object, input_schema: EventSchema) -> EventSchema:
    """The delivery schema that a body asks for, which the topic's own schema must allow."""
    text = as_text(value, "eventDeliverySchema")
    if not text:
        return DEFAULTS[input_schema]
    schema = _BY_TEXT.get(text.lower())
    if schema is None:
        refuse(
            f"The value of 'eventDeliverySchema' must be one of {', '.join(_TEXTS.values())}, "
            f"not '{text}'."
        )
    if schema not in _ALLOWED[input_schema]:
        refuse(
            f"Invalid event subscription request: the eventDeliverySchema '{_TEXTS[schema]}' is "
            f"not supported for a topic whose inputSchema is '{input_schema.value}'."
        )
    return schema


def render_delivery_schema(schema: EventSchema) -> str:
    """The delivery schema as event subscriptions spell it."""
    return _TEXTS[schema]
