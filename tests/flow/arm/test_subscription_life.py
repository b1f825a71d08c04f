"""Event subscriptions from PUT to deletion, with handshakes, deadlines and restarts."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from switchhook.errors import RequestError
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS
from switchhook.grid.ports import Failure
from switchhook.grid.subscriptions import EventSubscription, ProvisioningState
from tests.flow.arm.scene import (
    TOPIC_ID,
    Scene,
    answering,
    echo,
    failing,
    silent,
    validation_data,
    webhook,
)


def state(scene: Scene, name: str = "audit") -> ProvisioningState:
    record = scene.resources.subscriptions.get(scene.source(TOPIC_ID), name)
    assert record is not None
    return record.state


async def versions(scene: Scene) -> list[EventSubscription]:
    records = await scene.store.scan(SUBSCRIPTION_VERSIONS)
    return [msgspec.json.decode(record.value, type=EventSubscription) for record in records]


async def test_subscription_comes_into_force_after_its_handshake(scene: Scene) -> None:
    """Creating is durable at once; the version follows with the endpoint's agreement."""
    source = await scene.topic()

    record = await scene.resources.subscriptions.put(source, "audit", webhook())
    assert record.state is ProvisioningState.CREATING
    assert scene.routing.activated == []
    await scene.settle()

    (version,) = scene.routing.activated
    assert state(scene) is ProvisioningState.SUCCEEDED
    assert (version.version, version.topic) == (1, source.topic.incarnation)
    assert [found.incarnation for found in await versions(scene)] == [version.incarnation]


async def test_failed_handshake_leaves_the_resource_failed(scene: Scene) -> None:
    """The resource stays visible with the reason; nothing comes into force."""
    source = await scene.topic()
    scene.transport.answer = failing(Failure.SOCKET_ERROR, "connection refused")

    record = await scene.resources.subscriptions.put(source, "audit", webhook())
    await scene.settle()

    operation = scene.resources.operations.get(record.operation)
    assert operation is not None
    assert (operation.code, operation.status) == ("Url validation", "Failed")
    assert "connection refused" in operation.message
    assert state(scene) is ProvisioningState.FAILED
    assert scene.routing.activated == []


async def test_failed_update_leaves_the_old_version_in_force(scene: Scene) -> None:
    """What worked goes on working."""
    source = await scene.topic()
    await scene.resources.subscriptions.put(source, "audit", webhook())
    await scene.settle()
    scene.transport.answer = answering(500)

    await scene.resources.subscriptions.put(source, "audit", webhook("http://localhost:1/new"))
    await scene.settle()

    (in_force,) = scene.routing.in_force.values()
    assert state(scene) is ProvisioningState.FAILED
    assert in_force.destination.endpoint_url == "http://localhost:9000/hook?code=secret"


async def test_silent_endpoint_is_asked_again_after_five_seconds(scene: Scene) -> None:
    """A timeout is tried twice in all."""
    source = await scene.topic()
    scene.transport.answer = failing(Failure.TIMED_OUT)
    await scene.resources.subscriptions.put(source, "audit", webhook())
    await scene.settle()
    assert (len(scene.transport.requests), state(scene)) == (1, ProvisioningState.CREATING)

    await scene.clock.advance(timedelta(seconds=5))
    await scene.settle()

    assert (len(scene.transport.requests), state(scene)) == (2, ProvisioningState.FAILED)


async def test_validation_url_completes_the_handshake(scene: Scene) -> None:
    """A 200 without the code waits for somebody to open the URL."""
    source = await scene.topic()
    scene.transport.answer = answering(200)
    await scene.resources.subscriptions.put(source, "audit", webhook())
    await scene.settle()
    assert state(scene) is ProvisioningState.AWAITING_MANUAL_ACTION

    url = urlsplit(validation_data(scene.transport.requests[0])["validationUrl"])
    query = parse_qs(url.query)
    subscriptions = scene.resources.subscriptions
    assert not await subscriptions.complete("audit", query["id"][0], "guess")
    assert await subscriptions.complete("AUDIT", query["id"][0], query["token"][0])

    assert state(scene) is ProvisioningState.SUCCEEDED
    assert len(scene.routing.in_force) == 1
    assert not await subscriptions.complete("audit", query["id"][0], query["token"][0])


async def test_manual_handshake_fails_after_ten_minutes(scene: Scene) -> None:
    """Nobody opened the URL."""
    source = await scene.topic()
    scene.transport.answer = answering(200)
    await scene.resources.subscriptions.put(source, "audit", webhook())
    await scene.settle()

    await scene.clock.advance(timedelta(minutes=10))
    await scene.settle()

    assert state(scene) is ProvisioningState.FAILED


async def test_validation_can_be_waived(scene: Scene) -> None:
    """The settings may be made before the subscription; the webhook is not asked."""
    source = await scene.topic()
    subscriptions = scene.resources.subscriptions
    await subscriptions.put_settings(source, "audit", {"properties": {"validateEndpoint": False}})

    record = await subscriptions.put(source, "audit", webhook())

    assert record.state is ProvisioningState.SUCCEEDED
    assert scene.transport.requests == []
    assert len(scene.routing.in_force) == 1


async def test_identical_put_asks_again_but_makes_no_version(scene: Scene) -> None:
    """Validation runs at each PUT; the router hears of changes only."""
    source = await scene.topic()
    for _ in range(2):
        await scene.resources.subscriptions.put(source, "audit", webhook())
        await scene.settle()

    assert len(scene.transport.requests) == 2
    assert [version.version for version in scene.routing.activated] == [1]


async def test_later_put_supersedes_a_running_handshake(scene: Scene) -> None:
    """The first operation ends as canceled; its late answer changes nothing."""
    source = await scene.topic()
    scene.transport.answer = silent
    first = await scene.resources.subscriptions.put(source, "audit", webhook())
    scene.transport.answer = echo
    await scene.resources.subscriptions.put(source, "audit", webhook("http://localhost:1/second"))
    await scene.settle()

    operation = scene.resources.operations.get(first.operation)
    (in_force,) = scene.routing.in_force.values()
    assert operation is not None
    assert operation.code == "CanceledAndSupersededDueToAnotherOperation"
    assert in_force.destination.endpoint_url == "http://localhost:1/second"


async def test_every_update_asks_the_endpoint(scene: Scene) -> None:
    """Also when the endpoint stays; the version rises with what the router reads only."""
    source = await scene.topic()
    await scene.resources.subscriptions.put(source, "audit", webhook())
    await scene.settle()

    await scene.resources.subscriptions.patch(
        source, "audit", {"filter": {"subjectBeginsWith": "/a"}}
    )
    await scene.settle()
    await scene.resources.subscriptions.patch(source, "audit", {"labels": ["x"]})
    await scene.settle()

    assert len(scene.transport.requests) == 3
    assert state(scene) is ProvisioningState.SUCCEEDED
    assert [version.version for version in scene.routing.activated] == [1, 2]
    assert len(await versions(scene)) == 2


async def test_update_of_the_endpoint_asks_the_new_one(scene: Scene) -> None:
    """The new endpoint must agree before it gets events."""
    source = await scene.topic()
    await scene.resources.subscriptions.put(source, "audit", webhook())
    await scene.settle()
    changed = webhook("http://localhost:1/new")["properties"]["destination"]

    record = await scene.resources.subscriptions.patch(source, "audit", {"destination": changed})
    assert record.state is ProvisioningState.UPDATING
    await scene.settle()

    assert len(scene.transport.requests) == 2
    assert scene.routing.activated[-1].destination.endpoint_url == "http://localhost:1/new"


async def test_delete_leaves_nothing(scene: Scene) -> None:
    """Resource, settings and versions go in one commit; a successor inherits nothing."""
    source = await scene.topic()
    subscriptions = scene.resources.subscriptions
    await subscriptions.put_settings(source, "audit", {"properties": {"validateEndpoint": False}})
    first = await subscriptions.put(source, "audit", webhook())

    assert await subscriptions.delete(source, "audit")
    assert not await subscriptions.delete(source, "audit")

    assert scene.routing.removed == [first.incarnation]
    assert await versions(scene) == []
    assert subscriptions.settings(source, "audit").validate_endpoint
    second = await subscriptions.put(source, "audit", webhook())
    assert second.incarnation != first.incarnation


async def test_subscription_expires(scene: Scene) -> None:
    """At expirationTimeUtc it is deleted; a renewed one stays."""
    source = await scene.topic()
    for name in ("short", "renewed"):
        body = webhook(expirationTimeUtc="2026-01-01T00:01:00Z")
        await scene.resources.subscriptions.put(source, name, body)
    await scene.settle()
    later = {"expirationTimeUtc": "2026-01-01T00:05:00Z"}
    await scene.resources.subscriptions.patch(source, "renewed", later)

    await scene.clock.advance(timedelta(minutes=1))
    await scene.settle()

    assert [record.name for record in scene.resources.subscriptions.of(source)] == ["renewed"]
    assert len(scene.routing.removed) == 1


async def test_expiry_survives_a_restart(scene: Scene) -> None:
    """The timer is set again at the start, at once when its time has passed."""
    source = await scene.topic()
    body = webhook(expirationTimeUtc="2026-01-01T00:01:00Z")
    await scene.resources.subscriptions.put(source, "audit", body)
    await scene.settle()

    await scene.restart()
    await scene.clock.advance(timedelta(minutes=1))
    await scene.settle()

    assert list(scene.resources.subscriptions.all()) == []


async def test_interrupted_handshake_is_run_again_after_a_restart(scene: Scene) -> None:
    """A crash between PUT and agreement leaves Creating, and the operation keeps its id."""
    source = await scene.topic()
    scene.transport.answer = silent
    record = await scene.resources.subscriptions.put(source, "audit", webhook())
    await scene.settle()
    scene.transport.answer = echo

    await scene.restart()
    assert state(scene) is ProvisioningState.CREATING
    await scene.settle()

    operation = scene.resources.operations.get(record.operation)
    assert operation is not None
    assert operation.status == "Succeeded"
    assert state(scene) is ProvisioningState.SUCCEEDED
    assert len(scene.routing.in_force) == 1


async def test_five_hundred_subscriptions_are_the_limit(scene: Scene) -> None:
    """The 501st is refused with 409; replacing one is not."""
    source = await scene.topic()
    subscriptions = scene.resources.subscriptions
    for number in range(500):
        name = f"audit-{number}"
        await subscriptions.put_settings(source, name, {"properties": {"validateEndpoint": False}})
        await subscriptions.put(source, name, webhook())

    with pytest.raises(RequestError, match="Quota limit reached") as raised:
        await subscriptions.put(source, "one-more", webhook())

    assert raised.value.status == 409
    await subscriptions.put(source, "audit-0", webhook())
