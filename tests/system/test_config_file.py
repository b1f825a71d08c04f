"""What stands in the configuration file is there when the server says that it is ready."""

import asyncio
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from switchhook.config_file import FIRST_ANSWERS
from tests.receiver import ReceivedRequest, Receiver
from tests.system.conftest import Serve
from tests.system.publishing import publish
from tests.system.server_process import Command

pytestmark = pytest.mark.system


def config(tmp_path: Path, *endpoints: str) -> str:
    """A file with one event subscription of the default topic for each endpoint."""
    tables = (
        f'[[subscriptions]]\nname = "hook-{number}"\ntopic = "dev-topic"\nendpoint = "{url}"\n'
        for number, url in enumerate(endpoints)
    )
    path = tmp_path / "switchhook.toml"
    path.write_text("\n".join(tables))
    return str(path)


async def ask_readiness(handshake: ReceivedRequest) -> Any:
    """What the server that sent a handshake says of itself."""
    url = urlsplit(handshake.json()[0]["data"]["validationUrl"])
    async with aiohttp.ClientSession(f"https://{url.netloc}") as http:
        answer = await http.get("/health/ready", ssl=False)
        return await answer.json()


async def test_server_is_ready_once_the_webhook_has_answered(serve: Serve, tmp_path: Path) -> None:
    """It listens before that: the webhook may ask it something first."""
    async with Receiver() as receiver:
        receiver.hold()
        starting = asyncio.ensure_future(serve("--config", config(tmp_path, receiver.url)))
        (handshake,) = await receiver.wait_for_handshakes(1)
        before = await ask_readiness(handshake)
        receiver.release()
        server = await starting
        after = await ask_readiness(handshake)
        await publish(server.ready, "first")
        await receiver.wait_for_events(1)

    assert before == {"status": "unavailable", "reason": "The server is starting."}
    assert after == {"status": "ready"}


async def test_server_that_is_stopped_waits_for_no_webhook(
    command: Command, tmp_path: Path
) -> None:
    """And is not ready any more."""
    async with Receiver() as receiver:
        receiver.hold()
        options = ("--config", config(tmp_path, receiver.url), "--data", str(tmp_path / "data"))
        server = await command.start("serve", "--http-port", "0", "--https-port", "0", *options)
        await receiver.wait_for_handshakes(1)
        server.send_signal(signal.SIGTERM)
        ended = await server.ended(FIRST_ANSWERS / 2)
        receiver.release()

    assert (ended.code, ended.stdout) == (0, "")


async def test_events_after_ready_reach_the_webhooks_of_the_file(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    """After a new beginning too: nobody has to ask whether they have agreed."""
    async with Receiver() as receiver:
        urls = [f"{receiver.url}/{number}" for number in range(20)]
        server = await serve("--config", config(tmp_path, *urls))
        await publish(server.ready, "first")
        first = await receiver.wait_for(len(urls))
        reset = await command.run("reset", "--all", "--data", str(server.data))
        await publish(server.ready, "second")
        both = await receiver.wait_for(2 * len(urls))

    assert reset.code == 0
    assert [request.json()[0]["id"] for request in first] == ["first"] * len(urls)
    assert [request.json()[0]["id"] for request in both[len(urls) :]] == ["second"] * len(urls)


async def test_webhook_that_is_not_up_is_named_and_holds_nothing_up(
    serve: Serve, tmp_path: Path
) -> None:
    """Those that are up get their events."""
    async with Receiver() as gone:
        closed = gone.url
    async with Receiver() as receiver:
        server = await serve("--config", config(tmp_path, closed, receiver.url))
        await publish(server.ready, "first")
        await receiver.wait_for_events(1)

    said = server.log_tail().splitlines()
    (line,) = [each for each in said if "config_file.not_in_force" in each]
    assert "subscription=hook-0" in line
    assert "state=Failed" in line
    assert "Webhook validation handshake failed" in line
