"""Whose events can be subscribed to, and who must know when that changes?"""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from switchhook.grid.collections import TOPICS
from switchhook.grid.ports import Delete, Put
from switchhook.grid.resources.ids import key_of
from switchhook.grid.subscriptions import EventSubscription
from switchhook.grid.topics import Topic


class EventSource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource whose events can be subscribed to.

    `event_types` of None publishes whatever its owner likes. `slashed_subjects` are the beginnings
    of its subjects, in lower case, that follow a leading slash.
    """

    topic: Topic
    topic_type: str
    location: str
    event_types: frozenset[str] | None = None
    slashed_subjects: tuple[str, ...] = ()


class Routing(Protocol):
    """The router, as the resources see it: told of each change when it is durable."""

    def add_topic(self, topic: Topic) -> None:
        """The topic exists from now on, or has changed (its incarnation is the same)."""

    def remove_topic(self, incarnation: str) -> None:
        """The topic is deleted; its subscriptions were removed before."""

    def activate(self, subscription: EventSubscription) -> None:
        """This version is in force from its `from_position` on."""

    def remove_subscription(self, incarnation: str) -> None:
        """The event subscription is deleted, and with it what waits for it."""


class EventSources:
    """The sources by the id of their resource."""

    def __init__(self) -> None:
        self._sources: dict[str, EventSource] = {}

    def put(self, source: EventSource) -> None:
        """The source exists from now on, or has changed."""
        self._sources[key_of(source.topic.resource_id)] = source

    def remove(self, resource_id: str) -> None:
        """The source is deleted."""
        self._sources.pop(key_of(resource_id), None)

    def get(self, resource_id: str) -> EventSource | None:
        """The source with this id, in any spelling."""
        return self._sources.get(key_of(resource_id))

    def __iter__(self) -> Iterator[EventSource]:
        return iter(self._sources.values())


def put_topic(topic: Topic) -> Put:
    """The change that writes a topic down."""
    return Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))


def delete_topic(incarnation: str) -> Delete:
    """The change that removes a topic."""
    return Delete(TOPICS, incarnation)
