"""How do custom topics and system topics come, change and go?"""

from collections.abc import Iterator

import msgspec

from switchhook.errors import RequestError
from switchhook.grid.resources.body_rules import Body, refuse
from switchhook.grid.resources.ids import key_of, parse_scope
from switchhook.grid.resources.keyed_resources import (
    KeyedResources,
    KeyedTools,
    resource_not_found,
)
from switchhook.grid.resources.names import check_system_topic_name
from switchhook.grid.resources.records import SystemTopicRecord, TopicRecord
from switchhook.grid.resources.sources import EventSource
from switchhook.grid.resources.system_topics import find_system_topic
from switchhook.grid.resources.topic_rules import TOPIC, read_system_topic, update_system_topic
from switchhook.grid.topics import TopicKind


class TopicResources(KeyedResources[TopicRecord]):
    """Custom topics, and system topics beside them. Their names do not care about case."""

    def __init__(self, tools: KeyedTools) -> None:
        super().__init__(TOPIC, tools)
        self._subscriptions = tools.subscriptions
        self._new_id = tools.new_id

    def get_system_topic(self, topic_id: str) -> SystemTopicRecord:
        """The system topic.

        Raises:
            RequestError: there is none with this id.
        """
        record = self._view.get(key_of(topic_id), SystemTopicRecord)
        if record is None:
            raise resource_not_found(topic_id)
        return record

    def all_system_topics(self) -> Iterator[SystemTopicRecord]:
        """Every system topic, by id."""
        return (record for _, record in self._view.all(SystemTopicRecord))

    async def put_system_topic(self, topic_id: str, name: str, body: Body) -> SystemTopicRecord:
        """Create or replace. It takes the place of one that came by itself.

        Raises:
            RequestError: the body breaks a rule, or its source has a system topic already.
        """
        check_system_topic_name(name)
        key = key_of(topic_id)
        async with self._view.turn:
            before = self._view.get(key, SystemTopicRecord)
            record = read_system_topic(
                body,
                topic_id=before.id if before else topic_id,
                name=before.name if before else name,
                metric_resource_id=before.metric_resource_id if before else self._new_id(),
            )
            source = self._system_source(record)
            record = msgspec.structs.replace(
                record, source=source.topic.resource_id, topic_type=source.topic_type
            )
            if before is not None and key_of(before.source) != key_of(record.source):
                refuse("The source of a system topic cannot be changed.")
            found = find_system_topic(self._view, source)
            edits: dict[str, msgspec.Struct | None] = {key: record}
            if found is not None and found[0] != key:
                if not found[1].implicit:
                    raise _second_system_topic(found[1])
                edits[found[0]] = None
            await self._view.write(edits)
        return record

    async def patch_system_topic(self, topic_id: str, body: Body) -> SystemTopicRecord:
        """Change what `body` names."""
        async with self._view.turn:
            record = update_system_topic(self.get_system_topic(topic_id), body)
            await self._view.write({key_of(topic_id): record})
        return record

    async def delete_system_topic(self, topic_id: str) -> bool:
        """Remove it and the event subscriptions of its source; the source itself stays."""
        key = key_of(topic_id)
        async with self._view.turn:
            record = self._view.get(key, SystemTopicRecord)
            source = self._sources.get(record.source) if record else None
            if record is None or source is None:
                return False
            removal = await self._subscriptions.removal(source)
            await self._view.write(
                {**removal.edits, key: None},
                removal.changes,
                on_durable=lambda _: self._subscriptions.removed(removal),
            )
        return True

    def _system_source(self, record: SystemTopicRecord) -> EventSource:
        source = self._sources.get(record.source)
        if source is None or source.topic.kind is not TopicKind.SYSTEM:
            refuse(f"The source '{record.source}' of the system topic does not exist here.")
        if record.topic_type.lower() != source.topic_type.lower():
            refuse(
                f"The topicType '{record.topic_type}' does not fit the source: "
                f"it must be '{source.topic_type}'."
            )
        if record.location.lower() != source.location.lower():
            refuse(
                f"The location '{record.location}' of the system topic must be that of its "
                f"source: '{source.location}'."
            )
        ours, theirs = parse_scope(record.id), parse_scope(source.topic.resource_id)
        if ours.subscription.lower() != theirs.subscription.lower():
            refuse("A system topic must be in the Azure subscription of its source.")
        return source


def _second_system_topic(existing: SystemTopicRecord) -> RequestError:
    return RequestError(
        409,
        "Conflict",
        f"The source '{existing.source}' already has the system topic '{existing.name}': "
        "only one system topic is allowed for each source.",
    )
