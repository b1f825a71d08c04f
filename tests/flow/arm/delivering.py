"""The management routes over a router that delivers, not one that only remembers."""

from typing import Any

from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.ports import WebhookRequest
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.http.arm_api.deliveries import DeliveryTools
from tests.builders import a_body, an_event
from tests.flow.arm.requests import Answer, send
from tests.flow.arm.scene import TOPIC_ID, Scene, webhook
from tests.scripted_dead_letters import ScriptedDeadLetterStore
from tests.scripted_transport import ScriptedTransport, events_of

HOOK = f"{TOPIC_ID}/providers/Microsoft.EventGrid/eventSubscriptions/hook"
OWN = "providers/Switchhook.EventGrid"


class DeliveringScene(Scene):
    """A server with the custom topic `orders` and its event subscription `hook`."""

    async def new_routing(self) -> Any:
        self.webhooks = ScriptedTransport()
        self.dead_letters = ScriptedDeadLetterStore()
        self.engine = Engine(
            store=self.store,
            transport=self.webhooks,
            clock=self.clock,
            random=lambda: 0.0,
            dead_lettering=DeadLettering(self.dead_letters, self.clock),
        )
        await self.engine.start()
        self.clock.wait_for(self.engine.quiet)
        return self.engine.router

    def deliveries(self) -> DeliveryTools:
        return DeliveryTools(
            replays=self.engine.replays,
            faults=self.engine.deliverer.faults,
            records=self.store,
            clock=self.clock,
        )

    async def subscribe(self, hook: str = HOOK) -> None:
        """Create the topic and an event subscription to everything of it."""
        await self.topic()
        answer = await send(self, "PUT", hook, webhook())
        assert answer.status == 201, answer.text
        await self.settle()
        await self.engine.quiet()

    async def publish(self, *ids: str, **members: Any) -> None:
        """Publish events with these ids, and deliver them."""
        topic = self.source(TOPIC_ID).topic
        body = a_body(*(an_event(id=each, **members) for each in ids))
        await self.engine.publisher.publish(topic, PublishRequest(body))
        await self.engine.quiet()

    @property
    def delivered(self) -> list[str]:
        """The ids of the events that webhooks were sent, in order."""
        return [event["id"] for request in self.webhooks.requests for event in events_of(request)]

    def sent(self) -> list[WebhookRequest]:
        """What webhooks were sent."""
        return self.webhooks.requests

    async def call(self, method: str, path: str, body: Any = None) -> Answer:
        """One request to a management route."""
        return await send(self, method, path, body)
