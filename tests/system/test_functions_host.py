"""A function with an Event Grid trigger, on this machine, gets its events through a webhook."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.compat.arm.server import served
from tests.functions_host import PATH, FunctionsHost
from tests.system.conftest import Serve
from tests.system.publishing import publish
from tests.system.server_process import Command, Ended, ServerProcess

pytestmark = pytest.mark.system

CLOUD_EVENTS = ("--delivery-schema", "CloudEventSchemaV1_0")


@pytest.fixture
def host() -> FunctionsHost:
    """A host with two functions."""
    return FunctionsHost("File", "Mail")


@pytest.fixture
async def url(host: FunctionsHost) -> AsyncIterator[str]:
    """Where the host listens for events."""
    async with served(host.app) as origin:
        yield origin + PATH


async def test_host_validates_and_gets_events(
    serve: Serve, command: Command, host: FunctionsHost, url: str
) -> None:
    """The 202 of the host is success: nothing comes twice, nor to the other function."""
    server = await serve()
    created = await subscribe(command, server, f"{url}?functionName=File")
    await publish(server.ready, "a", "b")
    await host.wait_for(2)
    await until_delivered(server, 2)

    assert "state     Succeeded" in re.sub(" +", "     ", created.stdout)
    assert sorted(event["id"] for event in host.events_of("File")) == ["a", "b"]
    assert [request.headers["aeg-delivery-count"] for _, _, request in host.runs] == ["0", "0"]


async def test_host_gets_batches(
    serve: Serve, command: Command, host: FunctionsHost, url: str
) -> None:
    """Arrays of several events are run one by one."""
    server = await serve()
    await subscribe(command, server, f"{url}?functionName=Mail", "--max-events-per-batch", "10")
    await publish(server.ready, "a", "b", "c")
    await until_delivered(server, 3)

    assert sorted(event["id"] for event in host.events_of("Mail")) == ["a", "b", "c"]


async def test_function_that_fails_is_run_again(
    serve: Serve, command: Command, host: FunctionsHost, url: str
) -> None:
    """The host answers 500 for it."""
    host.failing.add("File")
    server = await serve()
    await subscribe(command, server, f"{url}?functionName=File", "--profile", "fast")
    await publish(server.ready, "a")
    await host.wait_for(2)
    host.failing.clear()
    await until_delivered(server, 1)

    assert {event["id"] for event in host.events_of("File")} == {"a"}


async def test_function_that_is_not_there_fails_the_handshake(
    serve: Serve, command: Command, url: str
) -> None:
    """The host answers 404."""
    server = await serve()
    refused = await subscribe(command, server, f"{url}?functionName=Lost", code=1)

    assert "response code NotFound" in refused.stderr


async def test_cloud_events_need_no_handshake(
    serve: Serve, command: Command, host: FunctionsHost, url: str
) -> None:
    """The host does not know OPTIONS and answers 400; Azure asks no function for permission."""
    server = await serve()
    refused = await subscribe(command, server, f"{url}?functionName=File", *CLOUD_EVENTS, code=1)
    await subscribe(command, server, f"{url}?functionName=File", *CLOUD_EVENTS, "--no-validate")
    await publish(server.ready, "a")
    await until_delivered(server, 1)
    (event,) = host.events_of("File")

    assert "Http OPTIONS request failed with response code BadRequest" in refused.stderr
    assert (event["specversion"], event["id"]) == ("1.0", "a")


VALIDATION = {"validationCode": "c0de"}


@pytest.mark.parametrize(
    ("kind", "body", "answer"),
    [
        ("SubscriptionValidation", [{"data": VALIDATION}], (200, '{"validationResponse":"c0de"}')),
        ("SubscriptionValidation", {"data": json.dumps(VALIDATION)}, (200, "c0de")),
        ("Notification", {"id": "a"}, (202, "")),
        ("Unsubscribe", [], (202, "")),
        ("SubscriptionDeletion", [], (400, "")),
        ("", [], (400, "")),
    ],
)
async def test_host_answers_as_its_source_has_it(
    url: str, kind: str, body: Any, answer: tuple[int, str]
) -> None:
    """What the tests above rely on."""
    headers = {"aeg-event-type": kind} if kind else {}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}?functionName=File", json=body, headers=headers) as given,
    ):
        assert given.status == answer[0]
        assert answer[1] in await given.text()


async def subscribe(
    command: Command, server: ServerProcess, url: str, *options: str, code: int = 0
) -> Ended:
    """Subscribe the host to the default topic with the command."""
    ended = await command.run(
        *("subscription", "create", "functions", "--topic", "dev-topic", "--endpoint", url),
        *("--data", str(server.data), *options),
    )
    assert ended.code == code, ended
    return ended


async def until_delivered(server: ServerProcess, count: int) -> None:
    """Wait until so many deliveries were a success."""

    async def delivered() -> float:
        async with (
            aiohttp.ClientSession(server.ready.http_endpoint) as http,
            http.get("/metrics") as answer,
        ):
            text = await answer.text()
        return sum(
            map(float, re.findall(r"^\S*DeliverySuccessCount\S* (\S+)$", text, re.MULTILINE))
        )

    async with asyncio.timeout(10):
        while await delivered() < count:  # noqa: ASYNC110 - another process does not tell
            await asyncio.sleep(0.02)
