"""What is an event, and what does the router know about one?"""

from enum import StrEnum

import msgspec


class EventSchema(StrEnum):
    """The wire form of published or delivered events; each member is Azure's own text.

    Azure spells the custom form `CustomEventSchema` on a topic and `CustomInputSchema` on a
    subscription (azure-mgmt-eventgrid 10.4.0, `InputSchema` and `EventDeliverySchema`).
    """

    EVENT_GRID = "EventGridSchema"
    CLOUD_EVENTS = "CloudEventSchemaV1_0"
    CUSTOM = "CustomEventSchema"


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: the attributes that routing needs, free of any wire form, and its text.

    `json` is the JSON object that was published, in `schema` (the input schema of its topic),
    verbatim but for members that the service stamps when they are absent. `data_version` is "" when
    there is none. `source` is the ARM id that deliveries in the Event Grid schema carry as `topic`,
    or the `source` attribute of a CloudEvent. `domain_topic` is the lower-case name of the domain
    topic that it was published to, "" outside of a domain. `time` is the text of its time as a
    custom event's mapping gives it, "" where `json` itself has it.
    """

    id: str
    type: str
    subject: str
    data_version: str
    json: bytes
    source: str = ""
    schema: EventSchema = EventSchema.EVENT_GRID
    domain_topic: str = ""
    time: str = ""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """An event plus what the router knows: where in the log and when it was accepted.

    `published_at` is in nanoseconds since the epoch; `traceparent` is that of its request, or "".
    """

    position: int
    published_at: int
    event: Event
    traceparent: str = ""
