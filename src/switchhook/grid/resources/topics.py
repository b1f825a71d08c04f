"""How do topics and system topics come, change and go?"""

import base64
from collections.abc import Callable, Iterator

import msgspec

from switchhook.errors import RequestError
from switchhook.grid.collections import TOPICS
from switchhook.grid.ports import Records
from switchhook.grid.resources.body_rules import Body, refuse
from switchhook.grid.resources.ids import key_of
from switchhook.grid.resources.names import (
    MAX_TOPICS,
    check_system_topic_name,
    check_topic_name,
    quota_reached,
)
from switchhook.grid.resources.records import SystemTopicRecord, TopicRecord
from switchhook.grid.resources.sources import (
    EventSource,
    EventSources,
    Routing,
    delete_topic,
    put_topic,
)
from switchhook.grid.resources.subscription_versions import Removal
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.grid.resources.system_topics import find_system_topic
from switchhook.grid.resources.topic_rules import (
    read_system_topic,
    read_topic,
    update_system_topic,
    update_topic,
)
from switchhook.grid.resources.view import ResourceView
from switchhook.grid.topics import Topic, TopicKind

TOPIC_TYPE = "Microsoft.EventGrid.Topics"
KEY_BYTES = 32
KEY_NAMES = ("key1", "key2")

NAME_EXISTS = "Topic with the specified name already exists. Choose a different topic name."


class TopicResources:
    """Custom topics and system topics. Their names do not care about case."""

    def __init__(
        self,
        *,
        view: ResourceView,
        records: Records,
        sources: EventSources,
        subscriptions: SubscriptionResources,
        routing: Routing,
        new_id: Callable[[], str],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._view = view
        self._records = records
        self._sources = sources
        self._subscriptions = subscriptions
        self._routing = routing
        self._new_id = new_id
        self._random_bytes = random_bytes

    async def load(self) -> None:
        """Make the stored custom topics known as sources; the view has been loaded before."""
        topics = await stored_topics(self._records)
        for _, record in self._view.all(TopicRecord):
            self._sources.put(_source(topics[record.incarnation], record))

    # --- custom topics -------------------------------------------------------------------------

    def get(self, topic_id: str) -> TopicRecord:
        """The topic.

        Raises:
            RequestError: there is none with this id.
        """
        record = self._view.get(key_of(topic_id), TopicRecord)
        if record is None:
            raise resource_not_found(topic_id)
        return record

    def all(self) -> Iterator[TopicRecord]:
        """Every custom topic, by id."""
        return (record for _, record in self._view.all(TopicRecord))

    async def put(
        self, topic_id: str, name: str, body: Body, keys: tuple[str, str] | None = None
    ) -> TopicRecord:
        """Create or replace; a topic that is replaced keeps its incarnation and its keys.

        Raises:
            RequestError: the body breaks a rule, the name is taken, or the quota is reached.
        """
        check_topic_name(name)
        key = key_of(topic_id)
        async with self._view.turn:
            before = self._view.get(key, TopicRecord)
            if before is None:
                self._check_free(name, topic_id)
                ids = (self._new_id(), self._new_id())
                topic = Topic(
                    incarnation=ids[0],
                    resource_id=topic_id,
                    name=name,
                    keys=keys or (self._new_key(), self._new_key()),
                )
                record = read_topic(body, topic_id=topic_id, name=name, ids=ids)
            else:
                ids = (before.incarnation, before.metric_resource_id)
                record = read_topic(body, topic_id=before.id, name=before.name, ids=ids)
                topic = self._topic(before)
            await self._write(key, record, topic)
        return record

    async def patch(self, topic_id: str, body: Body) -> TopicRecord:
        """Change what `body` names."""
        async with self._view.turn:
            before = self.get(topic_id)
            record = update_topic(before, body)
            await self._write(key_of(topic_id), record, self._topic(before))
        return record

    async def delete(self, topic_id: str) -> bool:
        """Remove the topic and its event subscriptions in one commit; False if there was none."""
        key = key_of(topic_id)
        async with self._view.turn:
            source = self._sources.get(topic_id)
            if source is None or self._view.get(key, TopicRecord) is None:
                return False
            removal = await self._subscriptions.removal(source)
            await self._view.write(
                {**removal.edits, key: None},
                [*removal.changes, delete_topic(source.topic.incarnation)],
                on_durable=lambda _: self.source_removed(source, removal),
            )
        return True

    def keys(self, topic_id: str) -> tuple[str, str]:
        """Both access keys."""
        keys = self._topic(self.get(topic_id)).keys
        assert keys is not None, "a custom topic has keys"  # noqa: S101 - an invariant of `put`
        return keys

    async def set_keys(self, topic_id: str, keys: tuple[str, str]) -> None:
        """Give the topic these keys; the former ones open it no longer."""
        async with self._view.turn:
            record = self.get(topic_id)
            topic = msgspec.structs.replace(self._topic(record), keys=keys)
            await self._write(key_of(topic_id), record, topic)

    async def regenerate_key(self, topic_id: str, key_name: object) -> tuple[str, str]:
        """Replace `key1` or `key2`; answers both keys."""
        if not isinstance(key_name, str) or key_name.lower() not in KEY_NAMES:
            refuse("The value of 'keyName' must be 'key1' or 'key2'.")
        async with self._view.turn:
            record = self.get(topic_id)
            first, second = self.keys(topic_id)
            fresh = self._new_key()
            keys = (fresh, second) if key_name.lower() == "key1" else (first, fresh)
            topic = msgspec.structs.replace(self._topic(record), keys=keys)
            await self._write(key_of(topic_id), record, topic)
        return keys

    def source_removed(self, source: EventSource, removal: Removal) -> None:
        """A commit that deletes a source and its subscriptions is durable."""
        self._subscriptions.removed(removal)
        self._sources.remove(source.topic.resource_id)
        self._routing.remove_topic(source.topic.incarnation)

    async def _write(self, key: str, record: TopicRecord, topic: Topic) -> None:
        def show(_: int) -> None:
            self._sources.put(_source(topic, record))
            self._routing.add_topic(topic)

        await self._view.write({key: record}, [put_topic(topic)], show)

    def _topic(self, record: TopicRecord) -> Topic:
        source = self._sources.get(record.id)
        if source is None:
            raise resource_not_found(record.id)
        return source.topic

    def _check_free(self, name: str, topic_id: str) -> None:
        mine = key_of(topic_id).split("/")[2]
        taken = [record for record in self.all() if record.name.lower() == name.lower()]
        if taken:
            raise RequestError(409, "Conflict", NAME_EXISTS)
        if (
            sum(1 for key, _ in self._view.all(TopicRecord, f"/subscriptions/{mine}/"))
            >= MAX_TOPICS
        ):
            raise quota_reached("topics per Azure subscription", MAX_TOPICS)

    def _new_key(self) -> str:
        return base64.b64encode(self._random_bytes(KEY_BYTES)).decode("ascii")

    # --- system topics -------------------------------------------------------------------------

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
        return source


async def stored_topics(records: Records) -> dict[str, Topic]:
    """Every topic that is written down, by incarnation."""
    return {
        found.key: msgspec.json.decode(found.value, type=Topic)
        for found in await records.scan(TOPICS)
    }


def resource_not_found(resource_id: str) -> RequestError:
    """The answer when no resource has this id."""
    parts = resource_id.split("/")
    kind, group = "/".join(parts[6:]), parts[4] if len(parts) > 4 else ""
    return RequestError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}' under resource group '{group}' was not found.",
    )


def _source(topic: Topic, record: TopicRecord) -> EventSource:
    return EventSource(topic=topic, topic_type=TOPIC_TYPE, location=record.location)


def _second_system_topic(existing: SystemTopicRecord) -> RequestError:
    return RequestError(
        409,
        "Conflict",
        f"The source '{existing.source}' already has the system topic '{existing.name}': "
        "only one system topic is allowed for each source.",
    )
