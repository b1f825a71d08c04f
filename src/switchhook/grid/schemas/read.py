"""What events does a body in the log hold?"""

from collections.abc import Iterator, Sequence

from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas import cloud_events, custom_input, event_grid
from switchhook.grid.schemas.event_grid import AcceptedEvent
from switchhook.grid.topics import Topic

# Bare names: they are asked for with every batch.
_EVENT_GRID, _CUSTOM = EventSchema.EVENT_GRID, EventSchema.CUSTOM


def read(
    body: bytes,
    schema: EventSchema,
    topic: Topic,
    *,
    first: int,
    published_at: int,
    checked: Sequence[AcceptedEvent] | None = None,
) -> Iterator[Event]:
    """The events of an accepted body, the same each time; the position of the first is `first`.

    `checked` is what `accept` has made of it, where that is known. A body made of the `json` of
    events that this function gave, as exception rows have it, is read as those very events.
    """
    if schema is _EVENT_GRID:
        return event_grid.read(body, topic, checked)
    if schema is _CUSTOM:
        return custom_input.read(body, topic, first=first, published_at=published_at)
    return cloud_events.read(body, topic)
