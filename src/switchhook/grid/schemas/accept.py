"""What may be published to a topic, and what of a request is kept?"""

from collections.abc import Sequence

import msgspec

from switchhook.grid.schemas import event_grid
from switchhook.grid.topics import Topic


class PublishRequest(msgspec.Struct, frozen=True):
    """What of a publish request bears on its events.

    `headers` are those whose names begin with `ce-`, by their lower-case names.
    """

    body: bytes
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Accepted(msgspec.Struct, frozen=True):
    """The events of a request, as the log keeps them.

    `body` is a JSON array of `count` events in the topic's input schema. `ids` has the id of each;
    "" where the event has none and gets one by its position in the log.
    """

    body: bytes
    count: int
    ids: Sequence[str]


def accept(request: PublishRequest, topic: Topic) -> Accepted:
    """The events of a request, all of which obey the rules of the topic's input schema.

    Raises:
        RequestError: 400 naming the first wrong property, 401 for a foreign `topic`, 413 over a
            limit, 415 for a content type that the schema does not have.
    """
    ids = event_grid.check(request.body, topic)
    return Accepted(request.body, len(ids), ids)
