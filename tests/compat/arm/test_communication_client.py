"""azure-mgmt-communication, unmodified, over http with the token of the data folder."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.mgmt.communication import CommunicationServiceManagementClient
from azure.mgmt.communication.models import (
    CommunicationServiceProperties,
    CommunicationServiceResource,
    CommunicationServiceResourceUpdate,
    NameAvailabilityParameters,
    RegenerateKeyParameters,
)

from switchhook import defaults
from tests.compat.arm.server import served
from tests.compat.arm.test_event_grid_client import BearerToken, call
from tests.flow.arm.scene import ACS_ID, Scene


@pytest.fixture
async def scene() -> Scene:
    """A new installation."""
    return await Scene().open()


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[CommunicationServiceManagementClient]:
    """The client of a live server."""
    async with served(scene.app()) as url:
        with CommunicationServiceManagementClient(
            object(),  # type: ignore[arg-type]  # never asked: the policy replaces it
            defaults.SUBSCRIPTION_ID,
            base_url=url,
            authentication_policy=BearerToken(),
        ) as client:
            yield client


async def make(client: CommunicationServiceManagementClient, group: str = "local") -> Any:
    return await call(
        lambda: client.communication_services.begin_create_or_update(
            group,
            "contoso",
            CommunicationServiceResource(
                location="global",
                properties=CommunicationServiceProperties(data_location="europe"),
                tags={"a": "b"},
            ),
        ).result()
    )


async def test_resource_lives_through_its_whole_life(
    client: CommunicationServiceManagementClient,
) -> None:
    """Create, replace, update, list and delete a resource."""
    services = client.communication_services
    made = await make(client)
    again = await make(client)
    changed = await call(
        lambda: services.update(
            "local", "contoso", CommunicationServiceResourceUpdate(tags={"c": "d"})
        )
    )
    listed = await call(lambda: [found.name for found in services.list_by_resource_group("local")])
    await call(lambda: services.begin_delete("local", "contoso").result())

    assert made.id == ACS_ID
    assert made.properties is not None
    assert made.properties.host_name == "localhost:8443"
    assert made.properties.data_location == "europe"
    assert again.properties is not None
    assert again.properties.immutable_resource_id == made.properties.immutable_resource_id
    assert changed.tags == {"c": "d"}
    assert listed == ["contoso"]
    with pytest.raises(ResourceNotFoundError):
        await call(lambda: services.get("local", "contoso"))


async def test_keys_and_connection_strings(client: CommunicationServiceManagementClient) -> None:
    """The connection string points at the data plane; a regenerated key shows its half only."""
    services = client.communication_services
    await make(client)
    keys = await call(lambda: services.list_keys("local", "contoso"))
    half = await call(
        lambda: services.regenerate_key(
            "local", "contoso", RegenerateKeyParameters(key_type="Secondary")
        )
    )

    expected = f"endpoint=https://localhost:8443/;accesskey={keys.primary_key}"
    assert keys.primary_connection_string == expected
    assert (half.primary_key, half.secondary_key is not None) == (None, True)


async def test_name_is_given_once(client: CommunicationServiceManagementClient) -> None:
    """A name is a host name: another group cannot take it."""
    services = client.communication_services
    parameters = NameAvailabilityParameters(
        name="contoso", type="Microsoft.Communication/CommunicationServices"
    )
    before = await call(lambda: services.check_name_availability(parameters))
    await make(client)
    after = await call(lambda: services.check_name_availability(parameters))

    assert (before.name_available, after.name_available) == (True, False)
    with pytest.raises(ResourceExistsError):
        await make(client, "elsewhere")
