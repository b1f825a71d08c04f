"""The running server obeys `clock advance`, `wait-idle` and `reset`."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from azure.communication.sms import SmsClient
from azure.core.credentials import AzureKeyCredential, AzureSasCredential
from azure.eventgrid import generate_sas

from tests.receiver import Receiver
from tests.system.conftest import Serve
from tests.system.publishing import publish
from tests.system.server_process import Command, ServerProcess
from tests.system.test_credentials import call, credential
from tests.system.test_credentials import publish as publish_with_client

pytestmark = pytest.mark.system

OWN = "/providers/Switchhook.EventGrid"
CLOCK = f"{OWN}/clocks/default"


async def arm(
    server: ServerProcess, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """One management request: status and body."""
    authorization = {"Authorization": f"Bearer {server.token}", **headers}
    async with (
        aiohttp.ClientSession(server.ready.http_endpoint, headers=authorization) as http,
        http.request(method, f"{path}?api-version=2025-02-15", json=body) as answer,
    ):
        text = await answer.text()
        return answer.status, json.loads(text) if text else None


def subscription_path(server: ServerProcess) -> str:
    """The id of the event subscription of these tests."""
    topic = server.ready.topic.resource_id
    return f"{topic}/providers/Microsoft.EventGrid/eventSubscriptions/orders"


async def subscribe(server: ServerProcess, receiver: Receiver) -> None:
    """An event subscription of the default topic, once it is in force."""
    destination = {"endpointType": "WebHook", "properties": {"endpointUrl": receiver.url}}
    path = subscription_path(server)
    status, answer = await arm(server, "PUT", path, {"properties": {"destination": destination}})
    assert status == 201, answer
    await wait_idle(server)
    _, found = await arm(server, "GET", path)
    assert found["properties"]["provisioningState"] == "Succeeded"


async def advance(server: ServerProcess, by: str) -> dict[str, Any]:
    status, answer = await arm(server, "POST", f"{CLOCK}/advance", {"by": by})
    assert status == 200, answer
    found: dict[str, Any] = answer["properties"]
    return found


async def wait_idle(server: ServerProcess) -> None:
    status, answer = await arm(server, "POST", f"{OWN}/waitIdle")
    assert status == 200, answer


async def counts(receiver: Receiver) -> list[str]:
    return [request.headers["aeg-delivery-count"] for request in receiver.notifications]


def send_sms(server: ServerProcess, wants_report: bool) -> list[Any]:
    """One message, with the official client."""
    ready = server.ready.communication
    client = SmsClient.from_connection_string(
        ready.connection_string, connection_verify=server.ready.ca_bundle
    )
    to = ["+14255550100"]
    return list(client.send(ready.numbers[0], to, "Hello", enable_delivery_report=wants_report))


# --- time ----------------------------------------------------------------------------------------


async def test_a_day_of_retries_happens_within_one_call(serve: Serve) -> None:
    """Every attempt is over when it returns, and the time to live ends them."""
    server = await serve("--virtual-clock")
    async with Receiver() as receiver:
        await subscribe(server, receiver)
        receiver.answer_with(500)
        await publish(server.ready, "a")
        await wait_idle(server)
        at_first = await counts(receiver)
        found = await advance(server, "PT25H")
        after_a_day = await counts(receiver)
        await advance(server, "P2D")

        assert at_first == ["0"]
        assert len(after_a_day) >= 10
        assert after_a_day == [str(number) for number in range(len(after_a_day))]
        assert found["webhookRequests"] == len(after_a_day) - 1
        assert await counts(receiver) == after_a_day


async def test_time_stands_still_while_a_webhook_is_asked(serve: Serve) -> None:
    """It may publish and manage meanwhile; a second advance is refused."""
    server = await serve("--virtual-clock")
    async with Receiver() as receiver:
        await subscribe(server, receiver)
        receiver.answer_next([500])
        await publish(server.ready, "a")
        await wait_idle(server)
        _, before = await arm(server, "GET", CLOCK)
        receiver.hold()
        advancing = asyncio.create_task(advance(server, "PT24H"))
        await receiver.wait_for(2)
        nested = await arm(server, "POST", f"{CLOCK}/advance", {"by": "PT1S"})
        _, meanwhile = await arm(server, "GET", CLOCK)
        await publish(server.ready, "b")
        listed, _ = await arm(server, "GET", subscription_path(server))
        ended_early = advancing.done()
        receiver.release()
        found = await advancing

        assert (nested[0], nested[1]["error"]["code"]) == (409, "Conflict")
        assert listed == 200
        assert not ended_early
        waited = instant(meanwhile["properties"]) - instant(before["properties"])
        assert timedelta(seconds=10) <= waited <= timedelta(seconds=11)
        assert instant(found) - instant(before["properties"]) == timedelta(hours=24)
        assert [event["id"] for event in receiver.events] == ["a", "a", "b"]


def instant(properties: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(properties["now"])


async def test_credentials_age_by_real_time(serve: Serve) -> None:
    """The official clients go on after two days; their dates and tokens are of today."""
    server = await serve("--virtual-clock")
    await advance(server, "PT48H")
    ready = server.ready
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    sas = generate_sas(ready.topic.endpoint, ready.topic.key, expires_at)
    for used in (AzureKeyCredential(ready.topic.key), AzureSasCredential(sas), credential(server)):
        await call(publish_with_client, server, used)
    (sent,) = await call(send_sms, server, False)

    assert sent.successful


async def test_delivery_report_comes_when_the_carriers_delay_is_over(serve: Serve) -> None:
    """No sooner, however long one waits in real time."""
    server = await serve("--virtual-clock")
    ready = server.ready
    async with Receiver() as receiver:
        destination = {"endpointType": "WebHook", "properties": {"endpointUrl": receiver.url}}
        scope = ready.communication.resource_id
        path = f"{scope}/providers/Microsoft.EventGrid/eventSubscriptions/reports"
        await arm(server, "PUT", path, {"properties": {"destination": destination}})
        await wait_idle(server)
        await call(send_sms, server, True)
        await wait_idle(server)
        before = list(receiver.events)
        await advance(server, "PT1H")

        assert before == []
        assert [event["eventType"].rpartition(".")[2] for event in receiver.events] == [
            "SMSDeliveryReportReceived"
        ]


async def test_subscription_expires_when_time_comes_to_it(serve: Serve) -> None:
    """By the virtual time."""
    server = await serve("--virtual-clock")
    async with Receiver() as receiver:
        await subscribe(server, receiver)
        path = subscription_path(server)
        expires_at = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        status, answer = await arm(server, "PATCH", path, {"expirationTimeUtc": expires_at})
        await advance(server, "PT1H")
        before, _ = await arm(server, "GET", path)
        await advance(server, "PT2H")
        after, _ = await arm(server, "GET", path)

    assert status == 201, answer
    assert (before, after) == (200, 404)


async def test_system_time_cannot_be_moved(serve: Serve) -> None:
    """The answer says how to start a server whose time can."""
    server = await serve()
    status, answer = await arm(server, "POST", f"{CLOCK}/advance", {"by": "PT1S"})
    _, clock = await arm(server, "GET", CLOCK)

    assert status == 409
    assert "--virtual-clock" in answer["error"]["message"]
    assert clock["properties"]["kind"] == "System"


async def test_fast_profile_retries_a_thousand_times_sooner(serve: Serve) -> None:
    """Ten seconds are ten milliseconds."""
    server = await serve("--virtual-clock", "--profile", "fast")
    async with Receiver() as receiver:
        await subscribe(server, receiver)
        receiver.answer_next([500])
        await publish(server.ready, "a")
        await wait_idle(server)
        found = await advance(server, "PT0.02S")

        assert found["webhookRequests"] == 1
        assert await counts(receiver) == ["0", "1"]


# --- quiet, and a new beginning ------------------------------------------------------------------


async def test_commands_move_time_wait_and_reset(serve: Serve, command: Command) -> None:
    """As they are written in the pages."""
    server = await serve("--virtual-clock")
    data = ("--data", str(server.data))
    advanced = await command.run("clock", "advance", "1d12h", "--json", *data)
    shown = await command.run("clock", "show", *data)
    idle = await command.run("wait-idle", "--timeout", "5s", *data)
    reset = await command.run("reset", "--all", *data)
    wrong = await command.run("clock", "advance", "soon", *data)

    assert json.loads(advanced.stdout)["properties"]["advancedBy"] == "PT36H"
    assert "Virtual" in shown.stdout
    assert (idle.code, reset.code, wrong.code) == (0, 0, 2)
    assert "soon" in wrong.stderr


async def test_waiting_for_quiet_ends_when_its_time_is_up(serve: Serve) -> None:
    """A request that hangs is no quiet."""
    server = await serve()
    async with Receiver() as receiver:
        await subscribe(server, receiver)
        receiver.hold()
        await publish(server.ready, "a")
        await receiver.wait_for(1)
        busy, answer = await arm(server, "POST", f"{OWN}/waitIdle", {"timeout": "PT1S"})
        receiver.release()
        idle, _ = await arm(server, "POST", f"{OWN}/waitIdle", {"timeout": "PT10S"})

    assert (busy, idle) == (409, 200), answer


async def test_reset_forgets_what_has_happened(serve: Serve) -> None:
    """Retries are over, for a restarted server too; the subscription goes on."""
    server = await serve("--virtual-clock")
    async with Receiver() as receiver:
        await subscribe(server, receiver)
        receiver.answer_next([500, 500])
        await publish(server.ready, "a", "b")
        await wait_idle(server)
        status, _ = await arm(server, "POST", f"{OWN}/reset")
        found = await advance(server, "PT24H")
        await publish(server.ready, "c")
        await wait_idle(server)
        await server.stop()
        again = await serve("--virtual-clock")
        later = await advance(again, "PT24H")

        assert status == 204
        assert (found["webhookRequests"], later["webhookRequests"]) == (0, 0)
        assert [event["id"] for event in receiver.events] == ["a", "b", "c"]


async def test_reset_of_all_leaves_the_resources_of_a_first_start(serve: Serve) -> None:
    """The defaults come back with their keys."""
    server = await serve()
    async with Receiver() as receiver:
        await subscribe(server, receiver)
        group = server.ready.topic.resource_id.rpartition("/")[0]
        await arm(server, "PUT", f"{group}/other", {"location": "westus"})
        status, _ = await arm(server, "POST", f"{OWN}/reset", {"all": True})
        _, topics = await arm(server, "GET", group)
        gone, _ = await arm(server, "GET", subscription_path(server))
        await publish(server.ready, "a")

    assert status == 204
    assert [topic["name"] for topic in topics["value"]] == [server.ready.topic.name]
    assert gone == 404


async def test_reset_is_for_programs_of_the_same_machine(serve: Serve) -> None:
    """And for who has the token."""
    server = await serve()
    forwarded = await arm(server, "POST", f"{OWN}/reset", **{"X-Forwarded-For": "192.0.2.1"})
    nobody = await arm(server, "POST", f"{OWN}/reset", Authorization="Bearer wrong")

    assert (forwarded[0], nobody[0]) == (403, 401)


async def test_paused_subscription_stays_paused_over_a_restart(serve: Serve) -> None:
    """Nothing is sent before the settings are known."""
    server = await serve()
    async with Receiver() as receiver:
        await subscribe(server, receiver)
        path = (
            f"{subscription_path(server)}/providers/Switchhook.EventGrid/deliverySettings/default"
        )
        status, answer = await arm(server, "PUT", path, {"properties": {"isPaused": True}})
        await publish(server.ready, "a")
        await server.stop()
        again = await serve()
        await wait_idle(again)

        assert status == 200, answer
        assert receiver.events == []
