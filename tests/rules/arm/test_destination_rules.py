"""Destinations, dead letters, delivery schemas: what is read, shown and refused."""

from typing import Any

import pytest
from azure.mgmt.eventgrid import models

from switchhook.clock import VirtualClock
from switchhook.errors import RequestError
from switchhook.grid.events import EventSchema
from switchhook.grid.resources.records import (
    ResourceIdentity,
    SubscriptionDefinition,
    SubscriptionRecord,
)
from switchhook.grid.resources.subscription_rules import (
    SubscriptionRules,
    read_definition,
    render_subscription,
    update_definition,
)
from switchhook.grid.subscriptions import (
    DeadLetterDestination,
    DeliveryAttribute,
    ProvisioningState,
)
from tests.builders import RESOURCE_ID

RULES = SubscriptionRules(now=VirtualClock().now())
URL = "https://example.com/hook?code=secret"
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/letters"
BLOB = {
    "endpointType": "StorageBlob",
    "properties": {"resourceId": ACCOUNT, "blobContainerName": "dead-letters"},
}
IDENTITY = {"type": "UserAssigned", "userAssignedIdentity": "/an/identity"}
STATIC = {"name": "X-A", "type": "Static", "properties": {"value": "v", "isSecret": False}}
SECRET = {"name": "X-S", "type": "Static", "properties": {"value": "hidden", "isSecret": True}}
DYNAMIC = {"name": "X-D", "type": "Dynamic", "properties": {"sourceField": "data.system"}}


def destination(**properties: Any) -> dict[str, Any]:
    return {"endpointType": "WebHook", "properties": {"endpointUrl": URL, **properties}}


def body(webhook: Any = None, **properties: Any) -> dict[str, Any]:
    return {"properties": {"destination": webhook or destination(), **properties}}


def read(webhook: Any = None, **properties: Any) -> SubscriptionDefinition:
    return read_definition(body(webhook, **properties), RULES)


def show(definition: SubscriptionDefinition) -> dict[str, Any]:
    record = SubscriptionRecord(
        source=RESOURCE_ID,
        name="audit",
        incarnation="i",
        definition=definition,
        state=ProvisioningState.SUCCEEDED,
        operation="o",
    )
    shown = render_subscription(record, subscription_id="/id", kind="kind")
    properties: dict[str, Any] = shown["properties"]
    return properties


def test_everything_of_a_webhook_is_read() -> None:
    found = read(
        destination(
            maxEventsPerBatch=5000,
            preferredBatchSizeInKilobytes=1024,
            azureActiveDirectoryTenantId="11111111-2222-4333-8444-555555555555",
            azureActiveDirectoryApplicationIdOrUri="api://hook",
            minimumTlsVersionAllowed="1.2",
            deliveryAttributeMappings=[STATIC, SECRET, DYNAMIC],
        )
    ).destination

    assert (found.max_events_per_batch, found.preferred_batch_size_in_kilobytes) == (5000, 1024)
    assert found.tenant_id == "11111111-2222-4333-8444-555555555555"
    assert (found.application_id_or_uri, found.minimum_tls_version) == ("api://hook", "1.2")
    assert found.attributes == (
        DeliveryAttribute(name="X-A", value="v"),
        DeliveryAttribute(name="X-S", value="hidden", is_secret=True),
        DeliveryAttribute(name="X-D", source_field="data.system"),
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (1, 64)),
        ({"maxEventsPerBatch": 10}, (10, 64)),
        ({"preferredBatchSizeInKilobytes": 7}, (1, 7)),
        ({"maxEventsPerBatch": 1, "preferredBatchSizeInKilobytes": 1}, (1, 1)),
    ],
)
def test_batches_have_the_defaults_of_azure(
    given: dict[str, int], expected: tuple[int, int]
) -> None:
    """1 event and 64 KB, each by itself."""
    found = read(destination(**given)).destination

    assert (found.max_events_per_batch, found.preferred_batch_size_in_kilobytes) == expected


def an_attribute(name: str = "X-A", **properties: Any) -> list[dict[str, Any]]:
    return [{"name": name, "type": "Static", "properties": {"value": "v", **properties}}]


TENANT = {
    "azureActiveDirectoryTenantId": "tenant",
    "azureActiveDirectoryApplicationIdOrUri": "api://hook",
}


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"maxEventsPerBatch": 0}, "maxEventsPerBatch' must be between 1 and 5000"),
        ({"maxEventsPerBatch": 5001}, "maxEventsPerBatch"),
        ({"maxEventsPerBatch": "2"}, "maxEventsPerBatch"),
        ({"preferredBatchSizeInKilobytes": 0}, "preferredBatchSizeInKilobytes"),
        ({"preferredBatchSizeInKilobytes": 1025}, "preferredBatchSizeInKilobytes"),
        ({"azureActiveDirectoryTenantId": "t"}, "only be set together"),
        ({"azureActiveDirectoryApplicationIdOrUri": "a"}, "only be set together"),
        ({**TENANT, "azureActiveDirectoryTenantId": "a b"}, "azureActiveDirectoryTenantId"),
        ({**TENANT, "azureActiveDirectoryApplicationIdOrUri": "a\r\n"}, "ApplicationIdOrUri"),
        ({"minimumTlsVersionAllowed": "1.4"}, "minimumTlsVersionAllowed"),
        ({"unknown": 1}, "unknown"),
        ({"deliveryAttributeMappings": {}}, "deliveryAttributeMappings"),
        ({"deliveryAttributeMappings": ["x"]}, "deliveryAttributeMappings"),
        ({"deliveryAttributeMappings": [{"name": "a"}]}, "'Static' or 'Dynamic'"),
        ({"deliveryAttributeMappings": an_attribute() * 2}, "twice"),
        ({"deliveryAttributeMappings": [*an_attribute("a"), *an_attribute("A")]}, "twice"),
        (
            {"deliveryAttributeMappings": [an_attribute(f"X-{n}")[0] for n in range(11)]},
            "at most 10",
        ),
        ({"deliveryAttributeMappings": an_attribute("")}, "name of a header"),
        ({"deliveryAttributeMappings": an_attribute("X A")}, "name of a header"),
        ({"deliveryAttributeMappings": an_attribute("X:A")}, "name of a header"),
        ({"deliveryAttributeMappings": an_attribute("X\r\nA")}, "name of a header"),
        ({"deliveryAttributeMappings": an_attribute("aeg-event-type")}, "reserved"),
        ({"deliveryAttributeMappings": an_attribute("Content-Length")}, "reserved"),
        ({"deliveryAttributeMappings": an_attribute("host")}, "reserved"),
        ({"deliveryAttributeMappings": an_attribute(value="")}, "must not be empty"),
        ({"deliveryAttributeMappings": an_attribute(value=None, isSecret=True)}, "not be empty"),
        ({"deliveryAttributeMappings": an_attribute(value="a\r\nb: c")}, "printable ASCII"),
        ({"deliveryAttributeMappings": an_attribute(value="ä")}, "printable ASCII"),
        ({"deliveryAttributeMappings": an_attribute(value="x" * 4097)}, "4096 bytes"),
        ({"deliveryAttributeMappings": an_attribute(isSecret="yes")}, "isSecret"),
        ({"deliveryAttributeMappings": an_attribute(sourceField="x")}, "sourceField"),
        ({"deliveryAttributeMappings": [{**DYNAMIC, "properties": {}}]}, "sourceField"),
        (
            {"deliveryAttributeMappings": [{**DYNAMIC, "properties": {"sourceField": "a..b"}}]},
            "sourceField",
        ),
        ({"deliveryAttributeMappings": [{**DYNAMIC, "name": "Authorization"}]}, "only be static"),
        (
            {**TENANT, "deliveryAttributeMappings": an_attribute("authorization")},
            "not protected with Microsoft Entra",
        ),
    ],
)
def test_what_a_webhook_cannot_have_is_refused(properties: dict[str, Any], text: str) -> None:
    """400 names the property and its rule."""
    with pytest.raises(RequestError, match=text) as raised:
        read(destination(**properties))

    assert (raised.value.status, raised.value.code) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "kind",
    ["AzureFunction", "EventHub", "ServiceBusQueue", "StorageQueue", "HybridConnection", "Push"],
)
def test_other_destinations_are_refused_by_name(kind: str) -> None:
    with pytest.raises(RequestError, match=f"'{kind}'"):
        read({"endpointType": kind, "properties": {}})


def test_static_authorization_is_allowed() -> None:
    found = read(destination(deliveryAttributeMappings=an_attribute("Authorization")))

    assert found.destination.attributes[0].name == "Authorization"


def test_reads_hide_secrets() -> None:
    """Of the URL its query, of an attribute its value."""
    shown = show(read(destination(deliveryAttributeMappings=[SECRET, DYNAMIC])))
    properties = shown["destination"]["properties"]

    assert properties["endpointUrl"] is None
    assert properties["endpointBaseUrl"] == "https://example.com/hook"
    assert properties["deliveryAttributeMappings"] == [
        {"name": "X-S", "type": "Static", "properties": {"value": None, "isSecret": True}},
        DYNAMIC,
    ]


def test_update_with_what_was_read_keeps_secrets() -> None:
    """A client cannot send back what it was not shown."""
    before = read(destination(deliveryAttributeMappings=[STATIC, SECRET, DYNAMIC]))
    shown = show(before)

    after = update_definition(before, {"destination": shown["destination"]}, RULES)

    assert after == before


def test_identity_is_kept_and_the_inner_destination_used() -> None:
    wrapped = {"identity": IDENTITY, "destination": destination()}
    found = read_definition({"properties": {"deliveryWithResourceIdentity": wrapped}}, RULES)
    shown = show(found)

    assert found.destination.endpoint_url == URL
    assert found.delivery_identity == ResourceIdentity(
        type="UserAssigned", user_assigned="/an/identity"
    )
    assert shown["destination"] is None
    assert shown["deliveryWithResourceIdentity"]["identity"] == IDENTITY


def test_dead_letter_destination_in_both_forms() -> None:
    plain = read(deadLetterDestination=BLOB)
    wrapped = read(
        deadLetterWithResourceIdentity={
            "identity": {"type": "systemassigned"},
            "deadLetterDestination": BLOB,
        }
    )

    expected = DeadLetterDestination(resource_id=ACCOUNT, container="dead-letters")
    assert plain.dead_letter_destination == wrapped.dead_letter_destination == expected
    assert show(plain)["deadLetterDestination"] == BLOB
    assert show(wrapped)["deadLetterDestination"] is None
    assert show(wrapped)["deadLetterWithResourceIdentity"]["deadLetterDestination"] == BLOB


def blob(account: str = ACCOUNT, container: str = "letters", kind: str = "StorageBlob") -> Any:
    properties = {"resourceId": account, "blobContainerName": container}
    return {"deadLetterDestination": {"endpointType": kind, "properties": properties}}


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        (blob(kind="StorageQueue"), "StorageQueue"),
        (blob(account=""), "id of a storage account"),
        (blob(account="letters"), "id of a storage account"),
        (blob(account=f"{ACCOUNT}/blobServices/default/containers/c"), "id of a storage account"),
        (blob(account=ACCOUNT.replace("letters", "../../x")), "id of a storage account"),
        (blob(account=ACCOUNT.replace("letters", "..")), "id of a storage account"),
        (blob(account="/providers/Microsoft.Storage/storageAccounts/abc"), "id of a storage"),
        (blob(container=""), "blobContainerName"),
        (blob(container="ab"), "blobContainerName"),
        (blob(container="a" * 64), "blobContainerName"),
        (blob(container="Letters"), "blobContainerName"),
        (blob(container="a--b"), "blobContainerName"),
        (blob(container="-ab"), "blobContainerName"),
        (blob(container="../etc"), "blobContainerName"),
        (blob(container="letters\n"), "blobContainerName"),
        ({"deadLetterWithResourceIdentity": {"identity": IDENTITY}}, "deadLetterDestination"),
        (
            {"deadLetterWithResourceIdentity": {"deadLetterDestination": BLOB}},
            "deadLetterWithResourceIdentity.identity.type",
        ),
        (
            {"deadLetterDestination": BLOB, "deadLetterWithResourceIdentity": {"identity": {}}},
            "cannot both be set",
        ),
        (
            {"deliveryWithResourceIdentity": {"destination": destination()}},
            "cannot both be set",
        ),
    ],
)
def test_wrong_dead_letter_destination_is_refused(properties: Any, text: str) -> None:
    with pytest.raises(RequestError, match=text):
        read(**properties)


def test_identities_are_checked() -> None:
    """A type with what belongs to it."""
    for identity in ({"type": "UserAssigned"}, {**IDENTITY, "type": "SystemAssigned"}, {}):
        wrapped = {"identity": identity, "destination": destination()}
        with pytest.raises(RequestError, match="identity"):
            read_definition({"properties": {"deliveryWithResourceIdentity": wrapped}}, RULES)


def test_update_keeps_a_dead_letter_destination_that_a_put_drops() -> None:
    before = read(deadLetterDestination=BLOB)

    assert update_definition(before, {"labels": ["x"]}, RULES).dead_letter_destination is not None
    assert read().dead_letter_destination is None


def test_update_can_change_the_form_of_the_destination() -> None:
    """The plain form takes the identity away; nothing else changes."""
    before = read_definition(
        {
            "properties": {
                "deliveryWithResourceIdentity": {
                    "identity": IDENTITY,
                    "destination": destination(),
                },
                "deadLetterDestination": BLOB,
            }
        },
        RULES,
    )
    after = update_definition(before, {"destination": destination(maxEventsPerBatch=7)}, RULES)

    assert after.delivery_identity is None
    assert after.destination.max_events_per_batch == 7
    assert after.dead_letter_destination == before.dead_letter_destination


GRID, CLOUD, CUSTOM = EventSchema.EVENT_GRID, EventSchema.CLOUD_EVENTS, EventSchema.CUSTOM


@pytest.mark.parametrize(
    ("input_schema", "asked", "expected"),
    [
        (GRID, None, GRID),
        (GRID, "eventgridschema", GRID),
        (GRID, "CloudEventSchemaV1_0", CLOUD),
        (GRID, "CustomInputSchema", None),
        (CLOUD, None, CLOUD),
        (CLOUD, "CloudEventSchemaV1_0", CLOUD),
        (CLOUD, "EventGridSchema", None),
        (CLOUD, "CustomInputSchema", None),
        (CUSTOM, None, CUSTOM),
        (CUSTOM, "EventGridSchema", GRID),
        (CUSTOM, "CloudEventSchemaV1_0", CLOUD),
        (CUSTOM, "CustomInputSchema", CUSTOM),
        (CUSTOM, "CustomEventSchema", None),
    ],
)
def test_delivery_schema_must_suit_the_topic(
    input_schema: EventSchema, asked: str | None, expected: EventSchema | None
) -> None:
    """What is not asked for is the topic's own schema."""
    rules = SubscriptionRules(now=RULES.now, input_schema=input_schema)
    if expected is None:
        with pytest.raises(RequestError, match="eventDeliverySchema"):
            read_definition(body(eventDeliverySchema=asked), rules)
        return

    definition = read_definition(body(eventDeliverySchema=asked), rules)

    assert definition.event_delivery_schema is expected
    assert read_definition({"properties": wire(definition)}, rules) == definition


def wire(definition: SubscriptionDefinition) -> dict[str, Any]:
    """What reads show, with the URL that they hide."""
    shown = show(definition)
    shown["destination"]["properties"]["endpointUrl"] = URL
    return shown


def test_update_keeps_the_delivery_schema() -> None:
    before = read(eventDeliverySchema="CloudEventSchemaV1_0")

    assert update_definition(before, {"labels": ["x"]}, RULES) == read(
        eventDeliverySchema="CloudEventSchemaV1_0", labels=["x"]
    )


def test_body_of_the_management_client_comes_back() -> None:
    """What `azure-mgmt-eventgrid` writes, it reads: nothing is lost but secrets."""
    webhook = models.WebHookEventSubscriptionDestination(
        endpoint_url=URL,
        max_events_per_batch=20,
        preferred_batch_size_in_kilobytes=128,
        azure_active_directory_tenant_id="tenant",
        azure_active_directory_application_id_or_uri="api://hook",
        minimum_tls_version_allowed="1.2",
        delivery_attribute_mappings=[
            models.StaticDeliveryAttributeMapping(name="X-A", value="v"),
            models.StaticDeliveryAttributeMapping(name="X-S", value="hidden", is_secret=True),
            models.DynamicDeliveryAttributeMapping(name="X-D", source_field="data.system"),
        ],
    )
    asked = models.EventSubscription(
        delivery_with_resource_identity=models.DeliveryWithResourceIdentity(
            identity=models.EventSubscriptionIdentity(type="SystemAssigned"), destination=webhook
        ),
        event_delivery_schema="CloudEventSchemaV1_0",
        dead_letter_destination=models.StorageBlobDeadLetterDestination(
            resource_id=ACCOUNT, blob_container_name="dead-letters"
        ),
        labels=["x"],
    )

    definition = read_definition(asked.serialize(), RULES)
    answer = models.EventSubscription.deserialize({"properties": show(definition)})

    delivery: Any = answer.delivery_with_resource_identity
    secret: Any = delivery.destination.delivery_attribute_mappings[1]
    webhook.endpoint_url = None
    secret.value = "hidden"
    assert delivery.identity.type == "SystemAssigned"
    assert delivery.destination.endpoint_base_url == "https://example.com/hook"
    delivery.destination.endpoint_base_url = None
    assert delivery.destination == webhook
    assert answer.dead_letter_destination == asked.dead_letter_destination
    assert answer.event_delivery_schema == "CloudEventSchemaV1_0"


def test_flat_update_of_the_management_client_is_read() -> None:
    """`EventSubscriptionUpdateParameters` has the members themselves."""
    update = models.EventSubscriptionUpdateParameters(
        dead_letter_destination=models.StorageBlobDeadLetterDestination(
            resource_id=ACCOUNT, blob_container_name="dead-letters"
        ),
        event_delivery_schema="EventGridSchema",
    )

    after = update_definition(read(), update.serialize(), RULES)

    assert after.dead_letter_destination is not None
    assert after.destination == read().destination
