"""Domains, their topics, and the event subscriptions to both."""

from typing import Any

import msgspec
import pytest

from switchhook.errors import RequestError
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS
from switchhook.grid.events import EventSchema
from switchhook.grid.resources.records import DomainTopicRecord
from switchhook.grid.subscriptions import ProvisioningState
from switchhook.grid.topics import TopicKind
from tests.flow.arm.requests import send
from tests.flow.arm.scene import GROUP, TOPIC_ID, Scene, answering, webhook

DOMAIN_ID = f"{GROUP}/providers/Microsoft.EventGrid/domains/contoso"
ORDERS = f"{DOMAIN_ID}/topics/orders"
NO_AUTO_CREATE = {"properties": {"autoCreateTopicWithFirstSubscription": False}}
NO_AUTO_DELETE = {"properties": {"autoDeleteTopicWithLastSubscription": False}}


async def domain(scene: Scene, body: dict[str, Any] | None = None) -> None:
    """The domain `contoso`."""
    await scene.resources.domains.put(DOMAIN_ID, "contoso", body or {})


async def subscribe(scene: Scene, resource_id: str, name: str = "audit") -> None:
    await scene.resources.subscriptions.put(scene.source(resource_id), name, webhook())
    await scene.settle()


def topics(scene: Scene) -> list[str]:
    return [record.name for record in scene.resources.domains.topics(DOMAIN_ID)]


async def test_domain_is_known_to_the_router(scene: Scene) -> None:
    """With keys, schema and access of its own, after a restart as well."""
    body = {"properties": {"inputSchema": "cloudeventschemav1_0", "disableLocalAuth": True}}
    await domain(scene, body)
    (topic,) = scene.routing.topics.values()

    assert (topic.kind, topic.name, topic.resource_id) == (TopicKind.DOMAIN, "contoso", DOMAIN_ID)
    assert topic.input_schema is EventSchema.CLOUD_EVENTS
    assert not topic.access.allows_access_keys
    assert topic.keys == scene.resources.domains.keys(DOMAIN_ID)
    await scene.restart()
    assert scene.source(DOMAIN_ID).topic == topic


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ab", "Domain name must be between 3 and 50 characters in length."),
        ("a" * 51, "Domain name must be between 3 and 50"),
        ("a_b", "Domain name 'a_b' is invalid"),
        ("EventGrid-x", "Domain name must not begin"),
    ],
)
async def test_bad_domain_name_is_refused(scene: Scene, name: str, text: str) -> None:
    """The rules of troubleshoot-errors.md."""
    with pytest.raises(RequestError, match=text) as raised:
        await scene.resources.domains.put(DOMAIN_ID.replace("contoso", name), name, {})

    assert raised.value.status == 400


async def test_name_is_unique_among_domains_and_topics(scene: Scene) -> None:
    """Both are names of hosts."""
    await scene.topic()
    await domain(scene)
    for name in ("Contoso", "orders"):
        other = DOMAIN_ID.replace("local", "other").replace("contoso", name)
        with pytest.raises(RequestError, match="Choose a different domain name") as raised:
            await scene.resources.domains.put(other, name, {})
        assert raised.value.status == 409
    with pytest.raises(RequestError, match="Choose a different topic name"):
        await scene.resources.topics.put(TOPIC_ID.replace("orders", "contoso"), "contoso", {})


async def test_hundred_domains_are_the_limit(scene: Scene) -> None:
    """The quota of one Azure subscription; topics do not count."""
    await scene.topic()
    for number in range(100):
        name = f"domain-{number}"
        await scene.resources.domains.put(DOMAIN_ID.replace("contoso", name), name, {})

    with pytest.raises(RequestError, match="Quota limit reached"):
        await domain(scene)


async def test_subscription_to_a_topic_is_narrowed_for_the_router(scene: Scene) -> None:
    """It names the domain, and the topic in lower case; one to the domain names no topic."""
    await domain(scene)
    await subscribe(scene, f"{DOMAIN_ID}/topics/Orders")
    await subscribe(scene, DOMAIN_ID, "everything")
    (topic,) = scene.routing.topics.values()
    versions = {each.name: each for each in scene.routing.in_force.values()}

    assert versions["audit"].topic == versions["everything"].topic == topic.incarnation
    assert (versions["audit"].domain_topic, versions["everything"].domain_topic) == ("orders", "")
    stored = [
        msgspec.json.decode(record.value)["domain_topic"]
        for record in await scene.store.scan(SUBSCRIPTION_VERSIONS)
    ]
    assert sorted(stored) == ["", "orders"]


async def test_topic_comes_with_the_first_subscription_and_goes_with_the_last(
    scene: Scene,
) -> None:
    """Even one that was made by hand goes (event-domains.md)."""
    await domain(scene)
    await scene.resources.domains.put_topic(DOMAIN_ID, "By-Hand")
    for topic in ("by-hand", "Orders"):
        await subscribe(scene, f"{DOMAIN_ID}/topics/{topic}", "one-sub")
        await subscribe(scene, f"{DOMAIN_ID}/topics/{topic}".upper(), "two-sub")
    assert topics(scene) == ["By-Hand", "Orders"]
    (shown,) = {record.source for record in scene.resources.subscriptions.of(scene.source(ORDERS))}
    assert shown == f"{DOMAIN_ID}/topics/Orders"

    for topic in ("by-hand", "orders"):
        source = scene.source(f"{DOMAIN_ID}/topics/{topic}")
        await scene.resources.subscriptions.delete(source, "one-sub")
        assert len(topics(scene)) == 2 - ["by-hand", "orders"].index(topic)
        await scene.resources.subscriptions.delete(source, "two-sub")
    assert topics(scene) == []


async def test_topic_that_is_not_deleted_automatically_stays(scene: Scene) -> None:
    """With the switch off it is the owner's to delete."""
    await domain(scene, NO_AUTO_DELETE)
    await subscribe(scene, ORDERS)
    await scene.resources.subscriptions.delete(scene.source(ORDERS), "audit")

    assert topics(scene) == ["orders"]
    assert await scene.resources.domains.delete_topic(ORDERS)
    assert topics(scene) == []
    assert not await scene.resources.domains.delete_topic(ORDERS)


async def test_topic_that_is_not_created_automatically_must_be_there(scene: Scene) -> None:
    """With the switch off a subscription to a topic that is not there has no parent."""
    await domain(scene, NO_AUTO_CREATE)
    path = f"{ORDERS}/eventSubscriptions/audit"

    refused = await send(scene, "PUT", path, webhook())
    await scene.resources.domains.put_topic(DOMAIN_ID, "orders")
    accepted = await send(scene, "PUT", path, webhook())

    assert (refused.status, refused.json()["error"]["code"]) == (404, "ParentResourceNotFound")
    assert ORDERS in refused.json()["error"]["message"]
    assert accepted.status == 201


async def test_switch_can_be_put_off_later(scene: Scene) -> None:
    """A PATCH counts from then on."""
    await domain(scene)
    await subscribe(scene, ORDERS)
    await scene.resources.domains.patch(DOMAIN_ID, NO_AUTO_CREATE)

    assert scene.resources.sources.get(f"{DOMAIN_ID}/topics/others") is None
    assert scene.resources.sources.get(ORDERS) is not None


async def test_failed_handshake_leaves_the_topic_with_its_subscription(scene: Scene) -> None:
    """Both are there to be looked at, and go together."""
    scene.transport.answer = answering(404)
    await domain(scene)
    await subscribe(scene, ORDERS)
    record = scene.resources.subscriptions.get(scene.source(ORDERS), "audit")

    assert record is not None
    assert (record.state, topics(scene)) == (ProvisioningState.FAILED, ["orders"])
    await scene.resources.subscriptions.delete(scene.source(ORDERS), "audit")
    assert topics(scene) == []


@pytest.mark.parametrize("name", ["ab", "a" * 129, "a_b", "a b"])
async def test_bad_topic_name_is_refused(scene: Scene, name: str) -> None:
    """Made by hand or by a subscription; nothing of it stays."""
    await domain(scene)
    with pytest.raises(RequestError, match="Domain topic name") as raised:
        await scene.resources.domains.put_topic(DOMAIN_ID, name)
    with pytest.raises(RequestError, match="Domain topic name"):
        await subscribe(scene, f"{DOMAIN_ID}/topics/{name}")

    assert raised.value.status == 400
    assert topics(scene) == []


async def test_topic_of_no_domain_is_not_found(scene: Scene) -> None:
    """Neither is its subscription."""
    with pytest.raises(RequestError, match="was not found") as raised:
        await scene.resources.domains.put_topic(DOMAIN_ID, "orders")

    assert raised.value.status == 404
    assert scene.resources.sources.get(ORDERS) is None


async def test_subscriptions_are_limited_by_what_they_are_for(scene: Scene) -> None:
    """50 to a domain and 500 to each of its topics (quotas-limits.md)."""
    await domain(scene)
    for name, limit, where in ((DOMAIN_ID, 50, "domain"), (ORDERS, 500, "topic")):
        for number in range(limit):
            await scene.resources.subscriptions.put(scene.source(name), f"sub-{number}", webhook())
        await scene.settle()
        with pytest.raises(RequestError, match=f"limit is {limit} .* per {where}") as raised:
            await scene.resources.subscriptions.put(scene.source(name), "one-more", webhook())
        assert raised.value.status == 409
        # One that is there may be replaced all the same.
        await scene.resources.subscriptions.put(scene.source(name), "sub-0", webhook())
    await scene.settle()


async def test_deleted_domain_takes_everything_along(scene: Scene) -> None:
    """Topics, subscriptions of both kinds and settings that came before them, in one commit."""
    await domain(scene)
    await scene.resources.domains.put_topic(DOMAIN_ID, "empty")
    await subscribe(scene, ORDERS)
    await subscribe(scene, DOMAIN_ID, "everything")
    await scene.resources.subscriptions.put_settings(scene.source(ORDERS), "later", {})
    removed = list(scene.routing.in_force)

    assert await scene.resources.domains.delete(DOMAIN_ID)

    assert (scene.routing.topics, scene.routing.in_force) == ({}, {})
    assert sorted(scene.routing.removed) == sorted(removed)
    for collection in ("resources", TOPICS, SUBSCRIPTION_VERSIONS):
        assert await scene.store.scan(collection) == []
    assert scene.resources.sources.get(ORDERS) is None
    assert not await scene.resources.domains.delete(DOMAIN_ID)


async def test_deleted_topic_takes_its_subscriptions_along(scene: Scene) -> None:
    """Those to the domain and to other topics stay."""
    await domain(scene)
    for resource_id in (DOMAIN_ID, ORDERS, f"{ORDERS}-2"):
        await subscribe(scene, resource_id)

    assert await scene.resources.domains.delete_topic(ORDERS)

    left = {each.domain_topic for each in scene.routing.in_force.values()}
    assert left == {"", "orders-2"}
    assert topics(scene) == ["orders-2"]


async def test_domain_full_of_topics_takes_no_more(scene: Scene) -> None:
    """100,000 of them; a page of their list and a subscription cost no look at them all."""
    await domain(scene)
    names = [f"topic-{number:05}" for number in range(100_000)]
    await scene.resources.domains._view.write(  # one commit rather than 100,000
        {
            f"{DOMAIN_ID}/topics/{name}".lower(): DomainTopicRecord(
                id=f"{DOMAIN_ID}/topics/{name}", name=name
            )
            for name in names
        }
    )

    with pytest.raises(RequestError, match="limit is 100000 topics per domain"):
        await scene.resources.domains.put_topic(DOMAIN_ID, "one-more")
    with pytest.raises(RequestError, match="limit is 100000 topics per domain"):
        await subscribe(scene, f"{DOMAIN_ID}/topics/one-more")
    await subscribe(scene, f"{DOMAIN_ID}/topics/topic-00007")
    page = (await send(scene, "GET", f"{DOMAIN_ID}/topics?$top=2")).json()
    rest = page["nextLink"].removeprefix("http://localhost:8080")
    following = (await send(scene, "GET", rest)).json()

    assert [item["name"] for item in page["value"]] == names[:2]
    assert [item["name"] for item in following["value"]] == names[2:4]
