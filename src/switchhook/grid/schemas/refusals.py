"""How are events refused, in Azure's words?

The texts are those of the live service as quoted in azure-sdk-for-python#16055, onefuzz#3285 and by
AzureEventGridSimulator; where none is known, they follow the same pattern.
"""

from switchhook.errors import RequestError
from switchhook.grid.events import EventSchema

# What messages and the answer to OPTIONS call the schemas. That the custom one is called so is a
# guess by the names of the others.
WIRE_NAMES = {
    EventSchema.EVENT_GRID: "EventGridEvent",
    EventSchema.CLOUD_EVENTS: "CloudEventV10",
    EventSchema.CUSTOM: "CustomEvent",
}

_ATTRIBUTES = "https://github.com/cloudevents/spec/blob/v1.0/spec.md#required-attributes"


def invalid(message: str) -> RequestError:
    """400: something is wrong with the JSON."""
    return RequestError(400, "BadRequest", message, details_code="InputJsonInvalid")


def not_valid(problem: object) -> RequestError:
    """400: it is not JSON; `problem` names the place."""
    return invalid(f"The JSON received is not valid: {problem}.")


def wrong_token(schema: EventSchema, *, expected: str, actual: str, name: str = "") -> RequestError:
    """400: something of another type stands there, as the value of property `name` if given."""
    where = f" Property '{printable(name)}'." if name else ""
    return invalid(
        f"This resource is configured to receive event in '{WIRE_NAMES[schema]}' schema. The JSON "
        f"received does not conform to the expected schema. Token Expected: {expected}, Actual "
        f"Token Received: {actual}.{where}"
    )


def requires(schema: EventSchema, name: str, to_be: str = "set") -> RequestError:
    """400: property `name` is absent or breaks a rule."""
    return invalid(
        f"This resource is configured for '{WIRE_NAMES[schema]}' schema and requires "
        f"'{printable(name)}' property to be {to_be}."
    )


def unexpected(schema: EventSchema, name: str) -> RequestError:
    """400: the schema has no property `name`."""
    return invalid(
        f"This resource is configured for '{WIRE_NAMES[schema]}' schema. Received unexpected "
        f"property '{printable(name)}' in JSON which does not conform to the expected schema."
    )


def foreign_topic(named: str) -> RequestError:
    """401: the event names another topic."""
    message = f"The event's topic '{named}' is not that of this resource."
    return RequestError(401, "Unauthorized", message, details_code="Unauthorized")


def no_domain_topic(named: str) -> RequestError:
    """400: what the event gives as its topic cannot be one of the domain's."""
    return invalid(
        "Required property 'topic' needs to either be a full resource id or should be just the "
        f"name of the domain topic. Found: {named}."
    )


def wrong_header(header: str, problem: str) -> RequestError:
    """400: a header of a CloudEvent in the binary mode breaks a rule."""
    message = (
        f"{printable(header)} header {problem} for the cloud event. Please check required "
        f"attributes at {_ATTRIBUTES}"
    )
    return RequestError(400, "BadRequest", message, details_code="InvalidCloudEventHeader")


def wrong_content_type() -> RequestError:
    """415: the content type is none of CloudEvents."""
    return RequestError(
        415,
        "UnsupportedMediaType",
        "The Content-Type header is either missing or it doesn't have a valid value. The content "
        "type header must either be application/cloudevents+json; charset=utf-8 or "
        "application/cloudevents-batch+json; charset=UTF-8.",
        details_code="InvalidContentType",
    )


def no_channel(named: str) -> RequestError:
    """400: a publisher means a channel of a partner namespace. The words are our own."""
    message = (
        f"The 'aeg-channel-name' header names the channel '{printable(named)}', but channels "
        "belong to partner events, which are not supported. Publish without a channel."
    )
    return RequestError(400, "BadRequest", message, details_code="BadRequest")


def too_large(message: str) -> RequestError:
    """413: over a limit."""
    return RequestError(413, "RequestEntityTooLarge", message, details_code="PayloadTooLarge")


def printable(name: str) -> str:
    """The name as UTF-8 can carry it: an escape may have made half of a surrogate pair."""
    return name.encode(errors="backslashreplace").decode()
