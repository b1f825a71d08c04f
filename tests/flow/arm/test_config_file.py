"""What the configuration file asks for comes about at the start."""

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest

from switchhook.clock import SECOND
from switchhook.communication.resources import EventSettings
from switchhook.config_file import FIRST_ANSWERS, apply_tables, first_answers
from switchhook.config_tables import read_tables
from switchhook.default_resources import remove_resources
from switchhook.defaults import COMMUNICATION_KEYS
from switchhook.errors import StartError
from switchhook.grid.ports import Failure
from switchhook.grid.subscriptions import ProvisioningState, TimeProfile
from tests.flow.arm.scene import ACS_ID, GROUP, TOPIC_ID, Scene, answering, echo, failing, silent


def tables(**subscription: Any) -> dict[str, list[dict[str, Any]]]:
    endpoint = "http://localhost:9000/hook"
    return {
        "communication": [{"name": "contoso", "numbers": ["+15555550123"]}],
        "topics": [{"name": "orders"}],
        "subscriptions": [
            {"name": "audit", "topic": "orders", "endpoint": endpoint, **subscription}
        ],
    }


async def start(scene: Scene, *, seconds: float = FIRST_ANSWERS, **subscription: Any) -> None:
    asked = await apply_tables(
        read_tables(tables(**subscription)),
        resources=scene.resources,
        clock=scene.clock,
        spawn=scene.spawn,
    )
    await first_answers(asked, scene.resources.subscriptions, seconds)


async def apply(scene: Scene, **subscription: Any) -> None:
    await start(scene, **subscription)
    await scene.settle()


def state(scene: Scene) -> ProvisioningState:
    record = scene.resources.subscriptions.get(scene.source(TOPIC_ID), "audit")
    assert record is not None
    return record.state


async def test_absent_is_created_and_the_same_is_left_alone(scene: Scene) -> None:
    """A second start with the same file writes nothing."""
    await apply(scene)
    revisions = [record.revision for record in await scene.store.scan("resources")]
    await apply(scene)

    assert state(scene) is ProvisioningState.SUCCEEDED
    assert [record.revision for record in await scene.store.scan("resources")] == revisions
    assert len(scene.transport.requests) == 1


async def test_changed_entry_updates(scene: Scene) -> None:
    """A new filter is a new version."""
    await apply(scene)
    await apply(scene, subjectBeginsWith="/a")

    assert [version.version for version in scene.routing.activated] == [1, 2]


async def test_receiver_that_is_not_up_yet_is_asked_again(scene: Scene) -> None:
    """With growing pauses, until it agrees."""
    scene.transport.answer = failing(Failure.SOCKET_ERROR)
    await apply(scene)
    assert state(scene) is ProvisioningState.FAILED

    for seconds in (1, 2, 5):
        await scene.clock.advance(timedelta(seconds=seconds))
        await scene.settle()
    assert len(scene.transport.requests) == 4
    scene.transport.answer = echo
    await scene.clock.advance(timedelta(seconds=10))
    await scene.settle()

    assert state(scene) is ProvisioningState.SUCCEEDED


async def test_start_ends_once_the_webhook_has_answered(scene: Scene) -> None:
    """Not sooner: what is published then has the subscriptions of the file."""
    scene.transport.answer = silent
    starting = asyncio.create_task(start(scene))
    await scene.settle()
    was_waiting = not starting.done()
    scene.transport.echo_at_last()
    await starting

    assert was_waiting
    assert state(scene) is ProvisioningState.SUCCEEDED
    assert [version.version for version in scene.routing.activated] == [1]


@pytest.mark.parametrize(
    ("answer", "found", "reason"),
    [
        (silent, ProvisioningState.CREATING, "the endpoint has not answered yet"),
        (failing(Failure.SOCKET_ERROR), ProvisioningState.FAILED, "handshake failed for http://"),
        (answering(200), ProvisioningState.AWAITING_MANUAL_ACTION, "GET is expected on the"),
    ],
)
async def test_start_tells_what_is_not_in_force(
    scene: Scene, caplog: pytest.LogCaptureFixture, answer: Any, found: str, reason: str
) -> None:
    """It ends all the same, however long a webhook or a person takes."""
    scene.transport.answer = answer
    await start(scene, seconds=0 if answer is silent else FIRST_ANSWERS)
    (said,) = [vars(each) for each in caplog.records if each.msg == "config_file.not_in_force"]

    assert state(scene) is found
    assert (said["subscription"], said["source"], said["state"]) == ("audit", TOPIC_ID, found)
    assert reason in said["reason"]


async def test_start_tells_nothing_of_what_is_in_force(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """At the first start and at the next."""
    await start(scene)
    await start(scene)

    assert caplog.records == []


async def test_retries_end_when_somebody_deletes_the_subscription(scene: Scene) -> None:
    """What was deleted does not come back before the next start."""
    scene.transport.answer = failing(Failure.SOCKET_ERROR)
    await apply(scene)
    await scene.resources.subscriptions.delete(scene.source(TOPIC_ID), "audit")

    await scene.clock.advance(timedelta(minutes=5))
    await scene.settle()

    assert len(scene.transport.requests) == 1
    assert list(scene.resources.subscriptions.all()) == []


async def test_validation_can_be_waived(scene: Scene) -> None:
    """`validate = false` asks nobody."""
    await apply(scene, validate=False)

    assert state(scene) is ProvisioningState.SUCCEEDED
    assert scene.transport.requests == []


async def test_everything_that_a_subscription_can_be_can_stand_in_the_file(scene: Scene) -> None:
    """Inner forms are Azure's; the settings of our own are those of the child resource."""
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/letters"
    wanted = {
        "validate": False,
        "advancedFilters": [{"operatorType": "NumberGreaterThan", "key": "data.n", "value": 5}],
        "maxEventsPerBatch": 7,
        "deliveryAttributeMappings": [
            {"name": "X-A", "type": "Static", "properties": {"value": "1", "isSecret": False}}
        ],
        "deadLetterDestination": {"resourceId": account, "blobContainerName": "letters"},
        "orderedBy": "data.key",
        "deduplicationWindow": "PT10M",
        "profile": "fast",
    }
    await apply(scene, **wanted)
    version = scene.routing.activated[-1]

    assert [each.key for each in version.filter.advanced] == ["data.n"]
    assert version.destination.max_events_per_batch == 7
    assert [each.name for each in version.destination.attributes] == ["X-A"]
    assert version.dead_letter_destination is not None
    assert version.dead_letter_destination.container == "letters"
    settings = scene.resources.subscriptions.settings(scene.source(TOPIC_ID), "audit")
    assert (settings.ordered_by, settings.deduplication_window) == ("data.key", 600 * SECOND)
    assert settings.profile is TimeProfile.FAST


async def test_settings_that_the_file_does_not_name_stay(scene: Scene) -> None:
    """What a person paused is not resumed by a restart."""
    await apply(scene)
    body = {"properties": {"isPaused": True}}
    source = scene.source(TOPIC_ID)
    await scene.resources.subscriptions.put_settings(source, "audit", body)
    await apply(scene, orderedBy="subject")
    settings = scene.resources.subscriptions.settings(source, "audit")

    assert (settings.is_paused, settings.ordered_by) == (True, "subject")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"endpoint": "ftp://x"}, "audit.*URL is invalid"),
        ({"topic": "missing"}, "audit.*missing"),
        ({"maxDeliveryAttempts": 99}, "audit.*maxDeliveryAttempts"),
        ({"advancedFilters": [{"key": "a"}]}, "audit.*advancedFilters"),
        ({"deduplicationWindow": "soon"}, "audit.*deduplicationWindow"),
    ],
)
async def test_wrong_entry_stops_the_start(
    scene: Scene, changes: dict[str, Any], named: str
) -> None:
    """The error names the entry."""
    with pytest.raises(StartError, match=named):
        await apply(scene, **changes)


async def apply_event_settings(scene: Scene, **settings: Any) -> EventSettings:
    """The settings of a resource's events, after a start with these in the file."""
    entry = {"name": "contoso", "eventSettings": settings}
    await apply_tables(
        read_tables({"communication": [entry]}),
        resources=scene.resources,
        clock=scene.clock,
        spawn=scene.spawn,
    )
    return scene.resources.communication.get(ACS_ID).resource.events


async def test_event_settings_can_stand_in_the_file(scene: Scene) -> None:
    """Of a resource that is there too; what the file does not name stays, as for the rest."""
    first = await apply_event_settings(scene)
    chat = await apply_event_settings(scene, includeInitiator=True, typingEvents=True)
    more = await apply_event_settings(
        scene, botEvents=True, newestMembers=True, profile="docs-2022"
    )
    revisions = [record.revision for record in await scene.store.scan("resources")]
    same = await apply_event_settings(scene, botEvents=True)

    assert first == EventSettings()
    assert chat == EventSettings(include_initiator=True, typing_events=True)
    assert (
        more
        == same
        == EventSettings(
            include_initiator=True,
            typing_events=True,
            bot_events=True,
            newest_members=True,
            profile="docs-2022",
        )
    )
    assert [record.revision for record in await scene.store.scan("resources")] == revisions


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"typingEvents": "yes"}, "contoso.*typingEvents"),
        ({"typing": True}, "contoso.*'typing'"),
        ({"profile": "unheard-of"}, "contoso.*unheard-of"),
    ],
)
async def test_wrong_event_settings_stop_the_start(
    scene: Scene, settings: dict[str, Any], named: str
) -> None:
    """The error names the resource, and what is wrong."""
    with pytest.raises(StartError, match=named):
        await apply_event_settings(scene, **settings)


def test_event_settings_are_a_table() -> None:
    """Not one value for all of them."""
    with pytest.raises(StartError, match=r"'eventSettings' of .*contoso.* must be a table"):
        read_tables({"communication": [{"name": "contoso", "eventSettings": True}]})


async def test_expired_entry_is_skipped(scene: Scene) -> None:
    """A file that worked yesterday still starts."""
    await apply(scene, expirationTimeUtc="2020-01-01T00:00:00Z")

    assert list(scene.resources.subscriptions.all()) == []


async def apply_domain(scene: Scene, **domain: Any) -> None:
    tables = {
        "domains": [{"name": "shops", "topics": ["a-shop"], **domain}],
        "subscriptions": [
            {
                "name": "one-sub",
                "domain": "shops",
                "domainTopic": "b-shop",
                "endpoint": "http://localhost:9",
            }
        ],
    }
    await apply_tables(
        read_tables(tables), resources=scene.resources, clock=scene.clock, spawn=scene.spawn
    )
    await scene.settle()


async def test_domain_and_its_topics_are_created(scene: Scene) -> None:
    """And left alone by a second start."""
    await apply_domain(scene, inboundIpRules=["10.0.0.0/8"])
    revisions = [record.revision for record in await scene.store.scan("resources")]
    await apply_domain(scene, inboundIpRules=["10.0.0.0/8"])
    (topic,) = scene.routing.topics.values()
    names = [record.name for record in scene.resources.domains.topics(topic.resource_id)]

    assert names == ["a-shop", "b-shop"]
    assert topic.access.inbound_ip_rules == ("10.0.0.0/8",)
    assert [record.revision for record in await scene.store.scan("resources")] == revisions


async def test_what_the_file_does_not_name_stays(scene: Scene) -> None:
    """Tags and properties that were given otherwise survive a change by the file."""
    await apply_domain(scene)
    (topic,) = scene.routing.topics.values()
    patch = {"tags": {"a": "b"}, "properties": {"publicNetworkAccess": "Disabled"}}
    await scene.resources.domains.patch(topic.resource_id, patch)
    await apply_domain(scene, disableLocalAuth=True)
    record = scene.resources.domains.get(topic.resource_id)

    assert record.tags == {"a": "b"}
    assert record.properties == {"publicNetworkAccess": "Disabled", "disableLocalAuth": True}


async def test_wrong_domain_stops_the_start(scene: Scene) -> None:
    """The error names the entry and the property."""
    with pytest.raises(StartError, match=r"'shops'.*inboundIpRules"):
        await apply_domain(scene, inboundIpRules=["everywhere"])
    with pytest.raises(StartError, match=r"'shops'.*Domain topic name"):
        await apply_domain(scene, topics=["a b"])


KEY = base64.b64encode(bytes(range(64))).decode()


async def apply_keys(scene: Scene, key: str) -> tuple[tuple[str, str], ...]:
    """The keys of a resource of each kind, whose `key` the file gives."""
    entries = {
        "communication": [{"name": "contoso", "key": key}],
        "topics": [{"name": "orders", "key": key}],
        "domains": [{"name": "shops", "key": key}],
    }
    found = read_tables(entries)
    await apply_tables(found, resources=scene.resources, clock=scene.clock, spawn=scene.spawn)
    return (
        scene.resources.communication.get(ACS_ID).resource.keys,
        scene.resources.topics.keys(TOPIC_ID),
        scene.resources.domains.keys(found.domains[0].resource_id),
    )


async def test_keys_of_the_file_stay(scene: Scene) -> None:
    """They are there again after all resources were removed, or a key was regenerated."""
    first = await apply_keys(scene, KEY)
    revisions = [record.revision for record in await scene.store.scan("resources")]
    assert await apply_keys(scene, KEY) == first
    assert [record.revision for record in await scene.store.scan("resources")] == revisions

    await scene.resources.communication.regenerate_key(ACS_ID, "Primary")
    await scene.resources.topics.regenerate_key(TOPIC_ID, "key2")
    assert await apply_keys(scene, KEY) == first
    await remove_resources(scene.resources)
    assert await apply_keys(scene, KEY) == first

    assert {keys[0] for keys in first} == {KEY}
    assert len({*first[0], *first[1]}) == 3
    assert first[1] == first[2]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"topics": [{"name": "orders", "key": "c2hvcnQ="}]}, "'orders' is not base64 of at least"),
        ({"domains": [{"name": "shops", "key": 7}]}, "'shops' is not base64 of at least 32 bytes"),
        ({"topics": [{"name": "Dev-Topic", "key": KEY}]}, "is the setting topic_key"),
        (
            {"communication": [{"name": "dev-communication", "key": KEY}]},
            "is the setting communication_key",
        ),
        ({"communication": [{"name": "a", "key": COMMUNICATION_KEYS[1]}]}, "is a development key"),
        (
            {"communication": [{"name": "aa", "key": KEY}, {"name": "bb", "key": KEY}]},
            "'aa' and 'bb' have the same 'key'",
        ),
    ],
)
def test_unfit_keys_are_refused(entries: dict[str, list[dict[str, Any]]], message: str) -> None:
    """With what is wrong, and without the key."""
    with pytest.raises(StartError) as refused:
        read_tables(entries)

    assert message in str(refused.value)
    assert KEY not in str(refused.value)
    assert "c2hvcnQ=" not in str(refused.value)


async def test_key_of_another_resource_is_refused(scene: Scene) -> None:
    """Nobody could say whose request it signs."""
    await apply_keys(scene, KEY)
    entries = read_tables({"communication": [{"name": "fabrikam", "key": KEY}]})

    with pytest.raises(StartError, match="is one of 'contoso' already"):
        await apply_tables(entries, resources=scene.resources, clock=scene.clock, spawn=scene.spawn)
