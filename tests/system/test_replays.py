"""Events are delivered again by the real command, over a kill in the middle."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.crash.management import Management
from tests.receiver import Receiver
from tests.system.conftest import Serve
from tests.system.publishing import publish
from tests.system.server_process import Command

pytestmark = pytest.mark.system


async def _run(command: Command, data: Path, *words: str) -> Any:
    ended = await command.run(*words, "--data", str(data), "--json")
    assert ended.code == 0, ended.stderr
    return json.loads(ended.stdout)


async def test_killed_replay_delivers_the_rest(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    """Each event comes with the run's number, none is left out, and the replay ends."""
    data = tmp_path / "data"
    ids = [f"e{n}" for n in range(30)]
    async with Receiver() as receiver:
        server = await serve()
        source = ("--scope", server.ready.topic.resource_id)
        await Management(server).subscribe(server.ready.topic.resource_id, "hook", receiver.url)
        await publish(server.ready, *ids)
        await receiver.wait_for_events(30)
        await _run(command, data, "replay", "start", "hook", *source, "--rate", "10")
        await receiver.wait_for_events(35)
        await server.kill()
        killed_at = len(receiver.requests)

        server = await serve()
        await receiver.wait_for_events(60)
        async with asyncio.timeout(15):
            while True:
                shown = await _run(command, data, "replay", "show", "replay-1")
                if shown["properties"]["state"] == "Succeeded":
                    break

    replayed = [r for r in receiver.notifications if r.headers.get("switchhook-replay") == "1"]
    assert {each.json()[0]["id"] for each in replayed} == set(ids)
    assert shown["properties"]["queued"] == 30
    assert killed_at < len(receiver.requests)


async def test_wait_idle_waits_for_a_replay(serve: Serve, command: Command, tmp_path: Path) -> None:
    """Also between two of its events; where time stands still it says what is missing."""
    data = tmp_path / "data"
    async with Receiver() as receiver:
        server = await serve()
        source = ("--scope", server.ready.topic.resource_id)
        await Management(server).subscribe(server.ready.topic.resource_id, "hook", receiver.url)
        await publish(server.ready, "a", "b", "c")
        await receiver.wait_for_events(3)
        await _run(command, data, "replay", "start", "hook", *source, "--rate", "1")
        await _run(command, data, "wait-idle")
        received = len(receiver.events)
        await server.stop()

        await serve("--virtual-clock")
        await _run(command, data, "replay", "start", "hook", *source, "--rate", "1")
        refused = await command.run("wait-idle", "--data", str(data))
        await _run(command, data, "clock", "advance", "3s")
        await _run(command, data, "wait-idle")

    assert received == 6
    assert refused.code == 1
    assert "'replay-2' is still running" in refused.stderr
    assert len(receiver.events) == 9


async def test_dropped_events_are_delivered_once_more(
    serve: Serve, command: Command, tmp_path: Path
) -> None:
    """A fault makes them fail, a re-drive brings them."""
    data = tmp_path / "data"
    async with Receiver() as receiver:
        server = await serve()
        source = ("--scope", server.ready.topic.resource_id)
        await Management(server).subscribe(server.ready.topic.resource_id, "hook", receiver.url)
        await _run(
            command, data, "faults", "set", "hook", *source, "--next", "2", "--status", "400"
        )
        await publish(server.ready, "a", "b", "c")
        await receiver.wait_for_events(1)
        await _run(command, data, "dead-letters", "redrive", "--reason", "NotRetriable")
        events = await receiver.wait_for_events(3)
        listed = await _run(command, data, "dead-letters", "list")

    assert [each["id"] for each in events] == ["c", "a", "b"]
    assert [each["properties"]["redrivenByRun"] for each in listed] == [1, 1]
