"""Which system topic stands for a source, and when does one come by itself?"""

from collections.abc import Callable

import msgspec

from switchhook.grid.resources.ids import EVENT_GRID, key_of, parse_scope
from switchhook.grid.resources.records import SystemTopicRecord
from switchhook.grid.resources.sources import EventSource
from switchhook.grid.resources.view import ResourceView


def find_system_topic(
    view: ResourceView, source: EventSource
) -> tuple[str, SystemTopicRecord] | None:
    """The system topic of a source, with its key: there is at most one."""
    wanted = key_of(source.topic.resource_id)
    for key, record in view.all(SystemTopicRecord):
        if key_of(record.source) == wanted:
            return key, record
    return None


def implicit_system_topic(
    source: EventSource, new_id: Callable[[], str]
) -> dict[str, msgspec.Struct | None]:
    """The system topic that appears with the first event subscription made on the source itself.

    It is named `<resource>-<GUID>` (system-topics.md).
    """
    scope = parse_scope(source.topic.resource_id)
    name = f"{source.topic.name}-{new_id()}"
    record = SystemTopicRecord(
        id=(
            f"/subscriptions/{scope.subscription}/resourceGroups/{scope.group}"
            f"/providers/{EVENT_GRID}/systemTopics/{name}"
        ),
        name=name,
        source=source.topic.resource_id,
        topic_type=source.topic_type,
        metric_resource_id=new_id(),
        location=source.location,
        implicit=True,
    )
    return {key_of(record.id): record}
