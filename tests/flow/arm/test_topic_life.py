"""Topics, system topics and Communication Services resources, and what goes with them."""

from typing import Any

import pytest

from switchhook import defaults
from switchhook.communication.arm_resources import FixedValues
from switchhook.communication.resources import NumberKind, OwnedNumber
from switchhook.errors import RequestError
from switchhook.grid.collections import SUBSCRIPTION_VERSIONS, TOPICS
from switchhook.grid.events import EventSchema
from switchhook.grid.topics import TopicKind
from tests.flow.arm.requests import send
from tests.flow.arm.scene import ACS_ID, GROUP, SMS_RECEIVED, TOPIC_ID, Scene, webhook

SYSTEM_TOPIC_ID = f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/acs-events"
SYSTEM_TOPIC = {
    "properties": {
        "source": ACS_ID.upper(),
        "topicType": "Microsoft.Communication.CommunicationServices",
    }
}


async def test_topic_is_known_to_the_router_with_its_keys(scene: Scene) -> None:
    """A replaced topic keeps incarnation and keys; a regenerated key reaches the router."""
    topics = scene.resources.topics
    await topics.put(TOPIC_ID, "orders", {}, keys=("one", "two"))
    await topics.put(TOPIC_ID.upper(), "ORDERS", {"tags": {"a": "b"}})
    await topics.regenerate_key(TOPIC_ID, "KEY2")

    (topic,) = scene.routing.topics.values()
    assert topic.keys is not None
    assert (topic.name, topic.keys[0], topic.resource_id) == ("orders", "one", TOPIC_ID)
    assert topic.keys[1] != "two"
    assert topics.get(TOPIC_ID).tags == {"a": "b"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ab", "between 3 and 50"),
        ("a" * 51, "between 3 and 50"),
        ("a_b", "letters, digits and hyphens"),
        ("bad name!", "letters, digits and hyphens"),
        ("Microsoft-x", "must not begin"),
        ("systemic", "must not begin"),
    ],
)
async def test_bad_topic_name_is_refused(scene: Scene, name: str, text: str) -> None:
    """The rules of troubleshoot-errors.md."""
    with pytest.raises(RequestError, match=text) as raised:
        await scene.resources.topics.put(TOPIC_ID.replace("orders", name), name, {})

    assert raised.value.status == 400


async def test_topic_name_is_unique_on_the_server(scene: Scene) -> None:
    """Another group cannot take it."""
    await scene.topic()

    with pytest.raises(RequestError, match="Choose a different topic name") as raised:
        await scene.resources.topics.put(TOPIC_ID.replace("local", "other"), "Orders", {})

    assert raised.value.status == 409


async def test_name_that_is_taken_is_worded_as_azure_words_it(scene: Scene) -> None:
    """As troubleshoot-errors.md has it, for topics and for domains."""
    await scene.topic()
    domain_id = TOPIC_ID.replace("local", "other").replace("topics", "domains")

    for make, resource_id, kind in (
        (scene.resources.topics.put, TOPIC_ID.replace("local", "other"), "topic"),
        (scene.resources.domains.put, domain_id, "domain"),
    ):
        with pytest.raises(RequestError) as raised:
            await make(resource_id, "orders", {})

        assert raised.value.status == 409
        assert raised.value.message == (
            f"{kind.capitalize()} with the specified name already exists. "
            f"Choose a different {kind} name."
        )


async def test_hundred_topics_are_the_limit(scene: Scene) -> None:
    """The quota of one Azure subscription."""
    for number in range(100):
        name = f"topic-{number}"
        await scene.resources.topics.put(TOPIC_ID.replace("orders", name), name, {})

    with pytest.raises(RequestError, match="Quota limit reached"):
        await scene.topic()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"properties": {"inputSchema": "CustomEventSchema"}}, "inputSchemaMapping"),
        ({"properties": {"inputSchemaMapping": {"a": 1}}}, "inputSchemaMapping"),
        ({"properties": {"publicNetworkAccess": "Never"}}, "publicNetworkAccess"),
        ({"properties": {"inboundIpRules": [{"ipMask": "10/8"}]}}, "inboundIpRules"),
        ({"properties": {"disableLocalAuth": 1}}, "disableLocalAuth"),
        ({"properties": {"colour": "red"}}, "colour"),
        ({"properties": {"dataResidencyBoundary": "Moon"}}, "dataResidencyBoundary"),
        ({"properties": []}, "properties"),
        ({"kind": "AzureArc"}, "kind"),
        ({"location": "x/y"}, "location"),
        ({"tags": {"a": 1}}, "tags"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_a_topic_cannot_be_is_refused_by_name(
    scene: Scene, body: dict[str, Any], named: str
) -> None:
    """Nothing is stored and then ignored."""
    with pytest.raises(RequestError, match=named):
        await scene.resources.topics.put(TOPIC_ID, "orders", body)


async def test_what_a_get_shows_can_be_put_back(scene: Scene) -> None:
    """`az resource update` sends the whole body, read-only members included."""
    await scene.topic()
    await scene.communication()
    for path in (TOPIC_ID, ACS_ID):
        body = (await send(scene, "GET", path)).json()
        answer = await send(scene, "PUT", path, body)

        assert answer.status == 201, answer.text
        assert (await send(scene, "GET", path)).json() == body


async def test_change_of_access_reaches_the_router_at_once(scene: Scene) -> None:
    """By PATCH as by PUT, with the keys as they were; a restart knows it too."""
    before = (await scene.topic()).topic
    path = f"{TOPIC_ID}?api-version=2025-02-15"
    await send(scene, "PATCH", path, {"properties": {"disableLocalAuth": True}})

    (topic,) = scene.routing.topics.values()
    assert (topic.access.allows_access_keys, topic.keys) == (False, before.keys)
    await scene.restart()
    assert scene.source(TOPIC_ID).topic == topic
    await scene.topic()
    (topic,) = scene.routing.topics.values()
    assert topic.access.allows_access_keys


async def test_replaced_topic_keeps_its_input_schema(scene: Scene) -> None:
    """A PUT that does not name it changes nothing; one that names another is refused."""
    body = {"properties": {"inputSchema": "CloudEventSchemaV1_0"}}
    await scene.resources.topics.put(TOPIC_ID, "orders", body)
    await scene.topic()

    (topic,) = scene.routing.topics.values()
    assert topic.input_schema is EventSchema.CLOUD_EVENTS
    with pytest.raises(RequestError, match="'inputSchema' cannot be changed"):
        await scene.resources.topics.put(
            TOPIC_ID, "orders", {"properties": {"inputSchema": "EventGridSchema"}}
        )


async def test_deleted_topic_takes_its_subscriptions_along(scene: Scene) -> None:
    """One commit removes all traces."""
    source = await scene.topic()
    for name in ("one-sub", "two-sub"):
        await scene.resources.subscriptions.put(source, name, webhook())
    await scene.settle()

    assert await scene.resources.topics.delete(TOPIC_ID)

    assert (scene.routing.topics, scene.routing.in_force) == ({}, {})
    for collection in ("resources", TOPICS, SUBSCRIPTION_VERSIONS):
        assert await scene.store.scan(collection) == []
    assert not await scene.resources.topics.delete(TOPIC_ID)


async def test_resource_and_its_system_topic_exist_together(scene: Scene) -> None:
    """Directory and router know a new resource; a restart knows it too."""
    fixed = FixedValues(
        keys=("a2V5", "a2V5"),
        immutable_id="guid",
        numbers=(OwnedNumber(value="+15555550100", kind=NumberKind.GEOGRAPHIC),),
    )
    await scene.resources.communication.put(ACS_ID, "contoso", {}, fixed)
    resource = scene.directory.by_name("contoso")
    assert resource is not None
    topic = scene.routing.topics[resource.topic]

    assert (topic.kind, topic.ignores_leading_slash) == (TopicKind.SYSTEM, True)
    assert topic.resource_id == ACS_ID
    await scene.restart()
    assert scene.directory.by_name("contoso") == resource


async def test_system_topic_comes_and_goes_with_the_subscriptions(scene: Scene) -> None:
    """One made by itself vanishes with the last subscription of its source."""
    source = await scene.communication()
    subscriptions, topics = scene.resources.subscriptions, scene.resources.topics
    await subscriptions.put(source, "one-sub", webhook())
    await subscriptions.put(source, "two-sub", webhook())
    (implicit,) = topics.all_system_topics()
    assert implicit.name.startswith("contoso-")

    await subscriptions.delete(source, "one-sub")
    assert len(list(topics.all_system_topics())) == 1
    await subscriptions.delete(source, "two-sub")
    assert list(topics.all_system_topics()) == []


async def test_system_topic_of_ones_own_takes_the_place(scene: Scene) -> None:
    """It adopts the subscriptions and stays; a second one is refused."""
    source = await scene.communication()
    topics = scene.resources.topics
    await scene.resources.subscriptions.put(source, "one-sub", webhook())
    await topics.put_system_topic(SYSTEM_TOPIC_ID, "acs-events", SYSTEM_TOPIC)

    (only,) = topics.all_system_topics()
    assert (only.name, only.source, only.implicit) == ("acs-events", ACS_ID, False)
    with pytest.raises(RequestError, match="only one system topic") as raised:
        await topics.put_system_topic(f"{SYSTEM_TOPIC_ID}-2", "acs-events-2", SYSTEM_TOPIC)
    assert raised.value.status == 409
    await topics.delete_system_topic(SYSTEM_TOPIC_ID)
    assert list(scene.resources.subscriptions.all()) == []


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"source": ACS_ID},
        {"source": TOPIC_ID, "topicType": "Microsoft.EventGrid.Topics"},
        {"source": ACS_ID, "topicType": "Microsoft.Storage.StorageAccounts"},
    ],
)
async def test_system_topic_needs_a_fitting_source(
    scene: Scene, properties: dict[str, str]
) -> None:
    """Source and type must belong together."""
    await scene.topic()
    await scene.communication()

    with pytest.raises(RequestError) as raised:
        await scene.resources.topics.put_system_topic(
            SYSTEM_TOPIC_ID, "acs-events", {"properties": properties}
        )

    assert raised.value.status == 400


async def test_system_topic_shows_the_location_of_its_source(scene: Scene) -> None:
    """Communication Services are global; a system topic elsewhere is refused (system-topics.md)."""
    await scene.communication()
    topics = scene.resources.topics
    made = await topics.put_system_topic(SYSTEM_TOPIC_ID, "acs-events", SYSTEM_TOPIC)
    assert made.location == "global"

    with pytest.raises(RequestError, match=r"location 'westus2'.*'global'"):
        await topics.put_system_topic(
            SYSTEM_TOPIC_ID, "acs-events", {**SYSTEM_TOPIC, "location": "westus2"}
        )
    elsewhere = SYSTEM_TOPIC_ID.replace(defaults.SUBSCRIPTION_ID, "another")
    with pytest.raises(RequestError, match="subscription of its source"):
        await topics.put_system_topic(elsewhere, "acs-events", SYSTEM_TOPIC)


async def test_deleted_resource_takes_everything_along(scene: Scene) -> None:
    """Its system topic and subscriptions go in the same commit."""
    source = await scene.communication()
    await scene.resources.subscriptions.put(source, "one-sub", webhook())
    await scene.settle()

    assert await scene.resources.communication.delete(ACS_ID)

    assert (scene.routing.topics, scene.routing.in_force) == ({}, {})
    assert scene.directory.all() == []
    assert await scene.store.scan("resources") == []


async def test_numbers_belong_to_one_resource(scene: Scene) -> None:
    """Kinds follow from the form; a number of another resource is refused."""
    await scene.communication()
    communication = scene.resources.communication
    for name in ("18005550123", "+15555550123", "55512", "CONTOSO"):
        await communication.put_number(ACS_ID, name, {})
    other = ACS_ID.replace("contoso", "fabrikam")
    await communication.put(other, "fabrikam", {})

    kinds = {number.value: number.kind for number in communication.get(ACS_ID).resource.numbers}
    assert kinds == {
        "+18005550123": NumberKind.TOLL_FREE,
        "+15555550123": NumberKind.GEOGRAPHIC,
        "55512": NumberKind.SHORT_CODE,
        "CONTOSO": NumberKind.ALPHANUMERIC,
    }
    with pytest.raises(RequestError, match="belongs to"):
        await communication.put_number(other, "55512", {})
    await communication.put_number(other, "CONTOSO", {})
    assert await communication.delete_number(ACS_ID, "15555550123")
    assert not await communication.delete_number(ACS_ID, "15555550123")


@pytest.mark.parametrize("name", ["123", "+0123456789", "a text of many letters", "x/y", ""])
async def test_malformed_number_is_refused(scene: Scene, name: str) -> None:
    """Neither E.164, nor a short code, nor a text."""
    await scene.communication()

    with pytest.raises(RequestError, match="phone number"):
        await scene.resources.communication.put_number(ACS_ID, name, {})


async def test_strict_filters_reach_the_router(scene: Scene) -> None:
    """With the strict setting a leading slash counts, and nothing is warned of."""
    source = await scene.communication()
    body = webhook(filter={"subjectBeginsWith": "phonenumber/1555"})
    record = await scene.resources.subscriptions.put(source, "one-sub", body)
    assert len(scene.resources.subscriptions.warnings(record)) == 1

    settings = {"properties": {"strictSubjectFilters": True, "profile": "docs-2022"}}
    await scene.resources.communication.put_event_settings(ACS_ID, settings)

    assert not scene.source(ACS_ID).topic.ignores_leading_slash
    assert not scene.routing.topics[source.topic.incarnation].ignores_leading_slash
    assert scene.resources.subscriptions.warnings(record) == []


@pytest.mark.parametrize(
    "properties",
    [
        {"profile": "unheard-of"},
        {"profile": 7},
        {"smsKeyCasing": "upper"},
        {"strictSubjectFilters": "yes"},
        {"colour": "red"},
    ],
)
async def test_wrong_event_settings_are_refused(scene: Scene, properties: dict[str, Any]) -> None:
    """Profiles and switches have the values of the catalogue."""
    await scene.communication()

    with pytest.raises(RequestError):
        await scene.resources.communication.put_event_settings(ACS_ID, {"properties": properties})


async def test_wrong_switch_is_named_as_it_was_written(scene: Scene) -> None:
    """With the values that it may have."""
    await scene.communication()

    with pytest.raises(RequestError, match="'typingEvents' must be true or false"):
        await scene.resources.communication.put_event_settings(
            ACS_ID, {"properties": {"typingEvents": "yes"}}
        )


async def test_system_topic_refuses_types_that_its_source_never_publishes(scene: Scene) -> None:
    """As Event Grid checks them when the subscription is saved."""
    source = await scene.communication()
    await scene.resources.subscriptions.put(
        source, "one-sub", webhook(filter={"includedEventTypes": [SMS_RECEIVED]})
    )

    with pytest.raises(RequestError, match="Contoso"):
        await scene.resources.subscriptions.put(
            source, "two-sub", webhook(filter={"includedEventTypes": ["Contoso.Ordered"]})
        )
