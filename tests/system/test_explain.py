"""`switchhook explain` and `switchhook events tail` beside a running server."""

import asyncio
import json
import signal
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from switchhook.http.arm_api.events import MAX_TAILS
from tests.crash.management import Management
from tests.receiver import Receiver
from tests.system.conftest import Serve
from tests.system.publishing import publish
from tests.system.server_process import Command, ServerProcess

pytestmark = pytest.mark.system

WAIT = 15.0
_EVENTS = "/providers/Switchhook.EventGrid/events"


async def explained(server: ServerProcess, command: Command, event_id: str) -> dict[str, Any]:
    """The one explanation of an event."""
    ended = await command.run("explain", event_id, "--json", "--data", str(server.data))
    (explanation,) = json.loads(ended.stdout)["value"]
    found: dict[str, Any] = explanation
    return found


async def test_attempts_survive_a_restart(serve: Serve, command: Command) -> None:
    """What is said of an event before a restart is said after it."""
    server = await serve()
    async with Receiver() as receiver:
        scope = server.ready.topic.resource_id
        await Management(server).subscribe(scope, "hook", receiver.url)
        await publish(server.ready, "one")
        await receiver.wait_for(1)
    assert await server.stop() == 0
    before = await serve()
    first = await explained(before, command, "one")
    assert await before.stop() == 0
    again = await explained(await serve(), command, "one")

    (delivery,) = first["subscriptions"][0]["deliveries"]
    assert delivery["stage"] == "Delivered"
    assert [attempt["httpStatusCode"] for attempt in delivery["attempts"]] == [200]
    assert again == first


async def test_tail_ends_with_the_server(serve: Serve, command: Command) -> None:
    """A watcher neither holds up the stop nor calls it an error."""
    server = await serve("--shutdown-grace", "30")
    words = ("events", "tail", "--json", "--since", "1h", "--data", str(server.data))
    watching = await command.start(*words)
    try:
        await publish(server.ready, "one")
        shown = json.loads(await watching.line(WAIT))
        code = await asyncio.wait_for(server.stop(), WAIT)
        ended = await watching.ended(WAIT)
    finally:
        await watching.end()

    assert shown["id"] == "one"
    assert (code, ended.code, ended.stderr) == (0, 0, "")


async def test_tail_ends_with_ctrl_c(serve: Serve, command: Command) -> None:
    """As the commands that follow something do."""
    server = await serve()
    words = ("events", "tail", "--json", "--since", "1h", "--data", str(server.data))
    watching = await command.start(*words)
    try:
        await publish(server.ready, "one")
        await watching.line(WAIT)
        code = await watching.stop(signal.SIGINT)
    finally:
        await watching.end()

    assert code == 130


async def test_watchers_that_go_make_room(serve: Serve) -> None:
    """A client that closes its connection is forgotten, though no event comes."""
    server = await serve()
    clients = [_watch(server) for _ in range(MAX_TAILS)]
    for client in clients:
        await asyncio.to_thread(client.recv, 1000)
    refused = await Management(server).request("GET", _EVENTS)
    for client in clients:
        client.close()

    assert refused.status == 429
    async with asyncio.timeout(WAIT):
        while True:
            client = _watch(server)
            head = await asyncio.to_thread(client.recv, 1000)
            client.close()
            if b"200 OK" in head:
                break


def _watch(server: ServerProcess) -> socket.socket:
    """A connection on which the stream of events was asked for."""
    address = urlsplit(server.ready.http_endpoint)
    client = socket.create_connection((address.hostname, address.port), WAIT)
    client.sendall(
        f"GET {_EVENTS} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n".encode()
    )
    return client
