"""A router over the store in memory, a scripted webhook and a clock that the test moves."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from switchhook.clock import HOUR, VirtualClock, to_datetime
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS, version_key
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.limits import Limits
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Delete, DropSubscription, Put, WaitingDelivery
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.special_requests import Tokens
from switchhook.grid.subscriptions import EventSubscription
from switchhook.grid.topics import Topic
from switchhook.stores.memory import MemoryStore
from switchhook.stores.memory_attempts import MemoryAttemptHistory
from tests.builders import a_body, a_subscription, a_topic, an_event
from tests.scripted_dead_letters import ScriptedDeadLetterStore
from tests.scripted_transport import ScriptedTransport


@dataclass
class Flow:
    """What a test holds: it drives turns and time itself, so that nothing waits."""

    store: MemoryStore
    transport: ScriptedTransport
    clock: VirtualClock
    engine: Engine
    topic: Topic
    dead_letters: ScriptedDeadLetterStore
    observation: Observation

    async def subscribe(self, **members: Any) -> EventSubscription:
        """Make a subscription durable and bring it into force, as the resource layer does."""
        return await self.put(a_subscription(topic=self.topic.incarnation, **members))

    async def put(self, subscription: EventSubscription) -> EventSubscription:
        """Make this version durable and bring it into force."""

        def activate(position: int) -> None:
            self.engine.router.activate(
                msgspec.structs.replace(subscription, from_position=position)
            )

        key = version_key(subscription.incarnation, subscription.version)
        value = msgspec.json.encode(subscription)
        await self.store.commit([Put(SUBSCRIPTION_VERSIONS, key, value)], (), activate)
        return subscription

    async def unsubscribe(self, incarnation: str) -> None:
        """Delete a subscription with all its versions."""
        records = await self.store.scan(
            SUBSCRIPTION_VERSIONS, start=f"{incarnation}/", end=f"{incarnation}0"
        )
        deletes = [Delete(SUBSCRIPTION_VERSIONS, record.key) for record in records]
        await self.store.commit([*deletes, DropSubscription(incarnation)])
        self.engine.router.remove_subscription(incarnation)

    async def publish(self, *ids: str, **members: Any) -> None:
        """Publish events with these ids in one request."""
        events = [an_event(id=name, **members) for name in ids]
        await self.engine.publisher.publish(self.topic, PublishRequest(a_body(*events)))

    async def waiting(self) -> list[WaitingDelivery]:
        """All exception rows, as the next checkpoint leaves them."""
        await self.engine.checkpoint.write()
        return await self.store.due(self.clock.now() + 100 * HOUR, 10_000)

    async def attempt_ended(self) -> None:
        """Wait for the end of any attempt."""
        self.engine.deliverer.attempt_ended.clear()
        await asyncio.wait_for(self.engine.deliverer.attempt_ended.wait(), 10)

    async def advance(self, **span: float) -> None:
        """Move time; each due action has then happened."""
        await self.clock.advance(timedelta(**span))

    async def restarted(self, *, clean: bool = False, limits: Limits = Limits()) -> "Flow":
        """The same store under a new engine; without `clean` the old one was killed."""
        if clean:
            await self.engine.stop(0)
        clock = VirtualClock(to_datetime(self.clock.now()))
        return await start(self.store, clock, self.topic, limits, dead_letters=self.dead_letters)


async def start(
    store: MemoryStore,
    clock: VirtualClock,
    topic: Topic,
    limits: Limits = Limits(),
    tokens: Tokens | None = None,
    dead_letters: ScriptedDeadLetterStore | None = None,
    observation: Observation | None = None,
) -> Flow:
    """An engine over the store, started; the containers are there already, or new."""
    transport = ScriptedTransport()
    dead_letters = dead_letters or ScriptedDeadLetterStore()
    observation = observation or Observation(history=MemoryAttemptHistory())
    engine = Engine(
        store=store,
        transport=transport,
        clock=clock,
        random=lambda: 0.0,
        dead_lettering=DeadLettering(dead_letters, clock),
        observation=observation,
        limits=limits,
        tokens=tokens,
    )
    await engine.start()
    clock.wait_for(engine.quiet)
    return Flow(store, transport, clock, engine, topic, dead_letters, observation)


@pytest.fixture
async def flow() -> Flow:
    """A router with one topic."""
    store = MemoryStore()
    topic = a_topic()
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    return await start(store, VirtualClock(), topic)
