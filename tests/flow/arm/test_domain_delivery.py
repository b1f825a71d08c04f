"""What is published to a domain reaches who subscribed to it, by way of the management rules."""

import itertools
from collections.abc import Coroutine
from typing import Any

import pytest

from switchhook.communication.arm_resources import EventRules
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.management import Chance, Resources, open_resources
from switchhook.grid.resources.subscription_life import HandshakeTools
from switchhook.grid.schemas.accept import PublishRequest
from tests.builders import a_body, an_event
from tests.flow.arm.scene import webhook
from tests.flow.arm.test_domain_life import DOMAIN_ID
from tests.flow.conftest import Flow, flow
from tests.scripted_transport import events_of

__all__ = ["flow"]

NO_HANDSHAKE = {"properties": {"validateEndpoint": False}}


def no_handshake(work: Coroutine[Any, Any, None]) -> None:
    """Every event subscription of these tests waives it."""
    work.close()
    raise AssertionError("a handshake was started")


async def managed(flow: Flow) -> Resources:
    """The resources in the store of this router, known to it."""
    numbers = itertools.count(1)
    return await open_resources(
        store=flow.store,
        routing=flow.engine.router,
        directory=CommunicationDirectory(),
        event_rules=EventRules(types=frozenset(), profiles=frozenset()),
        tools=HandshakeTools(
            transport=flow.transport, public_url=lambda: "https://localhost", spawn=no_handshake
        ),
        clock=flow.clock,
        chance=Chance(
            new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
            random_bytes=lambda count: b"k" * count,
        ),
    )


async def subscribe(resources: Resources, resource_id: str, name: str) -> None:
    """An event subscription whose webhook has the subscription's name as path."""
    source = resources.sources.get(resource_id)
    assert source is not None
    await resources.subscriptions.put_settings(source, name, NO_HANDSHAKE)
    await resources.subscriptions.put(source, name, webhook(f"http://localhost:9000/{name}"))


async def publish(flow: Flow, resources: Resources, *topics: str) -> None:
    """One event to each of these topics of the domain, its id being what it names."""
    source = resources.sources.get(DOMAIN_ID)
    assert source is not None
    body = a_body(*(an_event(id=topic, topic=topic) for topic in topics))
    await flow.engine.publisher.publish(source.topic, PublishRequest(body))
    await flow.engine.quiet()


def delivered(flow: Flow) -> dict[str, list[str]]:
    """The ids that each webhook got, and forget them."""
    got: dict[str, list[str]] = {}
    for request in flow.transport.requests:
        name = request.url.rpartition("/")[2]
        got.setdefault(name, []).extend(event["id"] for event in events_of(request))
    flow.transport.requests.clear()
    return {name: sorted(ids) for name, ids in got.items()}


@pytest.fixture
async def resources(flow: Flow) -> Resources:
    """A domain with an event subscription to everything and one to each of two topics."""
    resources = await managed(flow)
    await resources.domains.put(DOMAIN_ID, "contoso", {})
    await subscribe(resources, DOMAIN_ID, "everything")
    for topic in ("Berlin", "Paris"):
        await subscribe(resources, f"{DOMAIN_ID}/topics/{topic}", f"to-{topic}")
    return resources


async def test_event_reaches_the_subscriptions_of_its_topic(
    flow: Flow, resources: Resources
) -> None:
    """In any case of the name, by name or by id; one to the domain gets all, known or not."""
    full = f"{DOMAIN_ID}/topics/paris"
    await publish(flow, resources, "berlin", "BERLIN", full, "rome")

    assert delivered(flow) == {
        "everything": sorted(["berlin", "BERLIN", full, "rome"]),
        "to-Berlin": ["BERLIN", "berlin"],
        "to-Paris": [full],
    }


async def test_delivered_event_carries_the_id_of_its_topic(
    flow: Flow, resources: Resources
) -> None:
    """Not that of the domain."""
    await publish(flow, resources, "rome")
    (request,) = flow.transport.requests

    assert events_of(request)[0]["topic"] == f"{DOMAIN_ID}/topics/rome"


async def test_deleted_topic_gets_nothing_any_longer(flow: Flow, resources: Resources) -> None:
    """Its subscriptions are gone from the router; the others stay."""
    await resources.domains.delete_topic(f"{DOMAIN_ID}/topics/berlin")
    await publish(flow, resources, "berlin", "paris")

    assert delivered(flow) == {"everything": ["berlin", "paris"], "to-Paris": ["paris"]}


async def test_topics_are_kept_apart_after_a_restart(flow: Flow, resources: Resources) -> None:
    """The router reads the stored versions, not what it was told."""
    again = await flow.restarted(clean=True)
    reopened = await managed(again)
    await publish(again, reopened, "berlin")

    assert delivered(again) == {"everything": ["berlin"], "to-Berlin": ["berlin"]}


async def test_changed_access_does_not_lose_the_topics(flow: Flow, resources: Resources) -> None:
    """A PATCH of the domain replaces it in the router, with the subscriptions it has."""
    await resources.domains.patch(DOMAIN_ID, {"properties": {"disableLocalAuth": True}})
    await publish(flow, resources, "paris", "rome")

    assert delivered(flow) == {"everything": ["paris", "rome"], "to-Paris": ["paris"]}


async def test_deleted_domain_leaves_nothing_in_the_router(
    flow: Flow, resources: Resources
) -> None:
    """Neither queues nor the domain."""
    source = resources.sources.get(DOMAIN_ID)
    assert source is not None
    await resources.domains.delete(DOMAIN_ID)

    assert flow.engine.router.queues == {}
    assert flow.engine.router.topic(source.topic.incarnation) is None
