"""What events does a body in the log hold?"""

from collections.abc import Iterator

from switchhook.grid.events import Event, EventSchema
from switchhook.grid.schemas import event_grid
from switchhook.grid.topics import Topic


def read(
    body: bytes, schema: EventSchema, topic: Topic, *, first: int, published_at: int
) -> Iterator[Event]:
    """The events of an accepted body, the same each time; the position of the first is `first`.

    A body that holds events of this function's own, as exception rows do, is read the same way.
    """
    return event_grid.read(body, topic)
