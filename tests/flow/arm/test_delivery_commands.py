"""The commands for replays, dead letters and faults, as a person types them."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from switchhook.cli import dead_letters, faults, replay
from switchhook.endpoints import save
from switchhook.errors import RequestError, StartError
from switchhook.management_token import TOKEN_FILE
from tests.compat.arm.server import served
from tests.flow.arm.delivering import DeliveringScene
from tests.flow.arm.scene import TOKEN
from tests.flow.arm.test_commands import endpoints_at
from tests.scripted_transport import always

Run = Callable[[str], Awaitable[str]]
TOPIC = "--topic orders"


@pytest.fixture
async def scene() -> DeliveringScene:
    """A server with an event subscription in force."""
    scene = DeliveringScene()
    await scene.open()
    await scene.subscribe()
    return scene


@pytest.fixture
async def run(
    scene: DeliveringScene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Run]:
    """Runs a command against a live server and answers what it prints."""
    (tmp_path / TOKEN_FILE).write_text(TOKEN)
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for module in (replay, dead_letters, faults):
        module.add_parser(subparsers)

    async def command(line: str) -> str:
        arguments = parser.parse_args([*line.split(), "--data", str(tmp_path)])
        capsys.readouterr()
        assert await asyncio.to_thread(arguments.run, arguments) == 0
        return capsys.readouterr().out

    async with served(scene.app()) as url:
        save(tmp_path, endpoints_at(url))
        yield command


async def test_replay_commands(scene: DeliveringScene, run: Run) -> None:
    """Start, show, list and cancel."""
    await scene.publish("a", "b", "c", eventType="T")
    await scene.publish("other")
    scene.webhooks.requests.clear()
    started = await run(f"replay start hook {TOPIC} --since PT1H --type T --rate 1")
    shown = json.loads(await run("replay show replay-1 --json"))
    await scene.clock.advance(timedelta(seconds=1))
    canceled = await run("replay cancel replay-1")
    second = await run(f"replay start hook {TOPIC} --subject-begins-with none --as none")
    await scene.clock.advance(timedelta(minutes=1))
    listed = await run("replay list")

    assert "Running" in started
    assert "types               T\n" in started
    assert shown["properties"]["eventsPerSecond"] == 1
    assert "Canceled" in canceled
    assert "none" in second
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["replay-1", "Canceled"],
        ["none", "Succeeded"],
    ]
    assert scene.delivered == ["a", "b"]


async def test_dead_letter_commands(scene: DeliveringScene, run: Run) -> None:
    """List with what selects, show with the event, redrive all or by name."""
    scene.webhooks.answer = always(400)
    await scene.publish("a", "b")
    await scene.engine.checkpoint.write()
    scene.webhooks.answer = always(200)
    scene.webhooks.requests.clear()
    listed = json.loads(await run(f"dead-letters list --subscription hook {TOPIC} --json"))
    names = {each["properties"]["eventId"]: each["name"] for each in listed}
    none = await run("dead-letters list --reason TimeToLiveExceeded")
    limited = await run("dead-letters list --limit 1")
    shown = await run(f"dead-letters show {names['a']}")
    redriven = await run(f"dead-letters redrive {names['b']}")
    assert "switchhook replay show " in redriven
    await scene.clock.advance(timedelta(seconds=1))
    await run("dead-letters redrive --state dropped --since 1h")
    await scene.clock.advance(timedelta(seconds=1))
    table = await run("dead-letters list")

    assert set(names) == {"a", "b"}
    assert none == "none\n"
    assert len(limited.splitlines()) == 2
    assert '"id": "a"' in shown
    assert "deadLetters" in redriven
    assert scene.delivered == ["b", "a"]
    assert sorted(line.rpartition(" ")[2] for line in table.splitlines()[1:]) == ["1", "2"]


async def test_all_dead_letters_are_delivered_again_only_when_asked_for(
    scene: DeliveringScene, run: Run
) -> None:
    """A word that was left out does not deliver everything on the server again."""
    scene.webhooks.answer = always(400)
    await scene.publish("a", "b")
    await scene.engine.checkpoint.write()
    scene.webhooks.answer = always(200)
    scene.webhooks.requests.clear()
    with pytest.raises(StartError, match="or --all"):
        await run("dead-letters redrive --rate 5")
    with pytest.raises(StartError, match="give nothing else with it"):
        await run("dead-letters redrive --all --reason NotRetriable")
    await scene.clock.advance(timedelta(seconds=1))
    assert scene.delivered == []
    begun = json.loads(await run("dead-letters redrive --all --json"))
    await scene.clock.advance(timedelta(seconds=1))

    assert sorted(scene.delivered) == ["a", "b"]
    assert json.loads(await run(f"replay show {begun['name']} --json"))["properties"]["queued"] == 2


@pytest.mark.parametrize("command", ["list", "redrive"])
async def test_source_without_a_subscription_selects_nothing(run: Run, command: str) -> None:
    """It would look as if only the dead letters of that topic were meant."""
    with pytest.raises(StartError, match="--subscription"):
        await run(f"dead-letters {command} {TOPIC}")


async def test_fault_commands(scene: DeliveringScene, run: Run) -> None:
    """Set, show and clear."""
    await run(f"faults set hook {TOPIC} --next 3 --status 503")
    await scene.publish("a")
    shown = await run(f"faults show hook {TOPIC}")
    await run(f"faults clear hook {TOPIC}")
    await run(f"faults set hook {TOPIC} --duplicate --json")
    await scene.publish("b")

    assert shown.split() == ["next", "2", "status", "503"]
    assert scene.delivered == ["b", "b"]
    with pytest.raises(RequestError, match="No delivery fault"):
        await run(f"faults show hook {TOPIC}")
    with pytest.raises(StartError, match="one of --status, --drop"):
        await run(f"faults set hook {TOPIC}")
    assert "PT5S" in await run(f"faults set hook {TOPIC} --delay 5s")


@pytest.mark.parametrize("span", ["10m", "PT10M"])
@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("replay start hook {topic} --since {span} --json", ""),
        ("replay start hook {topic} --since 1h --until {span} --json", ""),
        ("dead-letters list --since 1h --until {span}", "none"),
        ("dead-letters redrive --since {span}", ""),
        ("faults set hook {topic} --delay {span}", "PT10M"),
    ],
)
async def test_every_span_is_taken_in_both_forms(
    run: Run, line: str, shown: str, span: str
) -> None:
    """The short one of people, and that of ISO 8601."""
    assert shown in await run(line.format(topic=TOPIC, span=span))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (f"replay start hook {TOPIC} --since soon", "--since must be a time or a span"),
        ("dead-letters redrive --until 10x", "--until must be a time or a span"),
        (f"faults set hook {TOPIC} --delay soon", "--delay must be a span"),
    ],
)
async def test_wrong_span_is_told_by_the_name_of_its_option(
    run: Run, line: str, named: str
) -> None:
    """The members of a body are none of the words that were typed."""
    with pytest.raises(StartError, match=named):
        await run(line)
