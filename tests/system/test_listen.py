"""`switchhook listen` beside a running server."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crash.management import Management
from tests.receiver import Receiver
from tests.system.conftest import Serve
from tests.system.publishing import call_sms, publish
from tests.system.server_process import Command, RunningCommand, ServerProcess

pytestmark = pytest.mark.system

WAIT = 15.0


class Listener:
    """A running `switchhook listen`."""

    def __init__(self, process: RunningCommand) -> None:
        self.process = process

    async def note(self) -> str:
        """The next line for people."""
        return await self.process.error_line(WAIT)

    async def event(self) -> dict[str, Any]:
        """The next event."""
        event: dict[str, Any] = json.loads(await self.process.line(WAIT))
        return event


@asynccontextmanager
async def listening(command: Command, data: Path, *words: str) -> AsyncIterator[Listener]:
    """A listener that is ready; it is ended with the test."""
    process = await command.start("listen", "--data", str(data), *words)
    try:
        listener = Listener(process)
        assert (await listener.note()).startswith("listening to ")
        yield listener
    finally:
        await process.end()


async def subscriptions(server: ServerProcess, scope: str) -> list[dict[str, Any]]:
    """The event subscriptions of a source."""
    path = f"{scope}/providers/Microsoft.EventGrid/eventSubscriptions"
    found: list[dict[str, Any]] = (await Management(server).get(path))["value"]
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_events_are_printed_until_it_is_stopped(
    serve: Serve, command: Command, number: signal.Signals
) -> None:
    """It subscribes by itself, prints lines of JSON into a pipe, and leaves nothing behind."""
    server = await serve()
    topic = server.ready.topic
    async with listening(command, server.data, "--topic", topic.name) as listener:
        (subscription,) = await subscriptions(server, topic.resource_id)
        await publish(server.ready, "one")
        event = await listener.event()
        code = await listener.process.stop(number)

    assert event["id"] == "one"
    assert event["topic"] == topic.resource_id
    assert subscription["name"].startswith("listen-")
    assert subscription["properties"]["expirationTimeUtc"] is not None
    assert code == 0
    assert await subscriptions(server, topic.resource_id) == []


async def test_sms_events_of_some_numbers_are_selected(serve: Serve, command: Command) -> None:
    """The command of the documentation, on the default Communication resource."""
    server = await serve()
    number = server.ready.communication.numbers[0]
    words = (
        *("--type", "Microsoft.Communication.SMSDeliveryReportReceived"),
        *("--subject-begins-with", f"phonenumber/{number.lstrip('+')[:4]}"),
    )
    async with listening(command, server.data, *words) as listener:
        body = {
            "from": number,
            "smsRecipients": [{"to": "+14255550100"}],
            "message": "The lights stay on.",
            "smsSendOptions": {"enableDeliveryReport": True},
        }
        sent = await call_sms(server.ready, "/sms", body)
        event = await listener.event()

    assert event["data"]["messageId"] == sent["value"][0]["messageId"]


async def test_deliveries_are_forwarded(serve: Serve, command: Command) -> None:
    """The target sees what the server sent."""
    server = await serve()
    topic = server.ready.topic.name
    async with (
        Receiver() as target,
        listening(command, server.data, "--topic", topic, "--forward", target.url) as listener,
    ):
        await publish(server.ready, "one")
        (request,) = await target.wait_for(1)
        await listener.event()

    assert request.json()[0]["id"] == "one"
    assert request.headers["aeg-subscription-name"].startswith("LISTEN-")
    assert request.headers["aeg-delivery-count"] == "0"


async def test_a_rehearsed_failure_is_a_failed_attempt(serve: Serve, command: Command) -> None:
    """The event is printed, and the server counts an attempt that it has to repeat."""
    server = await serve()
    topic = server.ready.topic
    words = ("--topic", topic.name, "--respond", "503", "--delay", "0.05")
    async with listening(command, server.data, *words) as listener:
        await publish(server.ready, "one")
        event = await listener.event()
        await server.stop()

    assert event["id"] == "one"
    attempts = [line for line in server.log_tail().splitlines() if "delivery.attempted" in line]
    assert len(attempts) == 1
    assert "status=503" in attempts[0]


async def test_it_listens_again_after_a_throw_away_server_came_back(
    serve: Serve, command: Command
) -> None:
    """A server without the event subscription, on other ports, gets it anew."""
    server = await serve()
    topic = server.ready.topic.name
    async with listening(command, server.data, "--topic", topic) as listener:
        (subscription,) = await subscriptions(server, server.ready.topic.resource_id)
        await Management(server).request("DELETE", subscription["id"])
        await server.stop()
        gone = await listener.note()
        server = await serve()
        back = await listener.note()
        await publish(server.ready, "one")
        event = await listener.event()

    assert gone.startswith("no events for now, trying again: no server ")
    assert back == "listening again\n"
    assert event["id"] == "one"


async def test_without_a_server_it_says_so(command: Command, tmp_path: Path) -> None:
    """One line, and an exit code that a script sees."""
    ended = await command.run("listen", "--data", str(tmp_path))

    assert ended.code != 0
    assert ended.stderr.startswith(f"switchhook: no server runs on the data folder {tmp_path}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--topic", "nowhere"), "nowhere"),
        (("--type", "Microsoft.Communication.SmsReceived"), "SmsReceived"),
        (("--name", "no spaces"), "no spaces"),
    ],
)
async def test_a_refused_event_subscription_is_one_line(
    serve: Serve, command: Command, words: tuple[str, ...], named: str
) -> None:
    """The server's own words, naming what is wrong."""
    server = await serve()

    ended = await command.run("listen", "--data", str(server.data), *words)

    assert ended.code == 1
    assert named in ended.stderr
    assert ended.stderr.count("\n") == 1


async def test_a_name_that_is_taken_is_refused(serve: Serve, command: Command) -> None:
    """A PUT would replace somebody else's event subscription."""
    async with Receiver() as receiver:
        server = await serve()
        topic = server.ready.topic
        await Management(server).subscribe(topic.resource_id, "mine", receiver.url)

        ended = await command.run(
            "listen", "--data", str(server.data), "--topic", topic.name, "--name", "mine"
        )

    assert ended.code == 1
    assert "'mine' exists" in ended.stderr


async def test_a_reader_that_leaves_ends_it(serve: Serve, command: Command) -> None:
    """As `switchhook listen | head -1` does: nothing is left behind, and nothing complains."""
    server = await serve()
    topic = server.ready.topic
    async with listening(command, server.data, "--topic", topic.name) as listener:
        listener.process.close_output()
        await asyncio.wait_for(_publish_until_it_ends(server, listener), WAIT)
        ended = await listener.process.end()

    assert ended.code == 0
    assert ended.stderr == ""
    assert await subscriptions(server, topic.resource_id) == []


async def _publish_until_it_ends(server: ServerProcess, listener: Listener) -> None:
    number = 0
    while listener.process.is_running:
        number += 1
        await publish(server.ready, f"event-{number}")
        await asyncio.sleep(0.05)  # the kernel tells a writer only when it writes


async def test_listener_survives_the_days_that_a_test_skips(serve: Serve, command: Command) -> None:
    """Its event subscription must not expire before it could be renewed."""
    server = await serve("--virtual-clock")
    async with listening(command, server.data, "--topic", server.ready.topic.name) as listener:
        advanced = await command.run("clock", "advance", "48h", "--data", str(server.data))
        await publish(server.ready, "one")
        event = await listener.event()

    assert advanced.code == 0
    assert event["id"] == "one"
