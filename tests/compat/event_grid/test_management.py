"""Topics, domains and event subscriptions made with `azure-mgmt-eventgrid`, and used."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.mgmt.eventgrid import models

from tests.compat.event_grid.client_process import ClientProcess
from tests.compat.event_grid.samples import an_event, new_id, order_for
from tests.compat.event_grid.site import (
    CLOUD_EVENTS,
    CUSTOM_OUT,
    EVENT_GRID,
    Site,
    events_of,
    id_of,
)

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="package")]

LITTLE = {"number": 5, "text": "Widget", "flag": True, "nothing": None}
MUCH = {"number": 50.5, "text": "gadget", "flag": False, "nothing": "something"}

# Each operator, and whether it lets LITTLE and MUCH pass.
OPERATORS: list[tuple[type[models.AdvancedFilter], str, dict[str, Any], bool, bool]] = [
    (models.NumberInAdvancedFilter, "number", {"values": [5, 6]}, True, False),
    (models.NumberNotInAdvancedFilter, "number", {"values": [5, 6]}, False, True),
    (models.NumberLessThanAdvancedFilter, "number", {"value": 50.5}, True, False),
    (models.NumberGreaterThanAdvancedFilter, "number", {"value": 5}, False, True),
    (models.NumberLessThanOrEqualsAdvancedFilter, "number", {"value": 5}, True, False),
    (models.NumberGreaterThanOrEqualsAdvancedFilter, "number", {"value": 50.5}, False, True),
    (models.NumberInRangeAdvancedFilter, "number", {"values": [[1, 5], [7, 9]]}, True, False),
    (models.NumberNotInRangeAdvancedFilter, "number", {"values": [[1, 5]]}, False, True),
    (models.BoolEqualsAdvancedFilter, "flag", {"value": True}, True, False),
    (models.StringInAdvancedFilter, "text", {"values": ["WIDGET"]}, True, False),
    (models.StringNotInAdvancedFilter, "text", {"values": ["WIDGET"]}, False, True),
    (models.StringBeginsWithAdvancedFilter, "text", {"values": ["wid"]}, True, False),
    (models.StringEndsWithAdvancedFilter, "text", {"values": ["DGET"]}, True, True),
    (models.StringContainsAdvancedFilter, "text", {"values": ["adg"]}, False, True),
    (models.StringNotBeginsWithAdvancedFilter, "text", {"values": ["wid"]}, False, True),
    (models.StringNotEndsWithAdvancedFilter, "text", {"values": ["IDGET"]}, False, True),
    (models.StringNotContainsAdvancedFilter, "text", {"values": ["adg"]}, True, False),
    (models.IsNullOrUndefinedAdvancedFilter, "nothing", {}, True, False),
    (models.IsNotNullAdvancedFilter, "nothing", {}, False, True),
]


def webhook(site: Site, path: str, **members: Any) -> models.WebHookEventSubscriptionDestination:
    """A path at the webhook of these tests."""
    url = f"{site.receiver.origin}/{path}"
    return models.WebHookEventSubscriptionDestination(endpoint_url=url, **members)


async def subscribe(site: Site, scope: str, name: str, **members: Any) -> models.EventSubscription:
    """An event subscription that is named like the path it delivers to."""
    members.setdefault("destination", webhook(site, name))
    wanted = models.EventSubscription(**members)
    made: models.EventSubscription = await site.call(
        lambda: site.client.event_subscriptions.begin_create_or_update(scope, name, wanted).result()
    )
    return made


def ids_at(site: Site, path: str) -> list[str]:
    """The ids of the events that came to a path."""
    requests = [each for each in site.receiver.notifications if each.path == f"/{path}"]
    return [id_of(event) for request in requests for event in events_of(request)]


async def test_each_advanced_filter_selects(site: Site, in_python: ClientProcess) -> None:
    """All nineteen operators, one event subscription each; what is read back is what was sent."""
    known = {name for name in dir(models) if name.endswith("AdvancedFilter")} - {"AdvancedFilter"}
    assert {kind.__name__ for kind, *_ in OPERATORS} == known
    scope = site.resource_id("grid")
    for kind, key, values, *_ in OPERATORS:
        chosen = kind(key=f"data.{key}", **values)
        filters = models.EventSubscriptionFilter(advanced_filters=[chosen])
        made = await subscribe(site, scope, kind.__name__, filter=filters)
        assert made.filter is not None
        read = made.filter.advanced_filters or []
        assert [each.as_dict() for each in read] == [chosen.as_dict()]

    rounds = [(an_event("grid", data=LITTLE), an_event("grid", data=MUCH)) for _ in range(2)]
    wanted = {
        kind.__name__: [
            event["id"]
            for pair in rounds
            for event, is_let in zip(pair, lets, strict=True)
            if is_let
        ]
        for kind, _, _, *lets in OPERATORS
    }
    # What of the first round goes where it should not has come before the second.
    for pair in rounds:
        assert await in_python(**order_for(site, "grid"), events=list(pair)) == {}
        for kind, _, _, *lets in OPERATORS:
            for event, is_let in zip(pair, lets, strict=True):
                if is_let:
                    await site.came(f"/{kind.__name__}", event["id"])

    for name, ids in wanted.items():
        assert sorted(ids_at(site, name)) == sorted(ids), name


SCHEMAS_OUT = [
    ("grid", EVENT_GRID),
    ("grid", CLOUD_EVENTS),
    ("cloud", CLOUD_EVENTS),
    ("custom", EVENT_GRID),
    ("custom", CLOUD_EVENTS),
    ("custom", CUSTOM_OUT),
]


@pytest.mark.parametrize(("topic", "schema"), SCHEMAS_OUT)
async def test_subscription_with_everything(
    site: Site, in_python: ClientProcess, topic: str, schema: str
) -> None:
    """Schema, batches, headers, filters, retries, labels, dead letters and an end, all at once."""
    name = f"everything-{topic}-{schema.replace('_', '-')}"
    # In the delivered event: a custom event keeps its members where it goes out unchanged.
    total = "total" if schema == CUSTOM_OUT else "data.total"
    destination = webhook(
        site,
        name,
        max_events_per_batch=5000,
        preferred_batch_size_in_kilobytes=1024,
        delivery_attribute_mappings=[
            models.StaticDeliveryAttributeMapping(name="X-Plain", value="plain"),
            models.StaticDeliveryAttributeMapping(name="X-Secret", value="hush", is_secret=True),
            models.DynamicDeliveryAttributeMapping(name="X-Total", source_field=total),
        ],
    )
    made = await subscribe(
        site,
        site.resource_id(topic),
        name,
        destination=destination,
        event_delivery_schema=schema,
        filter=models.EventSubscriptionFilter(
            subject_begins_with="ORDERS/",
            subject_ends_with="/17",
            included_event_types=["Shop.OrderPlaced", "Other"],
        ),
        labels=["a", "ü"],
        retry_policy=models.RetryPolicy(max_delivery_attempts=3, event_time_to_live_in_minutes=9),
        dead_letter_destination=models.StorageBlobDeadLetterDestination(
            resource_id="/subscriptions/x/resourceGroups/y/providers/Microsoft.Storage/"
            "storageAccounts/letters",
            blob_container_name="orders",
        ),
        expiration_time_utc=datetime.now(UTC) + timedelta(days=1),
    )
    event = an_order(topic)

    assert await in_python(**order_for(site, topic), events=[event]) == {}
    request = (await site.came(f"/{name}", id_of(event))).request

    assert made.event_delivery_schema == schema
    assert made.labels == ["a", "ü"]
    assert (request.headers["x-plain"], request.headers["x-secret"]) == ("plain", "hush")
    assert request.headers["x-total"] == "12.5"
    assert request.headers["aeg-subscription-name"] == name.upper()
    assert request.headers["aeg-delivery-count"] == "0"
    assert request.headers["content-type"].startswith(
        "application/cloudevents-batch+json" if schema == CLOUD_EVENTS else "application/json"
    )
    shown = await site.call(
        lambda: site.client.event_subscriptions.get_delivery_attributes(
            site.resource_id(topic), name
        )
    )
    assert [(each.name, getattr(each, "value", None)) for each in shown.value] == [
        ("X-Plain", "plain"),
        ("X-Secret", "hush"),
        ("X-Total", None),
    ]


def an_order(topic: str) -> dict[str, Any]:
    """An event that the filters above let pass, with a total where the header looks for it."""
    common = {"data": {"total": 12.5}}
    match topic:
        case "grid":
            return an_event(topic, subject="orders/17", **common)
        case "cloud":
            return an_event(topic, **common)
    return an_event(topic, total=12.5)


async def test_domain_topics_have_their_own_subscriptions(
    site: Site, in_python: ClientProcess
) -> None:
    """Each hears its own topic, in whichever way the publisher names it; the domain hears all."""
    domain = site.resource_id("grid-domain")
    for area in ("orders", "returns"):
        await subscribe(site, f"{domain}/topics/{area}", f"only-{area}")
    await subscribe(site, domain, "whole-domain")
    events = [
        an_event("grid-domain", topic=topic)
        for topic in ("orders", "RETURNS", f"{domain}/topics/orders", "unknown")
    ]
    ids = [event["id"] for event in events]

    assert await in_python(**order_for(site, "grid-domain"), events=events) == {}
    for path, event_id in (
        ("only-orders", ids[2]),
        ("only-returns", ids[1]),
        ("whole-domain", ids[3]),
    ):
        await site.came(f"/{path}", event_id)
    second = an_event("grid-domain", topic="orders")
    assert await in_python(**order_for(site, "grid-domain"), events=second) == {}
    await site.came("/only-orders", second["id"])
    await site.came("/whole-domain", second["id"])

    assert sorted(ids_at(site, "only-orders")) == sorted([ids[0], ids[2], second["id"]])
    assert ids_at(site, "only-returns") == [ids[1]]
    assert sorted(ids_at(site, "whole-domain")) == sorted([*ids, second["id"]])
    listed = await site.call(
        lambda: {
            each.name for each in site.client.domain_topics.list_by_domain("local", "grid-domain")
        }
    )
    assert listed == {"orders", "returns"}


async def test_changed_and_deleted_subscriptions_hear_what_they_should(
    site: Site, in_python: ClientProcess
) -> None:
    """A new filter counts for the next event, and so does the end."""
    scope, operations = site.resource_id("grid"), site.client.event_subscriptions
    await subscribe(site, scope, "changing")
    first, second, third, fourth = (an_event("grid", eventType=f"T{n}") for n in range(4))

    assert await in_python(**order_for(site, "grid"), events=first) == {}
    await site.came("/changing", first["id"])
    only = models.EventSubscriptionFilter(included_event_types=["T2", "t1"])
    change = models.EventSubscriptionUpdateParameters(filter=only)
    await site.call(lambda: operations.begin_update(scope, "changing", change).result())
    assert await in_python(**order_for(site, "grid"), events=[second, third]) == {}
    await site.came("/changing", third["id"])
    await site.call(lambda: operations.begin_delete(scope, "changing").result())
    assert await in_python(**order_for(site, "grid"), events=[third | {"id": new_id()}]) == {}
    assert await in_python(**order_for(site, "grid"), events=fourth) == {}
    await site.arrivals(fourth["id"], "grid")

    assert ids_at(site, "changing") == [first["id"], third["id"]]
