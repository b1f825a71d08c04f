"""The official clients, unchanged, in processes of their own with only the exported variables."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from azure.eventgrid import EventGridEvent, SystemEventNames

from tests.receiver import Receiver
from tests.system.server_process import Command, ServerProcess

pytestmark = pytest.mark.system

COMPAT = Path(__file__).parents[1] / "compat"
TO = "+14255550100"


def node() -> str:
    """Node with the clients installed; without them the tests skip on a laptop and fail in CI."""
    found = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if found is None or not (COMPAT / "js/node_modules").is_dir():
        reason = "Node or its clients are not installed: run `make setup`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


async def run(command: Command, variables: Mapping[str, str], *words: str) -> str:
    """What a client's script prints."""
    bare = {
        name: value
        for name, value in command.environment.items()
        if name not in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    }
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**bare, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-3000:]
    return output.decode()


def exported(server: ServerProcess) -> dict[str, str]:
    """What the banner says to export."""
    bundle = server.ready.ca_bundle
    names = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    return dict.fromkeys(names, bundle)


async def subscribe(
    command: Command, server: ServerProcess, receiver: Receiver, *words: str
) -> None:
    """Create a subscription with the command line."""
    create = ("subscription", "create", "all-events", "--endpoint", receiver.url)
    ended = await command.run(*create, *words, "--data", str(server.data))
    assert ended.code == 0, ended.stderr


async def reports(
    command: Command, server: ServerProcess, variables: Mapping[str, str], *words: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Send with a script, and answer its results and the events that arrived."""
    communication = server.ready.communication
    async with Receiver() as receiver:
        await subscribe(command, server, receiver, "--communication", communication.name)
        values = {
            "CONNECTION_STRING": communication.connection_string,
            "FROM": communication.numbers[0],
            "TO": f"{TO},+14255550101",
            **exported(server),
            **{
                name: text.format(http=server.ready.http_endpoint, key=communication.access_key)
                for name, text in variables.items()
            },
        }
        results = json.loads(await run(command, values, *words))
        await receiver.wait_for_events(2, timeout=20)
        return results, receiver.events


def check(results: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    """Each accepted message has its report, and the SDK reads it as what it is."""
    assert len(results) == 2
    read = [EventGridEvent.from_dict(event) for event in events]
    assert {event.event_type for event in read} == {
        SystemEventNames.AcsSmsDeliveryReportReceivedEventName
    }
    assert {event.id for event in read} == {result["messageId"] for result in results}
    assert {event.data["deliveryStatus"] for event in read} == {"Delivered"}


@pytest.mark.parametrize("script", ["send_sms.py", "send_sms_async.py"])
async def test_python_client_sends_over_https(
    command: Command, server: ServerProcess, script: str
) -> None:
    """With the connection string and the exported variables, nothing else."""
    path = str(COMPAT / "scripts" / script)

    results, events = await reports(command, server, {}, sys.executable, path)

    check(results, events)


async def test_python_client_sends_over_http(command: Command, server: ServerProcess) -> None:
    """With endpoint and key, as the client takes http."""
    path = str(COMPAT / "scripts/send_sms.py")
    variables = {"ENDPOINT": "{http}", "KEY": "{key}"}

    results, events = await reports(command, server, variables, sys.executable, path)

    check(results, events)


async def test_javascript_client_sends_over_https(command: Command, server: ServerProcess) -> None:
    """With the connection string and the exported variables, nothing else."""
    path = str(COMPAT / "js/send_sms.mjs")

    results, events = await reports(command, server, {}, node(), path)

    check(results, events)


async def test_javascript_client_sends_over_http(command: Command, server: ServerProcess) -> None:
    """With `allowInsecureConnection`, its own option."""
    path = str(COMPAT / "js/send_sms.mjs")
    variables = {
        "CONNECTION_STRING": "endpoint={http}/;accesskey={key}",
        "INSECURE": "1",
    }

    results, events = await reports(command, server, variables, node(), path)

    check(results, events)


@pytest.mark.parametrize("language", ["python", "javascript"])
async def test_official_clients_publish_over_https(
    command: Command, server: ServerProcess, language: str
) -> None:
    """The topic's endpoint and key are all they need; what arrives is what was sent."""
    topic = server.ready.topic
    words = (
        (sys.executable, str(COMPAT / "scripts/publish.py"))
        if language == "python"
        else (node(), str(COMPAT / "js/publish.mjs"))
    )
    async with Receiver() as receiver:
        await subscribe(command, server, receiver, "--topic", topic.name)
        await run(
            command, {"ENDPOINT": topic.endpoint, "KEY": topic.key, **exported(server)}, *words
        )
        await receiver.wait_for_events(1 if language == "python" else 2, timeout=20)

    event = receiver.events[0]
    assert event["data"] == {"total": 12.5}
    assert event["topic"] == topic.resource_id
    assert event["metadataVersion"] == "1"
