"""Dead letters in a storage account, read with `azure-storage-blob` and with the clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent
from azure.mgmt.eventgrid import models
from azure.storage.blob import BlobServiceClient

from tests.compat.event_grid.client_process import ClientProcess
from tests.compat.event_grid.samples import an_event, order_for
from tests.compat.event_grid.site import (
    CLOUD_EVENTS,
    CONSENT,
    CUSTOM_OUT,
    EVENT_GRID,
    Site,
    id_of,
    opened,
)
from tests.receiver import Receiver
from tests.services.azurite import Azurite
from tests.system.server_process import Command

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="package")]

ACCOUNT = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Storage/storageAccounts/letters"
WRITTEN_WITHIN = 20.0


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def storing(
    command: Command, tmp_path_factory: pytest.TempPathFactory, azurite: Azurite
) -> AsyncIterator[Site]:
    """A server that reaches a storage account."""
    folder = tmp_path_factory.mktemp("dead-letters")
    config = folder / "switchhook.toml"
    config.write_text(
        f'[[storage_accounts]]\nname = "letters"\nconnection_string = '
        f'"{azurite.connection_string}"\n'
    )
    server = await command.serve(folder / "data", "--config", str(config))
    try:
        async with opened(server) as storing:
            for name in ("grid", "cloud", "custom"):
                await storing.make(name)
            yield storing
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("topic", "schema", "written_as"),
    [
        ("grid", EVENT_GRID, EVENT_GRID),
        ("grid", CLOUD_EVENTS, CLOUD_EVENTS),
        ("cloud", CLOUD_EVENTS, CLOUD_EVENTS),
        ("custom", CUSTOM_OUT, EVENT_GRID),
    ],
)
async def test_refused_event_is_kept(
    storing: Site,
    command: Command,
    in_python: ClientProcess,
    azurite: Azurite,
    topic: str,
    schema: str,
    written_as: str,
) -> None:
    """After a 400: with its reason, where Azure would put it, readable as the event that it was."""
    name = f"refusing-{topic}-{schema.replace('_', '-')}".lower()
    event = an_event(topic)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        container = await storing.call(lambda: blobs.create_container(name))
        async with Receiver() as refusing:
            await subscribe(storing, command, refusing, topic, name, schema)
            refusing.answer_with(400)
            assert await in_python(**order_for(storing, topic), events=[event]) == {}
            await refusing.wait_for_events(1)
            (blob,) = await written(storing, container)
        body = await storing.call(lambda: container.download_blob(blob).readall())

    (record,) = json.loads(body)
    assert blob.startswith(f"{name.upper()}/")
    year, month, day, hour, file = blob.split("/")[1:]
    assert all(part == str(int(part)) for part in (year, month, day, hour))
    assert file.endswith(".json")
    if written_as == EVENT_GRID:
        check_event_grid(record, event)
    else:
        check_cloud_event(record, event)


async def subscribe(
    site: Site, command: Command, refusing: Receiver, topic: str, name: str, schema: str
) -> None:
    """With dead letters, and with waits of a thousandth."""
    refusing.answer_with(200, headers=CONSENT)
    wanted = models.EventSubscription(
        destination=models.WebHookEventSubscriptionDestination(endpoint_url=refusing.url),
        event_delivery_schema=schema,
        dead_letter_destination=models.StorageBlobDeadLetterDestination(
            resource_id=ACCOUNT, blob_container_name=name
        ),
    )
    scope = site.resource_id(topic)
    await site.call(
        lambda: site.client.event_subscriptions.begin_create_or_update(scope, name, wanted).result()
    )
    words = ("subscription", "update", name, "--topic", topic, "--profile", "fast")
    ended = await command.run(*words, "--data", str(site.server.data))
    assert ended.code == 0, ended.stderr


async def written(site: Site, container: Any) -> list[str]:
    """The blobs, once there is one."""
    async with asyncio.timeout(WRITTEN_WITHIN):
        while True:
            names = await site.call(lambda: [blob.name for blob in container.list_blobs()])
            if names:
                return list(names)


def check_event_grid(record: dict[str, Any], event: dict[str, Any]) -> None:
    """The event in the Event Grid schema, and what happened to it."""
    read = EventGridEvent.from_dict(record)
    assert read.id == id_of(event)
    assert read.data == event.get("data", event)
    assert record["deadLetterReason"] == "NotRetriable"
    assert (record["deliveryAttempts"], record["lastDeliveryOutcome"]) == (1, "BadRequest")
    assert record["lastHttpStatusCode"] == 400
    published = datetime.fromisoformat(record["publishTime"])
    assert published <= datetime.fromisoformat(record["lastDeliveryAttemptTime"])


def check_cloud_event(record: dict[str, Any], event: dict[str, Any]) -> None:
    """The same in the attributes of a CloudEvent."""
    read: CloudEvent[Any] = CloudEvent.from_dict(record)
    extensions = dict(read.extensions or {})
    assert (read.id, read.data) == (id_of(event), event["data"])
    assert extensions["deadletterreason"] == "NotRetriable"
    assert extensions["deliveryattempts"] == 1
    assert extensions["lastdeliveryoutcome"] == "BadRequest"
    assert datetime.fromisoformat(extensions["publishtime"]).tzinfo is not None
