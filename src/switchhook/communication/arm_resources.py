"""How do Communication Services resources come, change and go?

A resource and the system topic that carries its events exist together: one commit writes both.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from switchhook.communication.arm_rules import (
    TOPIC_TYPE,
    CommunicationRecord,
    normalize_number,
    read_event_settings,
    read_number,
    read_resource,
    slashed_subjects,
    update_resource,
)
from switchhook.communication.resources import CommunicationResource, NumberKind, OwnedNumber
from switchhook.errors import RequestError
from switchhook.grid.resources.body_rules import Body, refuse
from switchhook.grid.resources.ids import key_of
from switchhook.grid.resources.keyed_resources import resource_not_found
from switchhook.grid.resources.names import check_communication_name
from switchhook.grid.resources.sources import (
    EventSource,
    EventSources,
    Routing,
    delete_topic,
    put_topic,
)
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.grid.resources.system_topics import find_system_topic
from switchhook.grid.resources.topics import TopicResources
from switchhook.grid.resources.view import ResourceView
from switchhook.grid.topics import Topic, TopicKind

KEY_BYTES = 64
NAME_EXISTS = "The requested resource name '{name}' is not available."
_KEY_TYPES = ("primary", "secondary")


class Directory(Protocol):
    """Who else must know the resources: what verifies signatures and finds numbers."""

    def put(self, resource: CommunicationResource) -> None:
        """The resource exists from now on, or has changed."""

    def remove(self, resource_id: str) -> None:
        """The resource is deleted."""


class EventRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue of events knows: names of types and of profiles."""

    types: frozenset[str]
    profiles: frozenset[str]


class FixedValues(msgspec.Struct, frozen=True, kw_only=True):
    """Values for a resource of a new installation, which are otherwise made up."""

    keys: tuple[str, str]
    immutable_id: str
    numbers: tuple[OwnedNumber, ...] = ()


class CommunicationResources:
    """The Communication Services resources. A name is given once per server: it is a host name."""

    def __init__(
        self,
        *,
        view: ResourceView,
        sources: EventSources,
        subscriptions: SubscriptionResources,
        topics: TopicResources,
        routing: Routing,
        directory: Directory,
        event_rules: EventRules,
        new_id: Callable[[], str],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._view = view
        self._sources = sources
        self._subscriptions = subscriptions
        self._topics = topics
        self._routing = routing
        self._directory = directory
        self._event_rules = event_rules
        self._new_id = new_id
        self._random_bytes = random_bytes

    def load(self) -> None:
        """Make the stored resources known; the view has been loaded before."""
        for _, record in self._view.all(CommunicationRecord):
            self._sources.put(self._source(record))
            self._directory.put(record.resource)

    # --- reading -------------------------------------------------------------------------------

    def get(self, resource_id: str) -> CommunicationRecord:
        """The resource.

        Raises:
            RequestError: there is none with this id.
        """
        record = self._view.get(key_of(resource_id), CommunicationRecord)
        if record is None:
            raise resource_not_found(resource_id)
        return record

    def all(self) -> Iterator[CommunicationRecord]:
        """Every resource, by id."""
        return (record for _, record in self._view.all(CommunicationRecord))

    def is_free(self, name: str) -> bool:
        """Whether no resource of this server has the name."""
        return all(record.resource.name.lower() != name.lower() for record in self.all())

    def number(self, resource_id: str, name: str) -> OwnedNumber:
        """One of the resource's numbers.

        Raises:
            RequestError: it has no such number.
        """
        value = normalize_number(name)
        for number in self.get(resource_id).resource.numbers:
            if number.value.lower() == value.lower():
                return number
        raise resource_not_found(
            f"{resource_id}/providers/Switchhook.Communication/phoneNumbers/{name}"
        )

    # --- writing -------------------------------------------------------------------------------

    async def put(
        self, resource_id: str, name: str, body: Body, fixed: FixedValues | None = None
    ) -> CommunicationRecord:
        """Create or replace; a resource that is replaced keeps its keys, numbers and events.

        Raises:
            RequestError: the body breaks a rule, or the name is taken.
        """
        check_communication_name(name)
        key = key_of(resource_id)
        async with self._view.turn:
            before = self._view.get(key, CommunicationRecord)
            if before is None and not self.is_free(name):
                raise RequestError(409, "NameNotAvailable", NAME_EXISTS.format(name=name))
            resource = before.resource if before else self._new(resource_id, name, fixed)
            record = read_resource(body, resource=resource, before=before)
            await self._write(key, record)
        return record

    async def patch(self, resource_id: str, body: Body) -> CommunicationRecord:
        """Change what `body` names."""
        async with self._view.turn:
            record = update_resource(self.get(resource_id), body)
            await self._write(key_of(resource_id), record)
        return record

    async def delete(self, resource_id: str) -> bool:
        """Remove it, its system topic and its event subscriptions in one commit."""
        key = key_of(resource_id)
        async with self._view.turn:
            record = self._view.get(key, CommunicationRecord)
            source = self._sources.get(resource_id)
            if record is None or source is None:
                return False
            removal = await self._subscriptions.removal(source)
            edits: dict[str, msgspec.Struct | None] = {**removal.edits, key: None}
            system_topic = find_system_topic(self._view, source)
            if system_topic is not None:
                edits[system_topic[0]] = None

            def show(_: int) -> None:
                self._topics.source_removed(source, removal)
                self._directory.remove(record.resource.resource_id)

            changes = [*removal.changes, delete_topic(source.topic.incarnation)]
            await self._view.write(edits, changes, show)
        return True

    async def set_keys(self, resource_id: str, keys: tuple[str, str]) -> None:
        """Give the resource these keys; the former ones are worth nothing any longer."""
        async with self._view.turn:
            await self._change(resource_id, keys=keys)

    async def regenerate_key(self, resource_id: str, key_type: object) -> CommunicationRecord:
        """Replace the `Primary` or the `Secondary` key."""
        if not isinstance(key_type, str) or key_type.lower() not in _KEY_TYPES:
            refuse("The value of 'keyType' must be 'Primary' or 'Secondary'.")
        async with self._view.turn:
            first, second = self.get(resource_id).resource.keys
            fresh = self._new_key()
            keys = (fresh, second) if key_type.lower() == "primary" else (first, fresh)
            return await self._change(resource_id, keys=keys)

    async def put_number(self, resource_id: str, name: str, body: Body) -> OwnedNumber:
        """Give a number to the resource.

        Raises:
            RequestError: the number is malformed, or belongs to another resource.
        """
        number = read_number(name, body)
        async with self._view.turn:
            mine = self.get(resource_id).resource
            for record in self.all():
                if record.resource.resource_id != mine.resource_id and _owns(record, number):
                    raise RequestError(
                        409,
                        "Conflict",
                        f"The number '{number.value}' belongs to the communication service "
                        f"'{record.resource.name}'.",
                    )
            if number not in mine.numbers:
                others = (owned for owned in mine.numbers if owned.value != number.value)
                await self._change(resource_id, numbers=(*others, number))
        return number

    async def delete_number(self, resource_id: str, name: str) -> bool:
        """Take a number from the resource; False if it had no such number."""
        value = normalize_number(name).lower()
        async with self._view.turn:
            numbers = self.get(resource_id).resource.numbers
            left = tuple(number for number in numbers if number.value.lower() != value)
            if len(left) < len(numbers):
                await self._change(resource_id, numbers=left)
            return len(left) < len(numbers)

    async def put_event_settings(self, resource_id: str, body: Body) -> CommunicationRecord:
        """Say how the resource's events look."""
        settings = read_event_settings(body, self._event_rules.profiles)
        async with self._view.turn:
            self.get(resource_id)
            return await self._change(resource_id, events=settings)

    # --- parts ---------------------------------------------------------------------------------

    async def _change(self, resource_id: str, **members: object) -> CommunicationRecord:
        record = self.get(resource_id)
        resource = msgspec.structs.replace(record.resource, **members)
        changed = msgspec.structs.replace(record, resource=resource)
        await self._write(key_of(resource_id), changed)
        return changed

    async def _write(self, key: str, record: CommunicationRecord) -> None:
        source = self._source(record)

        def show(_: int) -> None:
            self._sources.put(source)
            self._directory.put(record.resource)
            self._routing.add_topic(source.topic)

        await self._view.write({key: record}, [put_topic(source.topic)], show)

    def _source(self, record: CommunicationRecord) -> EventSource:
        resource = record.resource
        topic = Topic(
            incarnation=resource.topic,
            resource_id=resource.resource_id,
            name=resource.name,
            kind=TopicKind.SYSTEM,
            ignores_leading_slash=not resource.events.strict_subject_filters,
        )
        return EventSource(
            topic=topic,
            topic_type=TOPIC_TYPE,
            location=record.location,
            event_types=self._event_rules.types,
            slashed_subjects=slashed_subjects(resource.events),
        )

    def _new(self, resource_id: str, name: str, fixed: FixedValues | None) -> CommunicationResource:
        return CommunicationResource(
            resource_id=resource_id,
            name=name,
            immutable_id=fixed.immutable_id if fixed else self._new_id(),
            topic=self._new_id(),
            keys=fixed.keys if fixed else (self._new_key(), self._new_key()),
            numbers=fixed.numbers if fixed else (),
        )

    def _new_key(self) -> str:
        return base64.b64encode(self._random_bytes(KEY_BYTES)).decode("ascii")


def _owns(record: CommunicationRecord, number: OwnedNumber) -> bool:
    if number.kind is NumberKind.ALPHANUMERIC:
        return False  # anyone may call himself so
    return any(owned.value == number.value for owned in record.resource.numbers)
