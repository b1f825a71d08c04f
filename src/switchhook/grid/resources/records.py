"""How are Event Grid's resources written down?

The key of a document is the lower-case id. An event subscription is written down once, below the
resource whose events it wants, whichever of its ids a request used.
"""

from typing import Any

import msgspec

from switchhook.grid.events import EventSchema
from switchhook.grid.handshake import Handshake
from switchhook.grid.resources.ids import EVENT_GRID, key_of
from switchhook.grid.shared_values import SharedValues
from switchhook.grid.subscriptions import (
    DeadLetterDestination,
    DeliverySettings,
    Filter,
    ProvisioningState,
    RetryPolicy,
    WebHookDestination,
)

TOPICS = f"{EVENT_GRID}/topics".lower()
DOMAINS = f"{EVENT_GRID}/domains".lower()
SYSTEM_TOPICS = f"{EVENT_GRID}/systemTopics".lower()
SUBSCRIPTIONS = f"{EVENT_GRID}/eventSubscriptions".lower()
AUTO_CREATE = "autoCreateTopicWithFirstSubscription"
AUTO_DELETE = "autoDeleteTopicWithLastSubscription"
_SETTINGS = "/providers/switchhook.eventgrid/deliverysettings/default"


class KeyedRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What has an endpoint and keys; the keys are part of `grid.topics.Topic`, in `topics`.

    `properties` are those that were asked for, as they are written on the wire.
    """

    id: str
    name: str
    incarnation: str
    metric_resource_id: str
    location: str
    tags: dict[str, str] = {}
    echoed: dict[str, Any] = {}
    properties: dict[str, Any] = {}


class TopicRecord(KeyedRecord, frozen=True, kw_only=True, gc=False, tag="topic"):
    """A custom topic."""


class DomainRecord(KeyedRecord, frozen=True, kw_only=True, gc=False, tag="domain"):
    """A domain."""

    @property
    def creates_topics(self) -> bool:
        """Whether the first event subscription to a topic brings it."""
        return bool(self.properties.get(AUTO_CREATE, True))

    @property
    def deletes_topics(self) -> bool:
        """Whether the last event subscription to a topic takes it along."""
        return bool(self.properties.get(AUTO_DELETE, True))


class DomainTopicRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="domainTopic"):
    """A topic of a domain: no more than its name; `id` is spelled as it was created."""

    id: str
    name: str


class SystemTopicRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="systemTopic"):
    """The name under which the events of a source can be managed.

    An implicit one came with the first subscription of its source and goes with the last.
    """

    id: str
    name: str
    source: str
    topic_type: str
    metric_resource_id: str
    location: str
    tags: dict[str, str] = {}
    echoed: dict[str, Any] = {}
    implicit: bool = False


class ResourceIdentity(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """With which identity a topic was asked to deliver; it is kept and shown."""

    type: str
    user_assigned: str = ""


class SubscriptionDefinition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an event subscription was asked to be."""

    destination: WebHookDestination
    delivery_identity: ResourceIdentity | None = None
    dead_letter_destination: DeadLetterDestination | None = None
    dead_letter_identity: ResourceIdentity | None = None
    filter: Filter = Filter()
    retry_policy: RetryPolicy = RetryPolicy()
    event_delivery_schema: EventSchema = EventSchema.EVENT_GRID
    labels: tuple[str, ...] | None = None
    expires_at: int | None = None


class SubscriptionRecord(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag="eventSubscription"
):
    """An event subscription: what was asked for and how far that has come.

    `version` is the last one that came into force, 0 for none, and `in_force` what it says: a
    failed update leaves it as it was. `handshake` still runs or awaits its manual part.
    """

    source: str
    name: str
    incarnation: str
    definition: SubscriptionDefinition
    state: ProvisioningState
    operation: str
    version: int = 0
    in_force: SubscriptionDefinition | None = None
    handshake: Handshake | None = None
    attempts: int = 0
    error: str = ""


class DeliverySettingsRecord(
    DeliverySettings, frozen=True, kw_only=True, gc=False, tag="deliverySettings"
):
    """Switchhook's own settings of an event subscription; they may be made before it."""

    def plain(self) -> DeliverySettings:
        """The settings as the router knows them, equal to others of the same values."""
        return DeliverySettings(**msgspec.structs.asdict(self))


GRID_KINDS: tuple[type[msgspec.Struct], ...] = (
    TopicRecord,
    DomainRecord,
    DomainTopicRecord,
    SystemTopicRecord,
    SubscriptionRecord,
    DeliverySettingsRecord,
)


def subscription_key(source: str, name: str) -> str:
    """Where the event subscription `name` to the events of `source` is written down."""
    return f"{subscriptions_prefix(source)}{name.lower()}"


def subscriptions_prefix(source: str) -> str:
    """What the keys of all event subscriptions of a source begin with."""
    return f"{key_of(source)}/providers/{SUBSCRIPTIONS}/"


def settings_key(subscription: str) -> str:
    """Where the delivery settings of the event subscription with this key are written down."""
    return subscription + _SETTINGS


def share(document: msgspec.Struct, shared: SharedValues) -> msgspec.Struct:
    """An equal document, made of values that others have as well."""
    if not isinstance(document, SubscriptionRecord):
        return document
    definition = _share_definition(document.definition, shared)
    in_force = document.in_force
    return msgspec.structs.replace(
        document,
        source=shared.of(document.source),
        name=shared.of(document.name),
        incarnation=shared.of(document.incarnation),
        definition=definition,
        in_force=in_force and _share_definition(in_force, shared),
    )


def _share_definition(
    definition: SubscriptionDefinition, shared: SharedValues
) -> SubscriptionDefinition:
    return shared.of(
        msgspec.structs.replace(
            definition,
            destination=shared.of(definition.destination),
            dead_letter_destination=shared.of(definition.dead_letter_destination),
            filter=shared.filter(definition.filter),
            retry_policy=shared.of(definition.retry_policy),
        )
    )
