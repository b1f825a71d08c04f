"""The routes about events, and the commands that are their clients."""

import argparse
import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from switchhook.cli import events, events_tail, explain
from switchhook.endpoints import save
from switchhook.errors import RequestError, StartError
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.engine import Engine
from switchhook.grid.explain import Explainer
from switchhook.grid.observation import Observation
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.tail import Tails, Wanted
from switchhook.http.arm_api.events import MAX_TAILS, EventRoutes
from switchhook.management_token import TOKEN_FILE
from switchhook.stores.memory_attempts import MemoryAttemptHistory
from tests.builders import a_body, an_event
from tests.compat.arm.server import served
from tests.flow.arm.requests import Answer, send
from tests.flow.arm.scene import TOKEN, TOPIC_ID, Scene, answering, webhook
from tests.flow.arm.test_commands import endpoints_at
from tests.scripted_dead_letters import ScriptedDeadLetterStore

EXPLAIN = "/providers/Switchhook.EventGrid/explainEvent"
EVENTS = "/providers/Switchhook.EventGrid/events"
NO_HANDSHAKE = "providers/Switchhook.EventGrid/deliverySettings/default"
Run = Callable[..., Awaitable[int]]
Capture = pytest.CaptureFixture[str]


class LiveScene(Scene):
    """A scene with a router that routes and delivers."""

    async def open(self) -> "LiveScene":
        history = MemoryAttemptHistory()
        self.engine = Engine(
            store=self.store,
            transport=self.transport,
            clock=self.clock,
            random=lambda: 0.0,
            dead_lettering=DeadLettering(ScriptedDeadLetterStore(), self.clock),
            observation=Observation(history=history),
        )
        await self.engine.start()
        await super().open()
        router = self.engine.router
        self.tails = Tails(log=self.store, router=router)
        self.events = EventRoutes(
            explainer=Explainer(
                store=self.store,
                router=router,
                checkpoint=self.engine.checkpoint,
                history=history,
                clock=self.clock,
            ),
            tails=self.tails,
            directory=router.topics,
            sources=self.resources.sources,
            topics=self.resources.topics,
            subscriptions=self.resources.subscriptions,
            clock=self.clock,
        )
        return self

    async def new_routing(self) -> Any:
        return self.engine.router

    async def subscribe(self, name: str, *, is_valid: bool = True, **properties: Any) -> None:
        """An event subscription to the topic."""
        path = f"{TOPIC_ID}/providers/Microsoft.EventGrid/eventSubscriptions/{name}"
        if is_valid:
            settings = {"properties": {"validateEndpoint": False}}
            await send(self, "PUT", f"{path}/{NO_HANDSHAKE}", settings)
        await send(self, "PUT", path, webhook(**properties))
        await self.settle()

    async def publish(self, event_id: str, **members: Any) -> None:
        """One event to the topic."""
        topic = self.engine.router.topics.by_name("orders")
        assert topic is not None
        body = a_body(an_event(id=event_id, **members))
        await self.engine.publisher.publish(topic, PublishRequest(body))
        await self.engine.quiet()

    async def ask(self, **question: Any) -> Answer:
        """POST `explainEvent`."""
        return await send(self, "POST", EXPLAIN, question)


@pytest.fixture
async def scene() -> LiveScene:
    """An installation with the topic `orders` and a webhook that is busy."""
    scene = await LiveScene().open()
    await scene.topic()
    scene.transport.answer = answering(503, b"try later")
    return scene


async def test_explanation_of_each_subscription(scene: LiveScene) -> None:
    """Wanted and failed, not wanted, and never in force: each with its reason."""
    await scene.subscribe("hook")
    await scene.subscribe("picky", filter={"includedEventTypes": ["Other"]})
    await scene.subscribe("broken", is_valid=False)
    await scene.publish("e1")

    (explanation,) = (await scene.ask(id="e1")).json()["value"]
    told = {each["name"]: each for each in explanation["subscriptions"]}

    assert (explanation["position"], explanation["topicName"]) == (0, "orders")
    assert {name: each["verdict"] for name, each in told.items()} == {
        "hook": "Matched",
        "picky": "NotMatched",
        "broken": "NotInForce",
    }
    (delivery,) = told["hook"]["deliveries"]
    assert (delivery["stage"], delivery["deliveryAttempts"]) == ("WaitingForRetry", 1)
    assert delivery["attempts"][0]["responseExcerpt"] == "try later"
    assert told["picky"]["mismatch"]["clause"] == "includedEventTypes"
    assert "validation handshake failed" in told["broken"]["text"]


async def test_no_secret_is_told(scene: LiveScene) -> None:
    """The query of a webhook's URL and secret headers stay out of explanations."""
    await scene.subscribe("hook")
    await scene.subscribe("broken", is_valid=False)
    await scene.publish("e1")

    assert "secret" not in (await scene.ask(id="e1")).text


async def test_unknown_event_names_the_retention(scene: LiveScene) -> None:
    """It says since when events would be found."""
    await scene.publish("e1")

    answer = (await scene.ask(id="e2")).json()

    assert answer["value"] == []
    assert answer["message"] == (
        "There is no event with the id 'e2' in the retention. The log reaches back to "
        "2026-01-01T00:00:00.0000000Z."
    )


@pytest.mark.parametrize("topic", ["orders", "ORDERS", TOPIC_ID, None])
async def test_topic_by_name_or_id(scene: LiveScene, topic: str | None) -> None:
    """A question may name its topic, in any spelling."""
    await scene.publish("e1")

    assert len((await scene.ask(id="e1", topic=topic)).json()["value"]) == 1


async def test_question_below_a_topic(scene: LiveScene) -> None:
    """The routes can be asked below the id of a topic."""
    await scene.publish("e1")

    answer = await send(scene, "POST", TOPIC_ID + EXPLAIN, {"id": "e1"})

    assert len(answer.json()["value"]) == 1


async def test_pages_of_one_id(scene: LiveScene) -> None:
    """`before` of an answer asks for older events of the id."""
    for _ in range(3):
        await scene.publish("e1")

    first = (await scene.ask(id="e1", limit=2)).json()
    rest = (await scene.ask(id="e1", before=first["before"])).json()

    assert [each["position"] for each in first["value"] + rest["value"]] == [2, 1, 0]
    assert rest["before"] is None


async def test_rehearsal(scene: LiveScene) -> None:
    """An event that is only shown is matched and not published."""
    await scene.subscribe("hook")

    (explanation,) = (await scene.ask(event=an_event(), topic="orders")).json()["value"]

    assert (explanation["position"], explanation["isInLog"]) == (None, False)
    assert explanation["subscriptions"][0]["verdict"] == "Matched"
    assert scene.transport.requests == []


@pytest.mark.parametrize(
    ("question", "status", "message"),
    [
        ({}, 400, "one of 'id', 'position' and 'event'"),
        ({"id": "e1", "position": 1}, 400, "one of 'id', 'position' and 'event'"),
        ({"id": ""}, 400, "'id' must not be empty"),
        ({"id": 7}, 400, "'id' must be a string"),
        ({"id": "x" * 5000}, 400, "longer than 4096"),
        ({"id": "e1", "limit": 51}, 400, "limit"),
        ({"id": "e1", "before": -1}, 400, "before"),
        ({"id": "e1", "topic": "nowhere"}, 404, "no topic 'nowhere'"),
        ({"id": "e1", "topic": "no/where"}, 404, "no topic 'no/where'"),
        ({"position": "one"}, 400, "position"),
        ({"event": an_event()}, 400, "needs the 'topic'"),
        ({"event": [], "topic": "orders"}, 400, "'event' must be a JSON object"),
        ({"event": {"id": "e1"}, "topic": "orders"}, 400, "subject"),
        ({"idd": "e1"}, 400, "'idd'"),
    ],
)
async def test_wrong_question_is_refused(
    scene: LiveScene, question: dict[str, Any], status: int, message: str
) -> None:
    """Each with what is wrong."""
    answer = await scene.ask(**question)

    assert answer.status == status
    assert message in answer.json()["error"]["message"]


# --- tail ----------------------------------------------------------------------------------------


def lines(answer: Answer) -> list[dict[str, Any]]:
    """The objects of a stream."""
    return [json.loads(line) for line in answer.body.splitlines() if line]


async def test_stream_of_the_whole_log(scene: LiveScene) -> None:
    """A line for each event, with the event as it was published."""
    await scene.publish("e1", data={"text": "two\nlines"})
    await scene.publish("e2")

    answer = await send(scene, "GET", f"{EVENTS}?follow=false")

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [(each["position"], each["id"]) for each in lines(answer)] == [(0, "e1"), (1, "e2")]
    assert lines(answer)[0]["event"]["data"] == {"text": "two\nlines"}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("position=1", ["e2"]),
        ("position=99", []),
        ("since=2026-01-01T00:00:00Z", ["e1", "e2"]),
        ("since=2026-01-01T00:00:01Z", []),
        ("type=Other", []),
        ("subjectBeginsWith=orders", ["e1", "e2"]),
        ("topic=orders", ["e1", "e2"]),
    ],
)
async def test_part_of_the_log(scene: LiveScene, query: str, shown: list[str]) -> None:
    """By position, time, type, subject and topic."""
    await scene.publish("e1")
    await scene.publish("e2")

    answer = await send(scene, "GET", f"{EVENTS}?follow=false&{query}")

    assert [each["id"] for each in lines(answer)] == shown


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("since=yesterday", 400),
        ("since=2026-01-01T00:00:00Z&position=1", 400),
        ("position=-1", 400),
        ("position=x", 400),
        ("follow=maybe", 400),
        ("topic=nowhere", 404),
        ("types=T", 400),
    ],
)
async def test_wrong_stream_is_refused(scene: LiveScene, query: str, status: int) -> None:
    """Before a line is sent."""
    assert (await send(scene, "GET", f"{EVENTS}?{query}")).status == status


async def test_too_many_streams_are_refused(scene: LiveScene) -> None:
    """Each reads the log for itself, so that there are only so many."""
    watches = [scene.tails.watch(0, Wanted(), follow=True) for _ in range(MAX_TAILS)]
    waiting = [asyncio.ensure_future(anext(watch)) for watch in watches]
    await scene.settle()

    answer = await send(scene, "GET", f"{EVENTS}?follow=false")
    scene.tails.close()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert answer.status == 429
    assert scene.tails.count == 0


@pytest.mark.parametrize(("method", "path"), [("POST", EXPLAIN), ("GET", EVENTS)])
async def test_routes_are_guarded(scene: LiveScene, method: str, path: str) -> None:
    """Nobody reads events without the token."""
    headers = {"authorization": "Bearer wrong"}

    assert (await send(scene, method, path, {"id": "e1"}, headers)).status == 401


# --- commands ------------------------------------------------------------------------------------


@pytest.fixture
async def run(scene: LiveScene, tmp_path: Path) -> AsyncIterator[Run]:
    """Runs a command against a live server."""
    (tmp_path / TOKEN_FILE).write_text(TOKEN)
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for module in (events, explain):
        module.add_parser(subparsers)

    async def command(*words: str) -> int:
        arguments = parser.parse_args([*words, "--data", str(tmp_path)])
        code: int = await asyncio.to_thread(arguments.run, arguments)
        return code

    async with served(scene.app()) as url:
        save(tmp_path, endpoints_at(url))
        yield command
        scene.tails.close()


async def test_explain_command(scene: LiveScene, run: Run, capsys: Capture) -> None:
    """What a newcomer reads."""
    await scene.subscribe("hook")
    await scene.subscribe("picky", filter={"includedEventTypes": ["Other"]})
    await scene.publish("e1")

    assert await run("explain", "e1", "--topic", "orders") == 0
    assert capsys.readouterr().out == (
        "event     e1\n"
        "type      Shop.OrderPlaced\n"
        "subject   orders/17\n"
        "topic     orders\n"
        "received  2026-01-01T00:00:00.000Z, position 0\n"
        "\n"
        "hook: waiting for another attempt\n"
        "    The next attempt is due at 2026-01-01T00:00:30.000Z. So far: 1 attempt, the last one "
        "Busy 503.\n"
        "      1. 2026-01-01T00:00:00.000Z  503 Busy  0.0 ms, next at 2026-01-01T00:00:30.000Z\n"
        "         try later\n"
        "picky: did not want it\n"
        '    includedEventTypes: the eventType "Shop.OrderPlaced" is not one of "Other".\n'
    )


async def test_explain_command_that_finds_nothing(
    scene: LiveScene, run: Run, capsys: Capture
) -> None:
    """Exit code 1, and since when events are kept."""
    assert await run("explain", "e1") == 1
    assert capsys.readouterr().out == (
        "There is no event with the id 'e1' in the retention. The log is empty.\n"
    )


async def test_explain_command_says_how_events_are_found(
    scene: LiveScene, run: Run, capsys: Capture
) -> None:
    """The id of a message is not that of its events; a position can only be wrong."""
    await scene.publish("e1")

    assert await run("explain", "1792000000000") == 1
    assert "'switchhook events tail --no-follow' prints the events" in capsys.readouterr().out
    assert await run("explain", "--position", "7") == 1
    assert "events tail" not in capsys.readouterr().out
    assert await run("explain", "e1", "--topic", "orders") == 0
    assert "events tail" not in capsys.readouterr().out


async def test_explain_command_for_a_file(
    scene: LiveScene, run: Run, capsys: Capture, tmp_path: Path
) -> None:
    """An event in a file is rehearsed."""
    await scene.subscribe("hook")
    file = tmp_path / "event.json"
    file.write_text(json.dumps([an_event()]))

    assert await run("explain", "--event", str(file), "--topic", "orders") == 0
    out = capsys.readouterr().out
    assert "received  not published: this is a rehearsal" in out
    assert "hook: matched\n    All parts of its filter hold.\n" in out


@pytest.mark.parametrize(
    ("text", "words", "problem"),
    [
        (None, ["--topic", "orders"], "cannot read"),
        ("{", ["--topic", "orders"], "is not JSON"),
        ("[]", ["--topic", "orders"], "must hold one event"),
        ("{}", [], "needs --topic"),
    ],
)
async def test_wrong_file_is_refused(
    run: Run, tmp_path: Path, text: str | None, words: list[str], problem: str
) -> None:
    """With the flag and the reason."""
    file = tmp_path / "event.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(StartError, match=problem):
        await run("explain", "--event", str(file), *words)


async def test_tail_command(scene: LiveScene, run: Run, capsys: Capture) -> None:
    """Events for people, or a line each for programs."""
    await scene.publish("e1", data={"total": 1})

    await run("events", "tail", "--no-follow", "--topic", "orders")
    text = capsys.readouterr().out
    await run("events", "tail", "--no-follow", "--json")
    line = json.loads(capsys.readouterr().out)

    first = text.splitlines()[0]
    assert first.endswith("  e1  Shop.OrderPlaced  orders/17  (position 0, orders)")
    assert "  " not in first.partition("  e1  ")[0]  # the time alone is before the id
    assert '"total": 1' in text
    assert line["id"] == "e1"


_UNSAID = ("topic", "domain", "communication", "scope", "type", "subject_begins_with", "position")


class Heard(io.StringIO):
    """A file that tells what is written to it."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__()
        self._tell = tell

    def write(self, text: str) -> int:
        self._tell(text)
        return len(text)


async def test_tail_command_follows_until_the_server_ends(
    scene: LiveScene, run: Run, tmp_path: Path
) -> None:
    """New events come as they are accepted; the end of the server is a clean end."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    await scene.publish("e1")
    loop = asyncio.get_running_loop()
    out = Heard(lambda text: loop.call_soon_threadsafe(heard.put_nowait, text))
    arguments = argparse.Namespace(
        **dict.fromkeys(_UNSAID),
        since="365d",
        follow=True,
        json=True,
        data=str(tmp_path),
    )
    watching = asyncio.ensure_future(asyncio.to_thread(events_tail.run, arguments, out))
    first = await asyncio.wait_for(heard.get(), 10)
    await scene.publish("e2")
    second = await asyncio.wait_for(heard.get(), 10)
    scene.tails.close()

    assert await asyncio.wait_for(watching, 10) == 0
    assert [json.loads(text)["id"] for text in (first, second)] == ["e1", "e2"]


@pytest.mark.parametrize(
    ("since", "error", "named"),
    [
        ("yesterday", StartError, "--since must be"),
        ("10x", StartError, "--since must be"),
        ("P1Y", RequestError, "'since'"),
        ("2030-13-01T00:00:00Z", RequestError, "'since'"),
    ],
)
async def test_wrong_since_is_refused(
    run: Run, since: str, error: type[Exception], named: str
) -> None:
    """A time and a span are understood, nothing else."""
    with pytest.raises(error, match=named):
        await run("events", "tail", "--since", since)


@pytest.mark.parametrize(("since", "shown"), [("1h", "e1 e2"), ("10m", "e2"), ("PT10M", "e2")])
async def test_span_counts_by_the_clock_of_the_server(
    scene: LiveScene, run: Run, capsys: Capture, since: str, shown: str
) -> None:
    """Which a test may have moved."""
    await scene.publish("e1")
    await scene.clock.advance(timedelta(minutes=30))
    await scene.publish("e2")

    await run("events", "tail", "--no-follow", "--json", "--since", since)

    lines = capsys.readouterr().out.splitlines()
    assert " ".join(json.loads(line)["id"] for line in lines) == shown


async def test_refusal_reaches_the_tail_command(run: Run) -> None:
    """A stream that is refused is an error, not an empty stream."""
    with pytest.raises(RequestError, match="no topic 'nowhere'"):
        await run("events", "tail", "--topic", "nowhere")
