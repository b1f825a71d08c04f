"""azure-mgmt-eventgrid, unmodified: domains, their topics, and the properties of topics."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.eventgrid import EventGridManagementClient
from azure.mgmt.eventgrid.models import (
    Domain,
    DomainRegenerateKeyRequest,
    DomainUpdateParameters,
    EventSubscription,
    EventSubscriptionUpdateParameters,
    EventTypeInfo,
    InboundIpRule,
    InlineEventProperties,
    JsonField,
    JsonFieldWithDefault,
    JsonInputSchemaMapping,
    Topic,
    TopicUpdateParameters,
)

from switchhook.grid.topics import FieldMapping
from tests.compat.arm.test_event_grid_client import URL, call, client, destination, scene
from tests.flow.arm.scene import GROUP, TOPIC_ID, Scene

__all__ = ["client", "scene"]

DOMAIN_ID = f"{GROUP}/providers/Microsoft.EventGrid/domains/contoso"
ORDERS = f"{DOMAIN_ID}/topics/orders"


def a_mapping() -> JsonInputSchemaMapping:
    return JsonInputSchemaMapping(
        id=JsonField(source_field="myId"),
        topic=JsonField(source_field="myTopic"),
        event_time=JsonField(),
        event_type=JsonFieldWithDefault(source_field="myType", default_value="Created"),
        subject=JsonFieldWithDefault(default_value="everything"),
        data_version=JsonFieldWithDefault(default_value="1.0"),
    )


async def make_domain(client: EventGridManagementClient, **properties: Any) -> Any:
    domain = Domain(location="westus2", tags={"a": "b"}, **properties)
    return await call(
        lambda: client.domains.begin_create_or_update("local", "contoso", domain).result()
    )


async def make_domain_topic(client: EventGridManagementClient) -> Any:
    return await call(
        lambda: client.domain_topics.begin_create_or_update("local", "contoso", "orders").result()
    )


async def test_domain_lives_through_its_whole_life(client: EventGridManagementClient) -> None:
    """Create, replace, read, list, update and delete a domain."""
    domain = await make_domain(client)
    await make_domain(client)
    update = DomainUpdateParameters(
        tags={"c": "d"}, auto_create_topic_with_first_subscription=False
    )
    await call(lambda: client.domains.begin_update("local", "contoso", update).result())
    changed = await call(lambda: client.domains.get("local", "contoso"))
    listed = await call(
        lambda: [
            found.name
            for found in (
                *client.domains.list_by_subscription(),
                *client.domains.list_by_resource_group("local"),
            )
        ]
    )
    await call(lambda: client.domains.begin_delete("local", "contoso").result())
    await call(lambda: client.domains.begin_delete("local", "contoso").result())

    assert (domain.id, domain.type) == (DOMAIN_ID, "Microsoft.EventGrid/domains")
    assert domain.endpoint == "https://localhost:8443/domains/contoso/api/events"
    assert (domain.provisioning_state, domain.input_schema) == ("Succeeded", "EventGridSchema")
    assert domain.auto_create_topic_with_first_subscription is True
    assert domain.auto_delete_topic_with_last_subscription is True
    assert changed.tags == {"c": "d"}
    assert changed.auto_create_topic_with_first_subscription is False
    assert changed.auto_delete_topic_with_last_subscription is True
    assert listed == ["contoso", "contoso"]
    with pytest.raises(ResourceNotFoundError):
        await call(lambda: client.domains.get("local", "contoso"))


async def test_domain_keys_are_listed_and_regenerated(client: EventGridManagementClient) -> None:
    """`listKeys` and `regenerateKey` answer both keys."""
    await make_domain(client)

    keys = await call(lambda: client.domains.list_shared_access_keys("local", "contoso"))
    fresh = await call(
        lambda: client.domains.regenerate_key(
            "local", "contoso", DomainRegenerateKeyRequest(key_name="key1")
        )
    )

    assert keys.key1
    assert fresh.key2 == keys.key2


async def test_domain_topics_are_made_and_listed(client: EventGridManagementClient) -> None:
    """Create without a body, read, list and delete a topic of a domain."""
    await make_domain(client)
    made = await make_domain_topic(client)
    await make_domain_topic(client)
    found = await call(lambda: client.domain_topics.get("local", "contoso", "orders"))
    listed = await call(
        lambda: [each.name for each in client.domain_topics.list_by_domain("local", "contoso")]
    )
    await call(lambda: client.domain_topics.begin_delete("local", "contoso", "orders").result())

    assert (made.id, made.type) == (ORDERS, "Microsoft.EventGrid/domains/topics")
    assert (found.name, found.provisioning_state) == ("orders", "Succeeded")
    assert listed == ["orders"]
    with pytest.raises(ResourceNotFoundError):
        await call(lambda: client.domain_topics.get("local", "contoso", "orders"))


async def test_list_of_domain_topics_is_paged(
    client: EventGridManagementClient, scene: Scene
) -> None:
    """The client follows the links of a list that the server makes page by page."""
    await make_domain(client)
    names = [f"topic-{number:02}" for number in range(45)]
    for name in names:
        await scene.resources.domains.put_topic(DOMAIN_ID, name)

    default = await call(
        lambda: [each.name for each in client.domain_topics.list_by_domain("local", "contoso")]
    )
    some = await call(
        lambda: [
            each.name
            for each in client.domain_topics.list_by_domain(
                "local", "contoso", filter="contains(name,'-1')", top=3
            )
        ]
    )

    assert default == names
    assert some == names[10:20]


async def lives(operations: Any, owner: str, *names: str) -> None:
    """Every operation on an event subscription in nested form."""
    made = await call(
        lambda: operations.begin_create_or_update(
            *names, "audit", EventSubscription(destination=destination())
        ).result()
    )
    changed = await call(
        lambda: operations.begin_update(
            *names, "audit", EventSubscriptionUpdateParameters(labels=["x"])
        ).result()
    )
    found = await call(lambda: operations.get(*names, "audit"))
    url = await call(lambda: operations.get_full_url(*names, "audit"))
    attributes = await call(lambda: operations.get_delivery_attributes(*names, "audit"))
    listed = await call(lambda: [each.name for each in operations.list(*names)])
    await call(lambda: operations.begin_delete(*names, "audit").result())

    assert (made.id, made.topic) == (f"{owner}/eventSubscriptions/audit", owner)
    assert (changed.labels, found.labels) == (["x"], ["x"])
    assert url.endpoint_url == URL
    assert attributes.value == []
    assert listed == ["audit"]
    with pytest.raises(ResourceNotFoundError):
        await call(lambda: operations.get(*names, "audit"))


async def test_event_subscription_to_a_domain(client: EventGridManagementClient) -> None:
    """All operations of `domain_event_subscriptions`."""
    await make_domain(client)

    await lives(client.domain_event_subscriptions, DOMAIN_ID, "local", "contoso")


async def test_event_subscription_to_a_domain_topic(client: EventGridManagementClient) -> None:
    """All operations of `domain_topic_event_subscriptions`; the topic comes and goes with it."""
    await make_domain(client)

    await lives(client.domain_topic_event_subscriptions, ORDERS, "local", "contoso", "orders")

    with pytest.raises(ResourceNotFoundError):
        await call(lambda: client.domain_topics.get("local", "contoso", "orders"))


async def test_event_subscription_to_a_domain_topic_in_scope_form(
    client: EventGridManagementClient,
) -> None:
    """Made below the scope, listed by the domain topic."""
    await make_domain(client)
    made = await call(
        lambda: client.event_subscriptions.begin_create_or_update(
            ORDERS, "audit", EventSubscription(destination=destination())
        ).result()
    )
    listed = await call(
        lambda: [
            each.name
            for each in client.event_subscriptions.list_by_domain_topic(
                "local", "contoso", "orders"
            )
        ]
    )
    nested = await call(
        lambda: client.domain_topic_event_subscriptions.get("local", "contoso", "orders", "audit")
    )

    assert made.id == f"{ORDERS}/providers/Microsoft.EventGrid/eventSubscriptions/audit"
    assert listed == ["audit"]
    assert nested.topic == made.topic == ORDERS


async def test_properties_of_a_topic(client: EventGridManagementClient, scene: Scene) -> None:
    """Input mapping, IP rules, switches and event types come back as they were sent."""
    types = {"Order": InlineEventProperties(description="An order", display_name="Order")}
    topic = Topic(
        location="westus2",
        input_schema="CustomEventSchema",
        input_schema_mapping=a_mapping(),
        inbound_ip_rules=[InboundIpRule(ip_mask="10.0.0.0/8", action="Allow")],
        disable_local_auth=True,
        minimum_tls_version_allowed="1.2",
        data_residency_boundary="WithinRegion",
        event_type_info=EventTypeInfo(kind="Inline", inline_event_types=types),
    )
    await call(lambda: client.topics.begin_create_or_update("local", "orders", topic).result())
    found = await call(lambda: client.topics.get("local", "orders"))
    (routed,) = scene.routing.topics.values()

    assert found.input_schema_mapping.as_dict() == a_mapping().as_dict()
    assert found.inbound_ip_rules[0].ip_mask == "10.0.0.0/8"
    assert (found.disable_local_auth, found.public_network_access) == (True, "Enabled")
    assert (found.minimum_tls_version_allowed, found.data_residency_boundary) == (
        "1.2",
        "WithinRegion",
    )
    assert found.event_type_info.inline_event_types["Order"].description == "An order"
    assert routed.input_mapping is not None
    assert routed.input_mapping.subject == FieldMapping(default_value="everything")
    assert routed.access.inbound_ip_rules == ("10.0.0.0/8",)


async def test_update_of_a_topic_changes_access(
    client: EventGridManagementClient, scene: Scene
) -> None:
    """What can be updated reaches the router; the rest stays."""
    mapped = Topic(
        location="westus2", input_schema="CustomEventSchema", input_schema_mapping=a_mapping()
    )
    await call(lambda: client.topics.begin_create_or_update("local", "orders", mapped).result())
    update = TopicUpdateParameters(
        public_network_access="Disabled",
        inbound_ip_rules=[InboundIpRule(ip_mask="192.0.2.0/24", action="Allow")],
        minimum_tls_version_allowed="1.1",
    )
    await call(lambda: client.topics.begin_update("local", "orders", update).result())
    found = await call(lambda: client.topics.get("local", "orders"))
    (routed,) = scene.routing.topics.values()

    assert (found.id, found.public_network_access) == (TOPIC_ID, "Disabled")
    assert found.input_schema == "CustomEventSchema"
    assert not routed.access.allows_public_network
    assert routed.access.inbound_ip_rules == ("192.0.2.0/24",)


async def test_changed_input_schema_is_refused(client: EventGridManagementClient) -> None:
    """With the name of the property."""
    await make_domain(client, input_schema="CloudEventSchemaV1_0")

    with pytest.raises(HttpResponseError, match="'inputSchema' cannot be changed") as raised:
        await make_domain(client, input_schema="EventGridSchema")

    assert raised.value.status_code == 400


async def test_partner_events_are_refused_with_the_reason(
    client: EventGridManagementClient,
) -> None:
    """Every partner resource says so, whatever the operation."""
    with pytest.raises(HttpResponseError, match="Partner events are not supported"):
        await call(lambda: client.partner_topics.get("local", "one"))
    with pytest.raises(HttpResponseError, match="Partner events are not supported"):
        await call(lambda: list(client.verified_partners.list()))
