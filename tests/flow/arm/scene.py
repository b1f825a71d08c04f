"""A server's resources over the memory store, with a router that remembers what it was told."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette

from switchhook import defaults
from switchhook.clock import Clock, VirtualClock
from switchhook.communication.arm_resources import EventRules
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.management import Chance, Resources, open_resources
from switchhook.communication.resources import CommunicationResource
from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse
from switchhook.grid.resources.sources import EventSource
from switchhook.grid.resources.subscription_life import HandshakeTools
from switchhook.grid.subscriptions import DeliverySettings, EventSubscription
from switchhook.grid.topics import Topic
from switchhook.http import validation_api
from switchhook.http.arm_api import routes as arm_routes
from switchhook.http.arm_api.control import Control
from switchhook.http.arm_api.deliveries import DeliveryTools
from switchhook.http.arm_api.events import EventRoutes
from switchhook.http.errors import exception_handlers
from switchhook.http.management_guard import ManagementGuard
from switchhook.stores.memory import MemoryStore

GROUP = f"/subscriptions/{defaults.SUBSCRIPTION_ID}/resourceGroups/local"
TOPIC_ID = f"{GROUP}/providers/Microsoft.EventGrid/topics/orders"
ACS_ID = f"{GROUP}/providers/Microsoft.Communication/CommunicationServices/contoso"
TOKEN = "the-token"
PUBLIC_URL = "https://localhost:8443"
SMS_RECEIVED = "Microsoft.Communication.SMSReceived"


class RecordingRouting:
    """Implements `Routing` by writing down what it is told."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.in_force: dict[str, EventSubscription] = {}
        self.activated: list[EventSubscription] = []
        self.removed: list[str] = []
        self.settings: dict[str, DeliverySettings] = {}

    def add_topic(self, topic: Topic) -> None:
        self.topics[topic.incarnation] = topic

    def remove_topic(self, incarnation: str) -> None:
        del self.topics[incarnation]

    def activate(self, subscription: EventSubscription) -> None:
        self.in_force[subscription.incarnation] = subscription
        self.activated.append(subscription)

    def configure(self, incarnation: str, settings: DeliverySettings) -> None:
        self.settings[incarnation] = settings

    def remove_subscription(self, incarnation: str) -> None:
        self.settings.pop(incarnation, None)
        self.in_force.pop(incarnation, None)
        self.removed.append(incarnation)


class ScriptedTransport:
    """Implements `Transport` with answers that a test chooses; echoes the code by default."""

    def __init__(self) -> None:
        self.requests: list[WebhookRequest] = []
        self._open: list[WebhookRequest] = []
        self.answer: Callable[[WebhookRequest], WebhookResponse | None] = echo

    def send(self, request: WebhookRequest) -> None:
        self.requests.append(request)
        response = self.answer(request)
        if response is None:
            self._open.append(request)
        else:
            asyncio.get_running_loop().call_soon(request.answered, response)

    def echo_at_last(self) -> None:
        """The endpoint agrees to whatever it was asked while it was silent."""
        for request in self._open:
            request.answered(echo(request))
        self._open.clear()

    async def close(self) -> None:
        pass


def validation_data(request: WebhookRequest) -> dict[str, str]:
    """The `data` of the validation event in a request."""
    data: dict[str, str] = msgspec.json.decode(request.body)[0]["data"]
    return data


def echo(request: WebhookRequest) -> WebhookResponse:
    """The answer of a handler that agrees."""
    code = validation_data(request)["validationCode"]
    return WebhookResponse(status=200, body=msgspec.json.encode({"validationResponse": code}))


def answering(status: int, body: bytes = b"") -> Callable[[WebhookRequest], WebhookResponse]:
    """A handler that answers so to everything."""
    return lambda _: WebhookResponse(status=status, body=body)


def failing(failure: Failure, detail: str = "") -> Callable[[WebhookRequest], WebhookResponse]:
    """An endpoint that cannot be reached."""
    return lambda _: WebhookResponse(failure=failure, detail=detail)


def silent(_: WebhookRequest) -> None:
    """An endpoint whose answer is still to come."""


class Scene:
    """Everything that a management test needs; `restart` opens the same store again."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore()
        self.transport = ScriptedTransport()
        self.tasks: set[asyncio.Task[None]] = set()
        self.numbers = itertools.count(1)
        self.acted: list[tuple[str, dict[str, Any]]] = []
        self.public_url = PUBLIC_URL
        self.deletion_notices = False
        self.control_clock: Clock | None = None
        self.is_idle = asyncio.Event()
        self.resets: list[bool] = []
        self.replays: list[str] = []
        self.events: EventRoutes | None = None

    async def open(self) -> "Scene":
        self.routing = await self.new_routing()
        self.directory = CommunicationDirectory()
        self.resources: Resources = await open_resources(
            store=self.store,
            routing=self.routing,
            directory=self.directory,
            event_rules=EventRules(
                types=frozenset({SMS_RECEIVED}), profiles=frozenset({"GA", "docs-2022"})
            ),
            tools=HandshakeTools(
                transport=self.transport,
                public_url=lambda: self.public_url,
                spawn=self.spawn,
                deletion_notices=self.deletion_notices,
            ),
            clock=self.clock,
            chance=Chance(new_id=self.new_id, random_bytes=lambda count: b"k" * count),
        )
        self.resources.life.start()
        return self

    async def new_routing(self) -> Any:
        """What the resources tell of changes."""
        return RecordingRouting()

    def deliveries(self) -> DeliveryTools | None:
        """What routes need of a router, where there is one."""
        return None

    async def restart(self) -> None:
        """Lose everything but the store, as a crash does."""
        for task in self.tasks:
            task.cancel()
        await self.open()

    async def settle(self) -> None:
        """Let every task that waits for nothing outside end."""
        for _ in range(20):
            await asyncio.sleep(0)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled():
            task.result()

    def new_id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self.numbers):012d}"

    async def act(self, resource: CommunicationResource, body: dict[str, Any]) -> dict[str, Any]:
        """The action `receiveSms`, as the routes see it."""
        self.acted.append((resource.name, body))
        return {"messageId": "one"}

    async def wait_idle(self) -> None:
        """The action `waitIdle`, as the routes see it."""
        await self.is_idle.wait()

    async def reset(self, everything: bool) -> None:
        """The action `reset`, as the routes see it."""
        self.resets.append(everything)

    def app(self) -> Starlette:
        """The routes, as a server mounts them."""
        management = arm_routes.routes(
            resources=self.resources,
            guard=ManagementGuard(TOKEN),
            public_url=lambda: self.public_url,
            actions={"receivesms": self.act, "emitevent": self.act},
            control=Control(
                clock=self.control_clock or self.clock,
                idle=self.wait_idle,
                requests_sent=lambda: len(self.transport.requests),
                replays=lambda: self.replays,
                reset=self.reset,
            ),
            deliveries=self.deliveries(),
            events=self.events,
        )
        validation = validation_api.routes(self.resources.subscriptions)
        return Starlette(routes=[*management, *validation], exception_handlers=exception_handlers())

    async def topic(self) -> EventSource:
        """The custom topic `orders`."""
        await self.resources.topics.put(TOPIC_ID, "orders", {})
        return self.source(TOPIC_ID)

    async def communication(self) -> EventSource:
        """The Communication Services resource `contoso`."""
        await self.resources.communication.put(ACS_ID, "contoso", {})
        return self.source(ACS_ID)

    def source(self, resource_id: str) -> EventSource:
        source = self.resources.sources.get(resource_id)
        assert source is not None
        return source


def webhook(url: str = "http://localhost:9000/hook?code=secret", **properties: Any) -> Any:
    """The body of an event subscription to a webhook."""
    destination = {"endpointType": "WebHook", "properties": {"endpointUrl": url}}
    return {"properties": {"destination": destination, **properties}}


@pytest.fixture
async def scene() -> Scene:
    """A new installation."""
    return await Scene().open()
