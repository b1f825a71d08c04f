"""A router whose attempts are noted in a history, and questions to it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from switchhook.clock import VirtualClock, to_datetime
from switchhook.grid.collections import TOPICS
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.explain import Explainer
from switchhook.grid.explanations import (
    DeliveryExplanation,
    Explanation,
    SubscriptionExplanation,
)
from switchhook.grid.limits import Limits
from switchhook.grid.observation import Observation
from switchhook.grid.ports import AttemptHistory, Put
from switchhook.grid.topics import Topic
from switchhook.stores.memory import MemoryStore
from switchhook.stores.memory_attempts import MemoryAttemptHistory
from tests.builders import a_topic
from tests.flow.conftest import Flow
from tests.scripted_dead_letters import ScriptedDeadLetterStore
from tests.scripted_transport import ScriptedTransport


@dataclass
class Asked(Flow):
    """A flow of which questions are asked."""

    history: AttemptHistory | None = None
    limits: Limits = Limits()

    @property
    def explainer(self) -> Explainer:
        return Explainer(
            store=self.store,
            router=self.engine.router,
            checkpoint=self.engine.checkpoint,
            history=self.history,
            clock=self.clock,
            keep=self.limits.given_up,
        )

    async def explain(self, event_id: str) -> Explanation:
        """The explanation of the one event with this id."""
        (only,) = (await self.explainer.by_id(event_id)).items
        return only

    async def told(self, event_id: str, name: str = "hook") -> SubscriptionExplanation:
        """What is said of one subscription."""
        every = (await self.explain(event_id)).subscriptions
        return next(each for each in every if each.name == name)

    async def delivery(self, event_id: str) -> DeliveryExplanation:
        """What is said of the one delivery to the one subscription."""
        (only,) = (await self.explain(event_id)).subscriptions
        (delivery,) = only.deliveries
        return delivery

    async def again(self, *, clean: bool = False) -> "Asked":
        """After a restart; without `clean` the process was killed."""
        if clean:
            await self.engine.stop(0)
        clock = VirtualClock(to_datetime(self.clock.now()))
        return await asked(self.store, clock, self.topic, self.history, self.limits)


async def asked(
    store: MemoryStore,
    clock: VirtualClock,
    topic: Topic,
    history: AttemptHistory | None,
    limits: Limits = Limits(),
) -> Asked:
    """A started router over the store."""
    transport, dead_letters = ScriptedTransport(), ScriptedDeadLetterStore()
    observation = Observation(history=history)
    engine = Engine(
        store=store,
        transport=transport,
        clock=clock,
        random=lambda: 0.0,
        dead_lettering=DeadLettering(dead_letters, clock),
        observation=observation,
        limits=limits,
    )
    await engine.start()
    clock.wait_for(engine.quiet)
    return Asked(store, transport, clock, engine, topic, dead_letters, observation, history, limits)


async def a_new_one(
    limits: Limits = Limits(), *, keeps_attempts: bool = True, **members: Any
) -> Asked:
    """A router with one topic, over an empty store."""
    store, topic = MemoryStore(), a_topic(**members)
    history = MemoryAttemptHistory() if keeps_attempts else None
    await store.commit([Put(TOPICS, topic.incarnation, msgspec.json.encode(topic))])
    return await asked(store, VirtualClock(), topic, history, limits)
