"""What are events published to?"""

from enum import StrEnum

import msgspec

from switchhook.grid.events import EventSchema


class TopicKind(StrEnum):
    """Who may publish to a topic."""

    CUSTOM = "custom"  # its owner's application, with an access key
    SYSTEM = "system"  # only the Azure service that it belongs to; it has no endpoint and no keys


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """Where events are published, as the router sees it.

    `incarnation` names this very topic for ever: one deleted and created again under the same name
    is another. `resource_id` is the ARM id that delivered events carry as `topic`. A system topic
    stands for the events of one Azure resource, whose id is then `resource_id`.

    `ignores_leading_slash`: one leading slash of a subject does not count in `subjectBeginsWith`.
    The overview article promises that `"subjectBeginsWith": "phonenumber/1555"` selects the SMS
    events of those numbers, although their subjects begin with a slash in every sample.
    """

    incarnation: str
    resource_id: str
    name: str
    kind: TopicKind = TopicKind.CUSTOM
    input_schema: EventSchema = EventSchema.EVENT_GRID
    keys: tuple[str, str] | None = None
    ignores_leading_slash: bool = False
