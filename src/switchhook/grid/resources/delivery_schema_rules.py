"""How does an event subscription spell the schema in which its events are delivered?

Source: azure-mgmt-eventgrid 10.4.0, `EventDeliverySchema`.
"""

from switchhook.grid.events import EventSchema
from switchhook.grid.resources.body_rules import as_text, refuse
from switchhook.grid.schemas.render import allowed, default_delivery_schema

_TEXTS = {
    EventSchema.EVENT_GRID: "EventGridSchema",
    EventSchema.CLOUD_EVENTS: "CloudEventSchemaV1_0",
    EventSchema.CUSTOM: "CustomInputSchema",  # on a topic it is `CustomEventSchema`
}
_BY_TEXT = {text.lower(): schema for schema, text in _TEXTS.items()}


def read_delivery_schema(value: object, input_schema: EventSchema) -> EventSchema:
    """The delivery schema that a body asks for, which the topic's own schema must allow."""
    text = as_text(value, "eventDeliverySchema")
    if not text:
        return default_delivery_schema(input_schema)
    schema = _BY_TEXT.get(text.lower())
    if schema is None:
        refuse(
            f"The value of 'eventDeliverySchema' must be one of {', '.join(_TEXTS.values())}, "
            f"not '{text}'."
        )
    if not allowed(input_schema, schema):
        refuse(
            f"Invalid event subscription request: the eventDeliverySchema '{_TEXTS[schema]}' is "
            f"not supported for a topic whose inputSchema is '{input_schema.value}'."
        )
    return schema


def render_delivery_schema(schema: EventSchema) -> str:
    """The delivery schema as event subscriptions spell it."""
    return _TEXTS[schema]
