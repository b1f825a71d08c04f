"""How are the resources of Event Grid and of Communication Services put together?"""

from collections.abc import Callable
from functools import partial

import msgspec

from switchhook.clock import Clock
from switchhook.communication.arm_resources import (
    CommunicationResources,
    Directory,
    EventRules,
)
from switchhook.communication.arm_rules import CommunicationRecord
from switchhook.grid.resources.domains import DomainResources
from switchhook.grid.resources.keyed_resources import KeyedTools
from switchhook.grid.resources.operations import Operations
from switchhook.grid.resources.records import GRID_KINDS, share
from switchhook.grid.resources.sources import EventSources, Routing
from switchhook.grid.resources.subscription_life import HandshakeTools, SubscriptionLife
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.grid.resources.topics import TopicResources
from switchhook.grid.resources.view import ResourceStore, ResourceView
from switchhook.grid.shared_values import SharedValues


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """Where ids (GUIDs in lower case) and keys come from."""

    new_id: Callable[[], str]
    random_bytes: Callable[[int], bytes]


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be managed.

    `start` of `life` takes up unfinished handshakes and deadlines; call it when the server listens,
    because a handshake may lead back to it.
    """

    topics: TopicResources
    domains: DomainResources
    subscriptions: SubscriptionResources
    communication: CommunicationResources
    sources: EventSources
    operations: Operations
    life: SubscriptionLife


async def open_resources(
    *,
    store: ResourceStore,
    routing: Routing,
    directory: Directory,
    event_rules: EventRules,
    tools: HandshakeTools,
    clock: Clock,
    chance: Chance,
    allow_http_webhooks: bool = False,
    shared: SharedValues | None = None,
) -> Resources:
    """Read what is stored and make it known; the router reads its own part itself, and may have
    read equal values already."""
    view = ResourceView(store, (*GRID_KINDS, CommunicationRecord))
    await view.load(partial(share, shared=shared or SharedValues()))
    ground = _Ground(
        store=store,
        routing=routing,
        clock=clock,
        chance=chance,
        view=view,
        sources=EventSources(view),
        operations=Operations(clock=clock, new_id=chance.new_id),
    )
    life, subscriptions = _subscriptions(ground, tools, allow_http_webhooks=allow_http_webhooks)
    topics, domains = await _topics_and_domains(ground, subscriptions)
    communication = _communication(ground, subscriptions, topics, directory, event_rules)
    life.load()
    return Resources(
        topics=topics,
        domains=domains,
        subscriptions=subscriptions,
        communication=communication,
        sources=ground.sources,
        operations=ground.operations,
        life=life,
    )


class _Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all resources stand on."""

    store: ResourceStore
    routing: Routing
    clock: Clock
    chance: Chance
    view: ResourceView
    sources: EventSources
    operations: Operations


def _subscriptions(
    ground: _Ground, tools: HandshakeTools, *, allow_http_webhooks: bool
) -> tuple[SubscriptionLife, SubscriptionResources]:
    life = SubscriptionLife(
        view=ground.view,
        records=ground.store,
        sources=ground.sources,
        routing=ground.routing,
        operations=ground.operations,
        clock=ground.clock,
        new_id=ground.chance.new_id,
        tools=tools,
    )
    subscriptions = SubscriptionResources(
        view=ground.view,
        records=ground.store,
        sources=ground.sources,
        operations=ground.operations,
        life=life,
        clock=ground.clock,
        new_id=ground.chance.new_id,
        allow_http_webhooks=allow_http_webhooks,
    )
    return life, subscriptions


async def _topics_and_domains(
    ground: _Ground, subscriptions: SubscriptionResources
) -> tuple[TopicResources, DomainResources]:
    tools = KeyedTools(
        view=ground.view,
        records=ground.store,
        sources=ground.sources,
        subscriptions=subscriptions,
        routing=ground.routing,
        new_id=ground.chance.new_id,
        random_bytes=ground.chance.random_bytes,
    )
    topics, domains = TopicResources(tools), DomainResources(tools)
    await topics.load()
    await domains.load()
    return topics, domains


def _communication(
    ground: _Ground,
    subscriptions: SubscriptionResources,
    topics: TopicResources,
    directory: Directory,
    event_rules: EventRules,
) -> CommunicationResources:
    communication = CommunicationResources(
        view=ground.view,
        sources=ground.sources,
        subscriptions=subscriptions,
        topics=topics,
        routing=ground.routing,
        directory=directory,
        event_rules=event_rules,
        new_id=ground.chance.new_id,
        random_bytes=ground.chance.random_bytes,
    )
    communication.load()
    return communication
