"""A server with topics and domains of every input schema, and a webhook that hears everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.mgmt.eventgrid import EventGridManagementClient
from azure.mgmt.eventgrid.models import (
    Domain,
    EventSubscription,
    JsonField,
    JsonFieldWithDefault,
    JsonInputSchemaMapping,
    Topic,
    WebHookEventSubscriptionDestination,
)

from tests.receiver import ReceivedRequest, Receiver
from tests.system.server_process import ServerProcess

EVENT_GRID = "EventGridSchema"
CLOUD_EVENTS = "CloudEventSchemaV1_0"
CUSTOM = "CustomEventSchema"
CUSTOM_OUT = "CustomInputSchema"  # Azure's other name of it, for deliveries

DELIVERED_AS = {
    EVENT_GRID: (EVENT_GRID, CLOUD_EVENTS),
    CLOUD_EVENTS: (CLOUD_EVENTS,),
    CUSTOM: (CUSTOM_OUT, EVENT_GRID, CLOUD_EVENTS),
}
TOPICS = {"grid": EVENT_GRID, "cloud": CLOUD_EVENTS, "custom": CUSTOM}
DOMAINS = {"grid-domain": EVENT_GRID, "cloud-domain": CLOUD_EVENTS, "custom-domain": CUSTOM}
SCHEMAS = TOPICS | DOMAINS

ARRIVED_WITHIN = 10.0  # seconds
CONSENT = (("WebHook-Allowed-Origin", "*"),)


def mapping(*, is_domain: bool) -> JsonInputSchemaMapping:
    """What the custom events of these tests look like."""
    return JsonInputSchemaMapping(
        id=JsonField(source_field="number"),
        topic=JsonField(source_field="area" if is_domain else None),
        event_time=JsonField(source_field="at"),
        event_type=JsonFieldWithDefault(source_field="kind", default_value="Shop.Unknown"),
        subject=JsonFieldWithDefault(source_field="what", default_value="nothing"),
        data_version=JsonFieldWithDefault(source_field="version", default_value="2.0"),
    )


class Arrival(NamedTuple):
    """A request at the webhook that holds the event, and where in its batch it stands."""

    request: ReceivedRequest
    event: dict[str, Any]


class TokenOf:
    """The management token of a data folder, as a credential."""

    def __init__(self, server: ServerProcess) -> None:
        self._text = server.token

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """See `TokenCredential`."""
        return AccessToken(self._text, 4_000_000_000)

    def get_token_info(self, *_: str, **__: Any) -> AccessTokenInfo:
        """See `SupportsTokenInfo`."""
        return AccessTokenInfo(self._text, 4_000_000_000)


class Site:
    """What a test publishes to, and what it hears."""

    def __init__(
        self, server: ServerProcess, receiver: Receiver, client: EventGridManagementClient
    ) -> None:
        self.server = server
        self.receiver = receiver
        self.client = client
        self.keys: dict[str, str] = {}
        self._arrived: dict[tuple[str, str], Arrival] = {}
        self._scanned = 0

    def endpoint(self, name: str) -> str:
        """Where to publish."""
        kind = "domains" if name in DOMAINS else "topics"
        return f"{self.server.ready.https_endpoint}/{kind}/{name}/api/events"

    def resource_id(self, name: str) -> str:
        """The ARM id of a topic or a domain."""
        kind = "domains" if name in DOMAINS else "topics"
        return (
            f"/subscriptions/{self.server.ready.subscription_id}/resourceGroups/local/providers/"
            f"Microsoft.EventGrid/{kind}/{name}"
        )

    async def arrivals(self, event_id: str, name: str) -> dict[tuple[str, bool], Arrival]:
        """How the event came, by delivery schema and whether in batches; once it has everywhere."""
        paths = {
            f"/{name}/{schema}/{is_batched}": (schema, is_batched)
            for schema in DELIVERED_AS[SCHEMAS[name]]
            for is_batched in (False, True)
        }
        return {way: await self.came(path, event_id) for path, way in paths.items()}

    async def came(self, path: str, event_id: str) -> Arrival:
        """How the event came to a path, once it has."""
        try:
            async with asyncio.timeout(ARRIVED_WITHIN):
                while (path, event_id) not in self._index():
                    await self.receiver.wait_for(self._scanned + 1, timeout=ARRIVED_WITHIN + 1)
        except TimeoutError:
            raise AssertionError(f"event {event_id!r} did not come to {path}") from None
        return self._arrived[path, event_id]

    def _index(self) -> dict[tuple[str, str], Arrival]:
        for request in self.receiver.requests[self._scanned :]:
            if request.event_type == "Notification":
                for event in events_of(request):
                    self._arrived[request.path, id_of(event)] = Arrival(request, event)
        self._scanned = len(self.receiver.requests)
        return self._arrived

    async def subscribe(self, name: str, schema: str, *, is_batched: bool) -> None:
        """A subscription whose path says what it is."""
        hook = WebHookEventSubscriptionDestination(
            endpoint_url=f"{self.receiver.origin}/{name}/{schema}/{is_batched}",
            max_events_per_batch=10 if is_batched else 1,
            preferred_batch_size_in_kilobytes=64,
        )
        wanted = EventSubscription(destination=hook, event_delivery_schema=schema)
        await self.call(
            lambda: self.client.event_subscriptions.begin_create_or_update(
                self.resource_id(name), f"{schema.replace('_', '-')}-{is_batched}", wanted
            ).result()
        )

    async def make(self, name: str) -> None:
        """The topic or domain of this name."""
        schema, is_domain = SCHEMAS[name], name in DOMAINS
        kind: Any = Domain if is_domain else Topic
        operations: Any = self.client.domains if is_domain else self.client.topics
        map_ = mapping(is_domain=is_domain) if schema == CUSTOM else None
        made = kind(location="westus2", input_schema=schema, input_schema_mapping=map_)
        await self.call(lambda: operations.begin_create_or_update("local", name, made).result())
        keys = await self.call(lambda: operations.list_shared_access_keys("local", name))
        self.keys[name] = keys.key1

    async def make_subscribed(self, name: str) -> None:
        """The same, with every subscription that it may have."""
        await self.make(name)
        for delivered in DELIVERED_AS[SCHEMAS[name]]:
            for is_batched in (False, True):
                await self.subscribe(name, delivered, is_batched=is_batched)

    @staticmethod
    async def call(function: Any) -> Any:
        """Run a blocking call beside the loop."""
        return await asyncio.to_thread(function)


def events_of(request: ReceivedRequest) -> list[dict[str, Any]]:
    """The events of a delivery, one or many."""
    body = request.json()
    return body if isinstance(body, list) else [body]


def id_of(event: dict[str, Any]) -> str:
    """The id, whatever the schema calls it."""
    return str(event.get("id", event.get("number")))


@asynccontextmanager
async def opened(server: ServerProcess) -> AsyncIterator[Site]:
    """Start the webhook beside a server, with a client to manage it."""
    async with Receiver() as receiver:
        receiver.answer_with(200, headers=CONSENT)
        with EventGridManagementClient(
            TokenOf(server),
            server.ready.subscription_id,
            base_url=server.ready.https_endpoint,
            connection_verify=server.ready.ca_bundle,
            polling_interval=0,
        ) as client:
            yield Site(server, receiver, client)


async def make_all(site: Site) -> None:
    """Make every topic and domain, side by side."""
    await asyncio.gather(*(site.make_subscribed(name) for name in SCHEMAS))
