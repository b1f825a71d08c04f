"""CloudEvents permissions, delivery settings and deletion notices, through a server's resources."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse
from switchhook.grid.subscriptions import DeliverySettings, ProvisioningState, TimeProfile
from tests.flow.arm.requests import send
from tests.flow.arm.scene import PUBLIC_URL, TOPIC_ID, Scene, answering, failing, webhook

CLOUD = {"eventDeliverySchema": "CloudEventSchemaV1_0"}
ALLOWED = (("webhook-allowed-origin", "eventgrid.azure.net"), ("webhook-allowed-rate", "1"))


def allowing(_: WebhookRequest) -> WebhookResponse:
    """A handler that grants permission."""
    return WebhookResponse(status=200, headers=ALLOWED)


def state(scene: Scene, name: str = "audit") -> ProvisioningState:
    record = scene.resources.subscriptions.get(scene.source(TOPIC_ID), name)
    assert record is not None
    return record.state


async def put(scene: Scene, **properties: Any) -> None:
    source = await scene.topic()
    await scene.resources.subscriptions.put(source, "audit", webhook(**properties))
    await scene.settle()


def callback(scene: Scene) -> str:
    """The path of the URL that the last request asked to call."""
    lines = scene.transport.requests[-1].headers.decode().splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    return headers["WebHook-Request-Callback"].removeprefix(PUBLIC_URL)


async def test_cloud_events_need_permission_by_options(scene: Scene) -> None:
    """No event is posted before; the version delivers CloudEvents."""
    scene.transport.answer = allowing

    await put(scene, **CLOUD)

    (request,) = scene.transport.requests
    (version,) = scene.routing.activated
    assert request.method == "OPTIONS"
    assert state(scene) is ProvisioningState.SUCCEEDED
    assert version.event_delivery_schema is EventSchema.CLOUD_EVENTS


async def test_endpoint_that_refuses_gets_no_cloud_events(scene: Scene) -> None:
    scene.transport.answer = answering(405)

    await put(scene, **CLOUD)

    assert state(scene) is ProvisioningState.FAILED
    assert scene.routing.activated == []


async def test_silent_endpoint_is_asked_by_options_again(scene: Scene) -> None:
    scene.transport.answer = failing(Failure.TIMED_OUT)
    await put(scene, **CLOUD)
    scene.transport.answer = allowing

    await scene.clock.advance(timedelta(seconds=5))
    await scene.settle()

    assert [request.method for request in scene.transport.requests] == ["OPTIONS", "OPTIONS"]
    assert state(scene) is ProvisioningState.SUCCEEDED


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_callback_grants_permission_later(scene: Scene, method: str) -> None:
    """The rate that comes with it is ignored."""
    scene.transport.answer = answering(200)
    await put(scene, **CLOUD)
    assert state(scene) is ProvisioningState.AWAITING_MANUAL_ACTION

    headers = {"authorization": "", "webhook-allowed-rate": "120"}
    answer = await send(scene, method, callback(scene), None, headers)

    assert answer.status == 200
    assert state(scene) is ProvisioningState.SUCCEEDED


async def test_callback_expires(scene: Scene) -> None:
    scene.transport.answer = answering(202)
    await put(scene, **CLOUD)

    await scene.clock.advance(timedelta(minutes=10))
    await scene.settle()

    assert state(scene) is ProvisioningState.FAILED
    assert (await send(scene, "GET", callback(scene))).status == 404


async def test_update_of_the_schema_asks_anew(scene: Scene) -> None:
    """An endpoint that takes Event Grid events need not take CloudEvents."""
    await put(scene)
    scene.transport.answer = answering(404)
    await scene.resources.subscriptions.patch(scene.source(TOPIC_ID), "audit", CLOUD)
    await scene.settle()

    (in_force,) = scene.routing.in_force.values()
    assert state(scene) is ProvisioningState.FAILED
    assert in_force.event_delivery_schema is EventSchema.EVENT_GRID


async def test_version_has_the_whole_destination(scene: Scene) -> None:
    """Attributes, batches and dead letters reach the router."""
    account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/abc"
    blob = {
        "endpointType": "StorageBlob",
        "properties": {"resourceId": account, "blobContainerName": "letters"},
    }
    body = webhook(deadLetterDestination=blob)
    body["properties"]["destination"]["properties"] |= {
        "maxEventsPerBatch": 10,
        "deliveryAttributeMappings": [
            {"name": "X-A", "type": "Static", "properties": {"value": "v", "isSecret": True}}
        ],
    }
    await scene.resources.subscriptions.put(await scene.topic(), "audit", body)
    await scene.settle()

    (version,) = scene.routing.activated
    assert version.destination.max_events_per_batch == 10
    assert version.destination.attributes[0].value == "v"
    assert version.dead_letter_destination is not None
    assert version.dead_letter_destination.container == "letters"


# --- settings ----------------------------------------------------------------------------------


async def settings(scene: Scene, **properties: Any) -> None:
    source = scene.source(TOPIC_ID)
    await scene.resources.subscriptions.put_settings(source, "audit", {"properties": properties})


async def test_settings_reach_the_router_with_the_subscription(scene: Scene) -> None:
    """Made before it, they are there when it comes into force."""
    await scene.topic()
    await settings(scene, isPaused=True)
    assert scene.routing.settings == {}

    await put(scene)

    (told,) = scene.routing.settings.values()
    assert told.is_paused


async def test_change_of_settings_reaches_the_router(scene: Scene) -> None:
    """Without a handshake or a new version."""
    await put(scene)
    await settings(scene, isPaused=True, profile="fast", orderedBy="subject")

    (told,) = scene.routing.settings.values()
    assert told == DeliverySettings(is_paused=True, profile=TimeProfile.FAST, ordered_by="subject")
    assert len(scene.transport.requests) == 1
    assert len(scene.routing.activated) == 1


async def test_settings_reach_the_router_after_a_restart(scene: Scene) -> None:
    await put(scene)
    await settings(scene, deduplicationWindow="PT1M")

    await scene.restart()

    (told,) = scene.routing.settings.values()
    assert told.deduplication_window == 60 * 10**9


# --- deletion notices --------------------------------------------------------------------------


async def notifying(scene: Scene) -> Scene:
    scene.deletion_notices = True
    return await scene.open()


async def test_deletion_is_silent_by_default(scene: Scene) -> None:
    await put(scene)

    await scene.resources.subscriptions.delete(scene.source(TOPIC_ID), "audit")

    assert len(scene.transport.requests) == 1


async def test_endpoint_can_be_told_of_the_deletion(scene: Scene) -> None:
    """Once; what it answers does not matter."""
    await notifying(scene)
    await put(scene)
    scene.transport.answer = answering(500)

    assert await scene.resources.subscriptions.delete(scene.source(TOPIC_ID), "audit")
    await scene.settle()

    _, notice = scene.transport.requests
    assert b"aeg-event-type: SubscriptionDeletion\r\n" in notice.headers
    (event,) = msgspec.json.decode(notice.body)
    assert event["data"]["eventSubscriptionId"].endswith("/eventSubscriptions/audit")


async def test_endpoint_that_never_agreed_is_not_told(scene: Scene) -> None:
    await notifying(scene)
    scene.transport.answer = answering(500)
    await put(scene)

    await scene.resources.subscriptions.delete(scene.source(TOPIC_ID), "audit")

    assert len(scene.transport.requests) == 1


async def test_expiry_is_not_told(scene: Scene) -> None:
    await notifying(scene)
    await put(scene, expirationTimeUtc="2026-01-01T00:01:00Z")

    await scene.clock.advance(timedelta(minutes=1))
    await scene.settle()

    assert list(scene.resources.subscriptions.all()) == []
    assert len(scene.transport.requests) == 1


# --- routes ------------------------------------------------------------------------------------

AUDIT = f"{TOPIC_ID}/providers/Microsoft.EventGrid/eventSubscriptions/audit"


async def test_delivery_attributes_show_what_reads_hide(scene: Scene) -> None:
    """Whoever may call the action may see secrets, as with the full URL."""
    await scene.topic()
    body = webhook()
    mapping = {"name": "X-S", "type": "Static", "properties": {"value": "v", "isSecret": True}}
    body["properties"]["destination"]["properties"]["deliveryAttributeMappings"] = [mapping]
    await send(scene, "PUT", AUDIT, body)

    shown = (await send(scene, "GET", AUDIT)).json()["properties"]["destination"]["properties"]
    answer = await send(scene, "POST", f"{AUDIT}/getDeliveryAttributes")

    assert shown["deliveryAttributeMappings"][0]["properties"] == {"value": None, "isSecret": True}
    assert answer.json() == {"value": [mapping]}


async def test_settings_are_shown_with_what_became_of_the_handshake(scene: Scene) -> None:
    scene.transport.answer = answering(200)
    await put(scene, **CLOUD)
    path = f"{AUDIT}/providers/Switchhook.EventGrid/deliverySettings/default"

    answer = await send(scene, "PUT", path, {"properties": {"isPaused": True}})
    refused = await send(scene, "PUT", path, {"properties": {"profile": "slow"}})

    properties = answer.json()["properties"]
    assert properties["isPaused"] is True
    assert "WebHook-Request-Callback" in properties["lastValidationError"]
    assert refused.status == 400
