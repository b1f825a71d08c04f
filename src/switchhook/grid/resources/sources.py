"""Whose events can be subscribed to, and who must know when that changes?"""

from typing import Protocol

import msgspec

from switchhook.grid.collections import TOPICS
from switchhook.grid.ports import Delete, Put
from switchhook.grid.resources.ids import collapse, key_of
from switchhook.grid.resources.records import DomainRecord, DomainTopicRecord
from switchhook.grid.resources.view import ResourceView
from switchhook.grid.subscriptions import DeliverySettings, EventSubscription
from switchhook.grid.topics import Topic

_TOPICS = "/topics/"


class EventSource(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A resource whose events can be subscribed to.

    `topic` is a topic, a system topic or a domain; `domain_topic` narrows a domain to the topic of
    this name, and `is_implied` says that it would come with its first event subscription.
    `event_types` of None publishes whatever its owner likes. `slashed_subjects` are the beginnings
    of its subjects, in lower case, that follow a leading slash.
    """

    topic: Topic
    topic_type: str
    location: str
    event_types: frozenset[str] | None = None
    slashed_subjects: tuple[str, ...] = ()
    domain_topic: str = ""
    is_implied: bool = False

    @property
    def resource_id(self) -> str:
        """The id of what is subscribed to."""
        own = self.topic.resource_id
        return f"{own}{_TOPICS}{self.domain_topic}" if self.domain_topic else own


class Routing(Protocol):
    """The router, as the resources see it: told of each change when it is durable."""

    def add_topic(self, topic: Topic) -> None:
        """The topic exists from now on, or has changed (its incarnation is the same)."""

    def remove_topic(self, incarnation: str) -> None:
        """The topic is deleted; its subscriptions were removed before."""

    def activate(self, subscription: EventSubscription) -> None:
        """This version is in force from its `from_position` on."""

    def configure(self, incarnation: str, settings: DeliverySettings) -> None:
        """These are the settings of the event subscription, which may not be in force yet."""

    def remove_subscription(self, incarnation: str) -> None:
        """The event subscription is deleted, and with it what waits for it."""


class EventSources:
    """The sources by the id of their resource."""

    def __init__(self, view: ResourceView) -> None:
        self._view = view
        self._sources: dict[str, EventSource] = {}

    def put(self, source: EventSource) -> None:
        """The source exists from now on, or has changed."""
        self._sources[key_of(source.topic.resource_id)] = source

    def remove(self, resource_id: str) -> None:
        """The source is deleted."""
        self._sources.pop(key_of(resource_id), None)

    def get(self, resource_id: str) -> EventSource | None:
        """The source with this id, in any spelling; one that its first subscription would bring."""
        return self._sources.get(key_of(resource_id)) or self._domain_topic(resource_id)

    def _domain_topic(self, resource_id: str) -> EventSource | None:
        # A domain's 100,000 topics are no sources of their own, but the domain's, narrowed.
        topic_id = collapse(resource_id)
        owner, _, name = topic_id.rpartition("/")
        domain_key = owner.lower().removesuffix(_TOPICS.rstrip("/"))
        source = self._sources.get(domain_key)
        domain = self._view.get(domain_key, DomainRecord)
        if source is None or domain is None or domain_key == owner.lower():
            return None
        found = self._view.get(topic_id.lower(), DomainTopicRecord)
        if found is None and not domain.creates_topics:
            return None
        return msgspec.structs.replace(
            source, domain_topic=found.name if found else name, is_implied=found is None
        )


def put_topic(topic: Topic) -> Put:
    """The change that writes a topic down."""
    return Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))


def delete_topic(incarnation: str) -> Delete:
    """The change that removes a topic."""
    return Delete(TOPICS, incarnation)
