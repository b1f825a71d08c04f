"""azure-mgmt-eventgrid, unmodified, over http with the token of the data folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.eventgrid import EventGridManagementClient
from azure.mgmt.eventgrid.models import (
    EventSubscription,
    EventSubscriptionFilter,
    EventSubscriptionUpdateParameters,
    RetryPolicy,
    StorageBlobDeadLetterDestination,
    SystemTopic,
    Topic,
    TopicRegenerateKeyRequest,
    TopicUpdateParameters,
    WebHookEventSubscriptionDestination,
)

from switchhook import defaults
from tests.compat.arm.server import served
from tests.flow.arm.scene import ACS_ID, SMS_RECEIVED, TOKEN, TOPIC_ID, Scene, answering

URL = "http://localhost:9000/hook?code=secret"


class BearerToken(SansIOHTTPPolicy[Any, Any]):
    """Sends the token; azure-core's own policy insists on https."""

    def on_request(self, request: Any) -> None:
        request.http_request.headers["Authorization"] = f"Bearer {TOKEN}"


@pytest.fixture
async def scene() -> Scene:
    """A new installation."""
    return await Scene().open()


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[EventGridManagementClient]:
    """The client of a live server."""
    async with served(scene.app()) as url:
        with EventGridManagementClient(
            object(),  # type: ignore[arg-type]  # never asked: the policy replaces it
            defaults.SUBSCRIPTION_ID,
            base_url=url,
            authentication_policy=BearerToken(),
        ) as client:
            yield client


async def call(function: Callable[[], Any]) -> Any:
    """Run a blocking client call beside the server."""
    return await asyncio.to_thread(function)


def destination(url: str = URL) -> WebHookEventSubscriptionDestination:
    return WebHookEventSubscriptionDestination(endpoint_url=url)


async def make_topic(client: EventGridManagementClient) -> Any:
    return await call(
        lambda: client.topics.begin_create_or_update(
            "local", "orders", Topic(location="westus2", tags={"a": "b"})
        ).result()
    )


async def test_topic_lives_through_its_whole_life(client: EventGridManagementClient) -> None:
    """Create, replace, read, list, update and delete a topic."""
    topic = await make_topic(client)
    await make_topic(client)
    changed = await call(
        lambda: client.topics.begin_update(
            "local", "orders", TopicUpdateParameters(tags={"c": "d"})
        ).result()
    )
    listed = await call(lambda: [found.name for found in client.topics.list_by_subscription()])
    await call(lambda: client.topics.begin_delete("local", "orders").result())
    await call(lambda: client.topics.begin_delete("local", "orders").result())

    assert topic.id == TOPIC_ID
    assert topic.endpoint == "https://localhost:8443/topics/orders/api/events"
    assert (topic.provisioning_state, topic.input_schema) == ("Succeeded", "EventGridSchema")
    assert changed is None or changed.tags == {"c": "d"}
    assert listed == ["orders"]
    with pytest.raises(ResourceNotFoundError):
        await call(lambda: client.topics.get("local", "orders"))


async def test_topic_keys_are_listed_and_regenerated(client: EventGridManagementClient) -> None:
    """`listKeys` and `regenerateKey` answer both keys."""
    await make_topic(client)

    keys = await call(lambda: client.topics.list_shared_access_keys("local", "orders"))
    fresh = await call(
        lambda: client.topics.begin_regenerate_key(
            "local", "orders", TopicRegenerateKeyRequest(key_name="key1")
        ).result()
    )

    assert keys.key1
    assert fresh.key2 == keys.key2


async def test_event_subscription_in_scope_form(client: EventGridManagementClient) -> None:
    """Create, read, update, list and delete an event subscription below its scope."""
    await make_topic(client)
    made = await call(
        lambda: client.event_subscriptions.begin_create_or_update(
            TOPIC_ID,
            "all-orders",
            EventSubscription(
                destination=destination(),
                filter=EventSubscriptionFilter(subject_begins_with="/a"),
                labels=["x"],
                retry_policy=RetryPolicy(max_delivery_attempts=3, event_time_to_live_in_minutes=9),
            ),
        ).result()
    )
    changed = await call(
        lambda: client.event_subscriptions.begin_update(
            TOPIC_ID, "all-orders", EventSubscriptionUpdateParameters(labels=["y"])
        ).result()
    )
    url = await call(lambda: client.event_subscriptions.get_full_url(TOPIC_ID, "all-orders"))
    listed = await call(
        lambda: [
            found.name
            for found in client.event_subscriptions.list_by_resource(
                "local", "Microsoft.EventGrid", "topics", "orders"
            )
        ]
    )
    await call(lambda: client.event_subscriptions.begin_delete(TOPIC_ID, "all-orders").result())

    assert made.provisioning_state == "Succeeded"
    assert made.destination.endpoint_type == "WebHook"
    assert made.destination.endpoint_url is None
    assert made.destination.endpoint_base_url == "http://localhost:9000/hook"
    assert made.retry_policy.max_delivery_attempts == 3
    assert (changed.labels, changed.filter.subject_begins_with) == (["y"], "/a")
    assert url.endpoint_url == URL
    assert listed == ["all-orders"]


async def test_nested_forms_name_the_same_subscription(client: EventGridManagementClient) -> None:
    """What was made below a topic is found through the scope form."""
    await make_topic(client)
    nested = await call(
        lambda: client.topic_event_subscriptions.begin_create_or_update(
            "local", "orders", "nested", EventSubscription(destination=destination())
        ).result()
    )
    scoped = await call(lambda: client.event_subscriptions.get(TOPIC_ID, "nested"))

    assert nested.id == f"{TOPIC_ID}/eventSubscriptions/nested"
    assert nested.type == "Microsoft.EventGrid/topics/eventSubscriptions"
    assert scoped.id == f"{TOPIC_ID}/providers/Microsoft.EventGrid/eventSubscriptions/nested"
    assert scoped.topic == TOPIC_ID


async def test_system_topic_carries_subscriptions(
    client: EventGridManagementClient, scene: Scene
) -> None:
    """A system topic of a Communication Services resource takes event subscriptions."""
    await scene.communication()
    made = await call(
        lambda: client.system_topics.begin_create_or_update(
            "local",
            "acs-events",
            SystemTopic(
                location="global",
                source=ACS_ID,
                topic_type="microsoft.communication.communicationservices",
            ),
        ).result()
    )
    subscription = await call(
        lambda: client.system_topic_event_subscriptions.begin_create_or_update(
            "local",
            "acs-events",
            "sms",
            EventSubscription(
                destination=destination(),
                filter=EventSubscriptionFilter(included_event_types=[SMS_RECEIVED]),
            ),
        ).result()
    )
    listed = await call(lambda: list(client.event_subscriptions.list_global_by_subscription()))
    await call(lambda: client.system_topics.begin_delete("local", "acs-events").result())

    assert made.topic_type == "Microsoft.Communication.CommunicationServices"
    assert subscription.filter.included_event_types == [SMS_RECEIVED]
    assert [found.name for found in listed] == ["sms"]
    assert not scene.routing.in_force


async def test_failed_handshake_reaches_the_client(
    client: EventGridManagementClient, scene: Scene
) -> None:
    """The operation's error carries Event Grid's code and words."""
    await make_topic(client)
    scene.transport.answer = answering(404)

    with pytest.raises(HttpResponseError, match="handshake failed") as raised:
        await call(
            lambda: client.event_subscriptions.begin_create_or_update(
                TOPIC_ID, "broken", EventSubscription(destination=destination())
            ).result()
        )

    assert raised.value.error is not None
    assert raised.value.error.code == "Url validation"
    assert "response code NotFound" in raised.value.message


async def test_manual_handshake_returns_at_once(
    client: EventGridManagementClient, scene: Scene
) -> None:
    """A 200 without the code ends the operation and shows AwaitingManualAction."""
    await make_topic(client)
    scene.transport.answer = answering(200)
    made = await call(
        lambda: client.event_subscriptions.begin_create_or_update(
            TOPIC_ID, "manual", EventSubscription(destination=destination())
        ).result()
    )

    assert made.provisioning_state == "AwaitingManualAction"


async def test_lists_are_paged(client: EventGridManagementClient, scene: Scene) -> None:
    """The client follows the absolute links of a list in pages."""
    for number in range(45):
        name = f"topic-{number:02}"
        await scene.resources.topics.put(TOPIC_ID.replace("orders", name), name, {})

    default = await call(lambda: [found.name for found in client.topics.list_by_subscription()])
    some = await call(
        lambda: [
            found.name
            for found in client.topics.list_by_resource_group(
                "local", filter="contains(name,'-1')", top=3
            )
        ]
    )

    assert default == [f"topic-{number:02}" for number in range(45)]
    assert some == [f"topic-1{number}" for number in range(10)]


async def test_refused_property_is_named(client: EventGridManagementClient) -> None:
    """What this release does not do is refused, with the property's name."""
    await make_topic(client)
    dead_letters = StorageBlobDeadLetterDestination(resource_id="/x", blob_container_name="y")

    with pytest.raises(HttpResponseError, match="deadLetterDestination") as raised:
        await call(
            lambda: client.event_subscriptions.begin_create_or_update(
                TOPIC_ID,
                "broken",
                EventSubscription(destination=destination(), dead_letter_destination=dead_letters),
            ).result()
        )

    assert raised.value.status_code == 400
