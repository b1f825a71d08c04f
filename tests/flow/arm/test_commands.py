"""The commands are clients of the management routes."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from switchhook.cli import (
    communication,
    domain,
    sms,
    subscription,
    subscription_options,
    system_topic,
    topic,
)
from switchhook.cli.arm_client import ArmClient
from switchhook.communication.resources import EventSettings
from switchhook.endpoints import Endpoints, Origins, default_endpoints, save
from switchhook.errors import ConnectError, RequestError, StartError
from switchhook.management_token import TOKEN_FILE
from tests.compat.arm.server import served
from tests.flow.arm.scene import ACS_ID, TOKEN, TOPIC_ID, Scene, answering, silent, webhook

Run = Callable[..., Awaitable[int]]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
async def run(scene: Scene, tmp_path: Path) -> AsyncIterator[Run]:
    """Runs a command against a live server."""
    (tmp_path / TOKEN_FILE).write_text(TOKEN)
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for module in (topic, domain, system_topic, subscription, communication, sms):
        module.add_parser(subparsers)

    async def command(*words: str) -> int:
        arguments = parser.parse_args([*words, "--data", str(tmp_path)])
        code: int = await asyncio.to_thread(arguments.run, arguments)
        return code

    async with served(scene.app()) as url:
        save(tmp_path, endpoints_at(url))
        yield command


def endpoints_at(url: str) -> Endpoints:
    """What a server at this address says of itself."""
    nowhere = Path("ca.pem")
    return default_endpoints(
        Origins(url, url),
        data=nowhere,
        ca=nowhere,
        bundle=nowhere,
        communication_key="",
        client_secret="secret",
        topic_key="",
        numbers=(),
    )


async def test_topic_commands(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Create, list, show, keys and delete."""
    await run("topic", "create", "orders")
    await run("topic", "list")
    assert "orders  https://localhost:8443/topics/orders/api/events" in capsys.readouterr().out
    await run("topic", "keys", "orders", "--json")
    before = json.loads(capsys.readouterr().out)
    await run("topic", "regenerate-key", "orders", "key1")
    await run("topic", "show", "orders")
    assert "Succeeded" in capsys.readouterr().out
    await run("topic", "delete", "orders")
    await run("topic", "list")

    assert capsys.readouterr().out == "none\n"
    assert set(before) == {"key1", "key2"}
    with pytest.raises(RequestError, match="was not found"):
        await run("topic", "show", "orders")


@pytest.mark.parametrize(
    "words",
    [
        ("topic", "delete", "ordres"),
        ("domain", "delete", "ordres"),
        ("domain", "topics", "delete", "shops", "ordres"),
        ("system-topic", "delete", "ordres"),
        ("subscription", "delete", "ordres", "--topic", "orders"),
        ("communication", "delete", "ordres"),
    ],
)
async def test_deleting_what_is_not_there_says_so(
    run: Run, capsys: Capture, words: tuple[str, ...]
) -> None:
    """It is no error, as in Azure; but it may be a typing error."""
    await run("topic", "create", "orders")
    await run("domain", "create", "shops")
    capsys.readouterr()

    assert await run(*words) == 0

    printed = capsys.readouterr()
    assert printed.err.startswith("nothing to delete: ")
    assert "ordres" in printed.err
    assert printed.out == ""


_UNUSUAL = {
    "mapping": "eventType from kind else Made, subject else all=x, dataVersion else 1",
    "local authentication": "disabled",
    "public network access": "Disabled",
    "inbound addresses": "10.0.0.0/8",
}


async def test_topic_is_created_with_its_properties(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options become the members of the body."""
    await run(
        "topic", "create", "orders", "--location", "westus", "--json",
        "--input-schema", "CustomEventSchema", "--input-mapping", "eventType=kind",
        "--input-default", "eventType=Made", "--input-default", "subject=all=x",
        "--input-default", "dataVersion=1", "--disable-local-auth",
        "--public-network-access", "Disabled", "--inbound-ip-rule", "10.0.0.0/8",
    )  # fmt: skip
    made = json.loads(capsys.readouterr().out)
    properties = made["properties"]
    fields = properties["inputSchemaMapping"]["properties"]

    assert (made["location"], properties["inputSchema"]) == ("westus", "CustomEventSchema")
    assert fields["eventType"] == {"sourceField": "kind", "defaultValue": "Made"}
    assert fields["subject"] == {"defaultValue": "all=x"}
    assert (properties["disableLocalAuth"], properties["publicNetworkAccess"]) == (True, "Disabled")
    assert properties["inboundIpRules"] == [{"ipMask": "10.0.0.0/8", "action": "Allow"}]
    await run("topic", "show", "orders")
    shown = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert {name: text.strip() for name, text in shown.items() if name in _UNUSUAL} == _UNUSUAL
    with pytest.raises(StartError, match="--input-mapping subject"):
        await run("topic", "create", "orders", "--input-mapping", "subject")


async def test_domain_commands(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Domains, their topics, and event subscriptions to both."""
    await run("domain", "create", "shops", "--no-auto-delete-topics")
    await run("domain", "topics", "create", "shops", "a-shop")
    url = ("--endpoint", "http://localhost:9000/hook")
    await run("subscription", "create", "audit", "--domain", "shops", *url)
    await run("subscription", "create", "audit", "--domain", "shops/b-shop", *url)
    await run("domain", "list")
    assert "shops  https://localhost:8443/domains/shops/api/events" in capsys.readouterr().out
    await run("domain", "topics", "list", "shops")
    assert capsys.readouterr().out.split() == ["NAME", "a-shop", "b-shop"]
    await run("subscription", "list", "--domain", "shops/b-shop")
    assert "audit  Succeeded" in capsys.readouterr().out
    await run("domain", "topics", "delete", "shops", "b-shop")
    await run("domain", "keys", "shops", "--json")
    before = json.loads(capsys.readouterr().out)
    await run("domain", "regenerate-key", "shops", "key2", "--json")
    after = json.loads(capsys.readouterr().out)
    await run("domain", "show", "shops", "--json")
    shown = json.loads(capsys.readouterr().out)["properties"]
    await run("domain", "delete", "shops")
    await run("domain", "list")

    assert before["key1"] == after["key1"]
    assert shown["autoCreateTopicWithFirstSubscription"] is True
    assert shown["autoDeleteTopicWithLastSubscription"] is False
    assert capsys.readouterr().out == "none\n"


async def test_subscription_commands(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Create, update, show, list and delete."""
    await run("topic", "create", "orders")
    to = ("--topic", "orders")
    url = "http://localhost:9000/hook?code=secret"
    options = ("--type", "A", "B", "--type", "C", "--subject-begins-with", "/a", "--ttl", "5")
    await run("subscription", "create", "audit", *to, "--endpoint", url, *options)
    await run("subscription", "update", "audit", *to, "--subject-ends-with", "z")
    capsys.readouterr()
    await run("subscription", "show", "audit", *to, "--full-url", "--json")
    shown = json.loads(capsys.readouterr().out)["properties"]
    await run("subscription", "list", *to)
    assert "audit  Succeeded  http://localhost:9000/hook" in capsys.readouterr().out
    await run("subscription", "delete", "audit", *to)
    await run("subscription", "list", *to)

    assert capsys.readouterr().out == "none\n"
    assert shown["destination"]["properties"]["endpointUrl"] == url
    assert shown["filter"]["includedEventTypes"] == ["A", "B", "C"]
    assert (shown["filter"]["subjectBeginsWith"], shown["filter"]["subjectEndsWith"]) == ("/a", "z")
    assert shown["retryPolicy"]["eventTimeToLiveInMinutes"] == 5


async def shown(run: Run, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What `subscription show --json` prints."""
    capsys.readouterr()
    await run("subscription", "show", "audit", "--topic", "orders", "--json", *words)
    return json.loads(capsys.readouterr().out)


ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/letters"
AUDIT = ("audit", "--topic", "orders")


async def test_subscription_with_everything(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Each option arrives; an update keeps what it does not name, secrets included."""
    await run("topic", "create", "orders")
    await run(
        "subscription", "create", *AUDIT, "--endpoint", "http://localhost:9000/?code=s",
        "--dead-letter", f"{ACCOUNT}/blobServices/default/containers/dead",
        "--max-events-per-batch", "10", "--preferred-batch-size", "32",
        "--header", "X-A=a=b", "--secret-header", "X-S=s3cret", "--dynamic-header", "X-D=data.id",
        "--profile", "fast", "--ordered-by", "subject", "--deduplicate", "PT10M",
    )  # fmt: skip
    assert "s3cret" not in capsys.readouterr().out
    await run("subscription", "update", *AUDIT, "--max-events-per-batch", "20")
    found = await shown(run, capsys, "--secrets", "--full-url")

    webhook = found["properties"]["destination"]["properties"]
    settings = found["deliverySettings"]
    assert webhook["endpointUrl"] == "http://localhost:9000/?code=s"
    assert (webhook["maxEventsPerBatch"], webhook["preferredBatchSizeInKilobytes"]) == (20, 32)
    assert [each["properties"] for each in webhook["deliveryAttributeMappings"]] == [
        {"value": "a=b", "isSecret": False},
        {"value": "s3cret", "isSecret": True},
        {"sourceField": "data.id"},
    ]
    assert found["properties"]["deadLetterDestination"]["properties"] == {
        "resourceId": ACCOUNT,
        "blobContainerName": "dead",
    }
    assert (settings["profile"], settings["orderedBy"]) == ("fast", "subject")
    assert settings["deduplicationWindow"] == "PT10M"


async def test_dead_letters_go_to_a_container_by_its_name(run: Run, capsys: Capture) -> None:
    """Nobody has to write the id of a storage account that need not exist."""
    await run("topic", "create", "orders")
    words = ("--endpoint", "http://localhost:9000/", "--dead-letter", "letters/dead")
    await run("subscription", "create", *AUDIT, *words)
    destination = (await shown(run, capsys))["properties"]["deadLetterDestination"]["properties"]

    group, _, account = destination["resourceId"].rpartition("/providers/")
    assert TOPIC_ID.startswith(group)
    assert account == "Microsoft.Storage/storageAccounts/letters"
    assert destination["blobContainerName"] == "dead"


async def test_filters_are_shown_as_they_are_given(run: Run, capsys: Capture) -> None:
    """Key, operator and values; and that arrays are looked into."""
    await run("topic", "create", "orders")
    await run(
        "subscription", "create", *AUDIT, "--endpoint", "http://localhost:9000/",
        "--advanced-filter", "data.n", "NumberInRange", "1,5", "10,20",
        "--advanced-filter", "data.t", "BoolEquals", "true",
        "--advanced-filter", "data.s", "StringIn", "a", "b",
        "--advanced-filter", "data.z", "IsNotNull",
        "--advanced-filter", "data.m", "NumberLessThan", "0", "--filter-arrays",
    )  # fmt: skip

    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.startswith("filters")).split(maxsplit=1)[1] == (
        "data.n NumberInRange 1,5 10,20; data.t BoolEquals true; data.s StringIn a b; "
        "data.z IsNotNull; data.m NumberLessThan 0"
    )
    assert "looks into arrays  yes" in [line.replace(" " * 4, "") for line in lines]


async def test_pause_and_resume(run: Run, scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a handshake; other settings stay."""
    await run("topic", "create", "orders")
    await run(
        "subscription", "create", *AUDIT, "--endpoint", "http://localhost:9000/",
        "--ordered-by", "subject",
    )  # fmt: skip
    await run("subscription", "pause", *AUDIT)
    assert "Succeeded (paused)" in capsys.readouterr().out
    paused = (await shown(run, capsys))["deliverySettings"]
    await run("subscription", "resume", *AUDIT)
    resumed = (await shown(run, capsys))["deliverySettings"]

    assert (paused["isPaused"], resumed["isPaused"]) == (True, False)
    assert resumed["orderedBy"] == "subject"
    assert len(scene.transport.requests) == 1


async def test_manual_action_is_said(run: Run, scene: Scene, capsys: Capture) -> None:
    """The state and what is still to do."""
    scene.transport.answer = answering(200)
    await run("topic", "create", "orders")
    words = ("--endpoint", "http://localhost:9000/", "--delivery-schema", "CloudEventSchemaV1_0")
    await run("subscription", "create", *AUDIT, *words)

    out = capsys.readouterr().out
    assert "AwaitingManualAction" in out
    assert "WebHook-Request-Callback" in out


async def test_impatient_client_says_how_far_the_operation_is(
    run: Run, scene: Scene, tmp_path: Path
) -> None:
    """A handshake that hangs does not hold a command for ever."""
    await run("topic", "create", "orders")
    scene.transport.answer = silent
    path = f"{TOPIC_ID}/providers/Microsoft.EventGrid/eventSubscriptions/audit"
    client = ArmClient.open(str(tmp_path), patience=0.0)

    with pytest.raises(RequestError, match="'audit' is Creating"):
        await asyncio.to_thread(client.put, path, webhook())


@pytest.mark.parametrize(
    "words",
    [
        ("--header", "X-A"),
        ("--header", "=x"),
        ("--dead-letter", ACCOUNT),
        ("--dead-letter", "letters/"),
        ("--dead-letter", "letters"),
        ("--advanced-filter", "data.x"),
        ("--advanced-filter", "data.x", "NumberIn", "one"),
        ("--advanced-filter", "data.x", "NumberInRange", "1-5"),
        ("--advanced-filter", "data.x", "NumberLessThan", "1", "2"),
        ("--advanced-filter", "data.x", "BoolEquals", "yes"),
    ],
)
async def test_option_that_cannot_be_read_is_said(run: Run, words: tuple[str, ...]) -> None:
    """Before anything is asked of the server."""
    with pytest.raises(StartError):
        await run("subscription", "create", *AUDIT, "--endpoint", "http://localhost:1/", *words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("NumberIn", "1", "2.5"), {"values": [1, 2.5]}),
        (("NumberLessThan", "-3"), {"value": -3}),
        (("NumberInRange", "1,10", "20,30"), {"values": [[1, 10], [20, 30]]}),
        (("BoolEquals", "True"), {"value": True}),
        (("StringIn", "1", "a b"), {"values": ["1", "a b"]}),
        (("IsNullOrUndefined",), {}),
    ],
)
def test_advanced_filters(words: tuple[str, ...], expected: dict[str, Any]) -> None:
    """As `az` takes them: by the operator's name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint")
    subscription_options.add_definition(parser)
    arguments = parser.parse_args(["--advanced-filter", "data.x", *words])

    client = ArmClient(url="", token="", subscription_id="s", resource_group="g")
    definition = subscription_options.definition(client, arguments, {})
    (found,) = definition["filter"]["advancedFilters"]

    assert found == {"key": "data.x", "operatorType": words[0], **expected}


async def test_failed_handshake_is_an_error(run: Run, scene: Scene) -> None:
    """With Event Grid's words; --no-validate does without."""
    scene.transport.answer = answering(404)
    await run("communication", "create", "dev-communication")
    words = ("subscription", "create", "audit", "--endpoint", "http://localhost:9000/")

    with pytest.raises(RequestError, match="handshake failed") as raised:
        await run(*words)
    assert "'audit' is there, but Failed" in str(raised.value)
    assert "switchhook subscription delete audit" in str(raised.value)
    with pytest.raises(RequestError) as refused:  # by a rule: the handshake is no matter of it
        await run(*words, "--ttl", "0")
    assert "Failed" not in str(refused.value)
    assert await run(*words, "--no-validate") == 0


async def test_all_subscriptions_are_listed(run: Run, capsys: Capture) -> None:
    """Without a source those of all sources, whatever their region; and which are paused."""
    await run("topic", "create", "orders", "--location", "westus2")
    await run("topic", "create", "bills", "--location", "East US")
    await run("domain", "create", "shops")
    await run("communication", "create", "contoso")
    sources = {
        "one": ("--topic", "orders"),
        "two": ("--topic", "bills"),
        "three": ("--domain", "shops/a-shop"),
        "four": ("--communication", "contoso"),
    }
    for name, source in sources.items():
        await run("subscription", "create", name, *source, "--endpoint", "http://localhost:9000/")
    await run("subscription", "pause", "two", "--topic", "bills")
    capsys.readouterr()
    await run("subscription", "list")
    lines = capsys.readouterr().out.splitlines()[1:]
    await run("subscription", "list", "--json")

    assert {line.split()[0]: line.split()[-1] for line in lines} == {
        "one": "topics/orders",
        "two": "topics/bills",
        "three": "domains/shops/topics/a-shop",
        "four": "communicationservices/contoso",
    }
    assert [line.split()[0] for line in lines if "Succeeded (paused)" in line] == ["two"]
    assert len(json.loads(capsys.readouterr().out)) == 4


async def test_slash_warning_is_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """On the error stream, where a script's output is not disturbed."""
    await run("communication", "create", "dev-communication")
    words = ("--endpoint", "http://localhost:9000/", "--subject-begins-with", "phonenumber/1555")
    await run("subscription", "create", "audit", *words)

    assert "warning: subjectBeginsWith 'phonenumber/1555'" in capsys.readouterr().err


async def test_communication_commands(
    run: Run, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """Resources, numbers, event settings and an inbound message."""
    await run("communication", "create", "contoso")
    await run("communication", "number", "add", "+18005550123", "--name", "contoso")
    await run("communication", "number", "list", "--name", "contoso")
    await run(
        "communication", "events", "set", "strictSubjectFilters=true", "smsKeyCasing=pascal",
        "--name", "contoso",
    )  # fmt: skip
    await run("communication", "keys", "contoso")
    await run("communication", "list")
    await run("system-topic", "create", "acs-events", "--communication", "contoso")
    await run("system-topic", "list")
    out = capsys.readouterr().out
    await run("sms", "receive", "--communication", "contoso", "--from", "+1", "--to", "+2", "Hi")
    await run("communication", "number", "remove", "+18005550123", "--name", "contoso")

    assert "+18005550123  tollFree" in out
    assert "endpoint=https://localhost:8443/;accesskey=" in out
    assert ACS_ID in out
    assert scene.acted == [("contoso", {"from": "+1", "to": "+2", "message": "Hi"})]
    resource = scene.directory.by_name("contoso")
    assert resource is not None
    assert (resource.numbers, resource.events.sms_key_casing) == ((), "pascal")


async def test_event_settings_of_chat_are_set_one_by_one(
    run: Run, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the names that the table of settings has; the others stay."""
    await run("communication", "create", "contoso")
    words = ("communication", "events", "set", "--name", "contoso")
    await run(*words, "includeInitiator=true", "typingEvents=true", "botEvents=true")
    await run(*words, "newestMembers=true", "botEvents=false")
    capsys.readouterr()
    await run("communication", "events", "show", "--name", "contoso", "--json")
    shown = json.loads(capsys.readouterr().out)["properties"]
    resource = scene.directory.by_name("contoso")

    assert {name: shown[name] for name in ("includeInitiator", "typingEvents", "botEvents")} == {
        "includeInitiator": True,
        "typingEvents": True,
        "botEvents": False,
    }
    assert resource is not None
    assert resource.events == EventSettings(
        include_initiator=True, typing_events=True, newest_members=True
    )


def test_no_server_is_said_clearly(tmp_path: Path) -> None:
    """The message names the folder and the command that starts a server."""
    with pytest.raises(ConnectError, match="switchhook serve"):
        ArmClient.open(str(tmp_path))

    (tmp_path / TOKEN_FILE).write_text(TOKEN)
    save(tmp_path, endpoints_at("http://127.0.0.1:9"))
    with pytest.raises(ConnectError, match=r"no server answers at http://127\.0\.0\.1:9"):
        ArmClient.open(str(tmp_path)).get("/subscriptions")
