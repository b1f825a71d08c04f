"""How do resources with an endpoint and two access keys come, change and go?

Custom topics and domains: what differs between them is their `TopicForm`.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Generic

import msgspec

from switchhook.errors import RequestError
from switchhook.grid.collections import TOPICS
from switchhook.grid.ports import Change, Records
from switchhook.grid.resources.body_rules import Body, refuse
from switchhook.grid.resources.ids import key_of
from switchhook.grid.resources.names import check_topic_name, quota_reached
from switchhook.grid.resources.records import DomainRecord, KeyedRecord, TopicRecord
from switchhook.grid.resources.sources import (
    EventSource,
    EventSources,
    Routing,
    delete_topic,
    put_topic,
)
from switchhook.grid.resources.subscription_versions import Removal
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.grid.resources.topic_rules import K, TopicForm, read_topic, topic_of, update_topic
from switchhook.grid.resources.view import ResourceView
from switchhook.grid.topics import Topic

KEY_BYTES = 32
KEY_NAMES = ("key1", "key2")
NAME_EXISTS = "{} with the specified name already exists. Choose a different {} name."


class KeyedTools(msgspec.Struct, frozen=True, kw_only=True):
    """What the resources work with."""

    view: ResourceView
    records: Records
    sources: EventSources
    subscriptions: SubscriptionResources
    routing: Routing
    new_id: Callable[[], str]
    random_bytes: Callable[[int], bytes]


class KeyedResources(Generic[K]):
    """The resources of one form. Their names do not care about case."""

    def __init__(self, form: TopicForm[K], tools: KeyedTools) -> None:
        self.form = form
        self._tools = tools
        self._view = tools.view
        self._sources = tools.sources

    async def load(self) -> None:
        """Make the stored resources known as sources; the view has been loaded before."""
        topics = await stored_topics(self._tools.records)
        for _, record in self._view.all(self.form.record):
            self._sources.put(self._source(topics[record.incarnation], record))

    # --- reading -------------------------------------------------------------------------------

    def get(self, resource_id: str) -> K:
        """The resource.

        Raises:
            RequestError: there is none with this id.
        """
        record = self.find(resource_id)
        if record is None:
            raise resource_not_found(resource_id)
        return record

    def find(self, resource_id: str) -> K | None:
        """The resource, or None."""
        return self._view.get(key_of(resource_id), self.form.record)

    def all(self) -> Iterator[K]:
        """Every resource of this form, by id."""
        return (record for _, record in self._view.all(self.form.record))

    def keys(self, resource_id: str) -> tuple[str, str]:
        """Both access keys."""
        keys = self._topic(self.get(resource_id)).keys
        assert keys is not None, "it was made with keys"  # noqa: S101 - an invariant of `put`
        return keys

    def asks_for(self, resource_id: str, body: Body) -> bool:
        """Whether the resource exists and is what the body of a PUT would make it.

        Raises:
            RequestError: the body breaks a rule.
        """
        before = self.find(resource_id)
        return before is not None and read_topic(self.form, body, before, before) == before

    # --- writing -------------------------------------------------------------------------------

    async def put(
        self, resource_id: str, name: str, body: Body, keys: tuple[str, str] | None = None
    ) -> K:
        """Create or replace; one that is replaced keeps its incarnation, keys and input schema.

        Raises:
            RequestError: the body breaks a rule, the name is taken, or the quota is reached.
        """
        check_topic_name(name, self.form.label.capitalize())
        key = key_of(resource_id)
        async with self._view.turn:
            before = self._view.get(key, self.form.record)
            if before is None:
                self._check_free(name, resource_id)
                new = self._new(resource_id, name)
                keys = keys or (self._new_key(), self._new_key())
            else:
                new, keys = before, self.keys(resource_id)
            record = read_topic(self.form, body, new, before)
            await self._write(key, record, keys)
        return record

    async def patch(self, resource_id: str, body: Body) -> K:
        """Change what `body` names."""
        async with self._view.turn:
            record = update_topic(self.form, self.get(resource_id), body)
            await self._write(key_of(resource_id), record, self.keys(resource_id))
        return record

    async def delete(self, resource_id: str) -> bool:
        """Remove it and all below it in one commit; False if there was none."""
        key = key_of(resource_id)
        async with self._view.turn:
            source = self._sources.get(resource_id)
            if source is None or self.find(resource_id) is None:
                return False
            removal = await self._tools.subscriptions.removal(source)
            await self._view.write(
                {**removal.edits, **self._below(key), key: None},
                [*removal.changes, delete_topic(source.topic.incarnation)],
                on_durable=lambda _: self.source_removed(source, removal),
            )
        return True

    async def set_keys(self, resource_id: str, keys: tuple[str, str]) -> None:
        """Give it these keys; the former ones open it no longer."""
        async with self._view.turn:
            await self._write(key_of(resource_id), self.get(resource_id), keys)

    async def regenerate_key(self, resource_id: str, key_name: object) -> tuple[str, str]:
        """Replace `key1` or `key2`; answers both keys."""
        if not isinstance(key_name, str) or key_name.lower() not in KEY_NAMES:
            refuse("The value of 'keyName' must be 'key1' or 'key2'.")
        async with self._view.turn:
            record = self.get(resource_id)
            first, second = self.keys(resource_id)
            fresh = self._new_key()
            keys = (fresh, second) if key_name.lower() == "key1" else (first, fresh)
            await self._write(key_of(resource_id), record, keys)
        return keys

    def source_removed(self, source: EventSource, removal: Removal) -> None:
        """A commit that deletes a source and its subscriptions is durable."""
        self._tools.subscriptions.removed(removal)
        self._sources.remove(source.topic.resource_id)
        self._tools.routing.remove_topic(source.topic.incarnation)

    # --- parts ---------------------------------------------------------------------------------

    def _below(self, key: str) -> dict[str, msgspec.Struct | None]:
        """What goes with the resource, besides its event subscriptions."""
        return {}

    async def _write(self, key: str, record: K, keys: tuple[str, str]) -> None:
        topic = topic_of(self.form, record, keys)

        def show(_: int) -> None:
            self._sources.put(self._source(topic, record))
            self._tools.routing.add_topic(topic)

        changes: list[Change] = [put_topic(topic)]
        await self._view.write({key: record}, changes, show)

    def _source(self, topic: Topic, record: K) -> EventSource:
        return EventSource(topic=topic, topic_type=self.form.topic_type, location=record.location)

    def _topic(self, record: K) -> Topic:
        source = self._sources.get(record.id)
        if source is None:
            raise resource_not_found(record.id)
        return source.topic

    def _new(self, resource_id: str, name: str) -> K:
        return self.form.record(
            id=resource_id,
            name=name,
            incarnation=self._tools.new_id(),
            metric_resource_id=self._tools.new_id(),
            location="",
        )

    def _check_free(self, name: str, resource_id: str) -> None:
        label, limit = self.form.label, self.form.limit
        # A name is a host name, so that topics and domains share them.
        if any(name.lower() == taken.lower() for taken in self._names()):
            message = NAME_EXISTS.format(label.capitalize(), label)
            raise RequestError(409, "Conflict", message)
        mine = key_of(resource_id).split("/")[2]
        if self._view.count(self.form.record, f"/subscriptions/{mine}/") >= limit:
            raise quota_reached(f"{label}s per Azure subscription", limit)

    def _names(self) -> Iterator[str]:
        kinds: tuple[type[KeyedRecord], ...] = (TopicRecord, DomainRecord)
        for kind in kinds:
            yield from (record.name for _, record in self._view.all(kind))

    def _new_key(self) -> str:
        return base64.b64encode(self._tools.random_bytes(KEY_BYTES)).decode("ascii")


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
