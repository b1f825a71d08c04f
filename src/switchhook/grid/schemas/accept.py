"""What may be published to a topic, and what of a request is kept?"""

from collections.abc import Sequence

import msgspec

from switchhook.grid.events import EventSchema
from switchhook.grid.schemas import (
    cloud_event_requests,
    cloud_events,
    custom_input,
    event_grid,
    json_text,
    refusals,
)
from switchhook.grid.schemas.event_grid import AcceptedEvent
from switchhook.grid.topics import Topic

# Bare names: they are asked for in every request.
_EVENT_GRID, _CUSTOM = EventSchema.EVENT_GRID, EventSchema.CUSTOM


class PublishRequest(msgspec.Struct, frozen=True, gc=False):
    """What of a publish request bears on its events.

    `headers` are those whose names begin with `ce-`, by their lower-case names. `channel` is the
    partner channel that the publisher means, "" without one.
    """

    body: bytes
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    channel: str = ""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The events of a request, as the log keeps them.

    `body` is a JSON array of `count` events in the topic's input schema. `ids` has the id of each;
    "" where the event has none and gets one by its position in the log. `checked` is what `read`
    need not decode again.
    """

    body: bytes
    count: int
    ids: Sequence[str]
    checked: Sequence[AcceptedEvent] | None = None


def accept(request: PublishRequest, topic: Topic) -> Accepted:
    """The events of a request, all of which obey the rules of the topic's input schema.

    Raises:
        RequestError: 400 naming the first wrong property or header, or the channel; 401 for a
            foreign `topic`; 413 over a limit; 415 for a content type that the schema does not have.
    """
    body, schema = request.body, topic.input_schema
    if request.channel:
        raise refusals.no_channel(request.channel)
    if len(body) > json_text.MAX_BODY_BYTES:
        raise json_text.too_large()
    if schema is _EVENT_GRID:
        checked = event_grid.check(body, topic)
        return Accepted(body, len(checked), [event.id for event in checked], checked)
    if schema is _CUSTOM:
        ids = custom_input.check(body, topic)
    else:
        body = cloud_event_requests.array(body, request.content_type, request.headers)
        ids = cloud_events.check(body, topic)
    return Accepted(body, len(ids), ids)
