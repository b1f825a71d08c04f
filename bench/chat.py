"""Does anything in chat cost more in a thread of a million messages?

A real server is asked over HTTP, on connections that are kept. The histories are written into its
store while it is stopped. Each question is put to the small and the large history in turn.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import psutil
import uvloop

from bench.bars import BARS
from bench.chat_histories import Wanted, fill
from bench.chat_stage import LARGEST, SENDERS, Ask, Client, Stage, prepare
from bench.model import Result, judge
from switchhook.clock import MILLISECOND, to_text
from tests.crash.chat_client import NO_RATE_LIMITS
from tests.crash.http_client import Answer, Connection, build_request
from tests.system.server_process import Command, Ready, ServerProcess

FEW, MANY = 10, 1_000_000
FEW_THREADS, MANY_THREADS = 10, 10_000
ADDED = 199  # of them in one request
ASKED = 40  # times in a round
SECONDS = 1.0
LARGE_ROUNDS = 10


async def compare(connection: Connection, stage: Stage) -> list[tuple[str, float, float]]:
    """The median seconds of each question, in a small and in a large history."""
    client = Client(connection, stage.user)
    few, many = Client(connection, stage.alone), Client(connection, stage.busy)

    def both(ask_of: Callable[[str, int], Ask]) -> tuple[Ask, Ask]:
        small, large = (ask_of(each, stage.middles[each]) for each in (stage.small, stage.large))
        return small, large

    questions = {
        "list messages, first page": both(lambda thread, _: client.get(thread, "messages")),
        "list messages, middle page": both(
            lambda thread, middle: client.get(thread, "messages", syncState=middle)
        ),
        "list messages, startTime": both(
            lambda thread, middle: client.get(thread, "messages", startTime=_start(middle))
        ),
        "get message": both(lambda thread, middle: client.get(thread, "messages", str(middle))),
        "list participants": both(lambda thread, _: client.get(thread, "participants")),
        "list threads, first page": (few.get(), many.get()),
        "list threads, middle page": (
            few.get(syncState=await _middle_of_threads(few, FEW_THREADS)),
            many.get(syncState=await _middle_of_threads(many, MANY_THREADS)),
        ),
        "send": both(lambda thread, _: client.send(thread)),
        "edit": both(client.edit),
    }
    return [(name, *await _medians(*asks)) for name, asks in questions.items()]


async def _middle_of_threads(client: Client, count: int) -> str:
    """The token of the page in the middle of a user's threads."""
    size, token = min(count // 2, 200), ""
    for _ in range(0, count // 2, size):
        page = json.loads((await client.get(maxPageSize=size, syncState=token)()).body)
        token = parse_qs(urlsplit(page["nextLink"]).query)["syncState"][0]
    return token


def _start(message_id: int) -> str:
    return to_text(message_id * MILLISECOND).replace("+00:00", "Z")


async def _medians(one: Ask, other: Ask, rounds: int = ASKED) -> tuple[float, float]:
    """Ask in turn, so that whatever else the machine does is done to both."""
    seconds: list[tuple[float, float]] = []
    for _ in range(rounds):
        started = time.perf_counter()
        await one()
        between = time.perf_counter()
        await other()
        seconds.append((between - started, time.perf_counter() - between))
    first, second = zip(*seconds, strict=True)
    return statistics.median(first), statistics.median(second)


async def rate(asks: list[Ask]) -> float:
    """How many answers a second all of them get together."""
    counts = [0] * len(asks)

    async def repeat(number: int, ask: Ask) -> None:
        while time.perf_counter() < end:
            await ask()
            counts[number] += 1

    started = time.perf_counter()
    end = started + SECONDS
    await asyncio.gather(*(repeat(number, ask) for number, ask in enumerate(asks)))
    return sum(counts) / (time.perf_counter() - started)


def publishing(connection: Connection, ready: Ready, events: int) -> Ask:
    """Publishes so many events to a topic: what sending a message comes to, without the chat."""
    event = {
        "id": "event",
        "subject": "thread/booking",
        "eventType": "Shop.OrderPlaced",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"note": "x" * 900},
        "dataVersion": "1.0",
    }
    path = urlsplit(ready.topic.endpoint).path
    body = msgspec.json.encode([event] * events)
    headers = {"aeg-sas-key": ready.topic.key}
    request = build_request("POST", path, connection.host, headers, body)

    async def ask() -> Answer:
        answer = await connection.exchange(request)
        assert answer.status == 200, answer  # noqa: S101
        return answer

    return ask


async def rates(server: ServerProcess, stage: Stage) -> list[tuple[str, float, float]]:
    """Messages a second, and publishes of as many events a second: the limit."""
    opened = [await Connection.open(server.ready.http_endpoint) for _ in range(SENDERS)]
    found = []
    for what, clients, threads in (
        ("1 client, 1 thread", 1, [stage.large]),
        (f"{SENDERS} clients, 1 thread", SENDERS, [stage.large]),
        (f"{SENDERS} clients, {SENDERS} threads", SENDERS, stage.many),
    ):
        used = opened[:clients]
        sends = [
            Client(each, stage.user).send(thread)
            for each, thread in zip(used, cycle(threads), strict=False)
        ]
        publishes = [publishing(each, server.ready, 2) for each in used]
        found.append((what, await rate(sends), await rate(publishes)))
    return found


async def crowd(
    connection: Connection, server: ServerProcess, stage: Stage
) -> tuple[float, float, float]:
    """Seconds of many additions in one request, of a message to the largest thread, of a publish.

    The publish is one of as many events as the message has.
    """
    client = Client(connection, stage.user)
    thread = await client.create(stage.guests[:-ADDED])
    added = await client.add(thread, stage.guests[-ADDED:])
    publish = publishing(connection, server.ready, LARGEST)
    return added, *await _medians(client.send(thread), publish, LARGE_ROUNDS)


async def run(folder: Path, rounds: int) -> list[Result]:
    """The bars of one server, which holds a million messages from its start."""
    command, data = Command(folder / "user"), folder / "data"
    server = await command.serve(data, *NO_RATE_LIMITS)
    empty = _megabytes(server)
    stage = await prepare(server)
    await server.stop()
    wanted = Wanted(
        messages={stage.small: FEW, stage.large: MANY},
        threads={stage.alone.raw_id: FEW_THREADS, stage.busy.raw_id: MANY_THREADS},
    )
    stage.middles = await fill(data, wanted)
    server = await command.serve(data, *NO_RATE_LIMITS)
    full = _megabytes(server)
    connection = await Connection.open(server.ready.http_endpoint)
    compared = [await compare(connection, stage) for _ in range(rounds)]
    sent = [await rates(server, stage) for _ in range(rounds)]
    crowds = [await crowd(connection, server, stage) for _ in range(rounds)]
    await server.stop()
    held = (
        f"The server holds {empty:.0f} MB when it is empty, {full:.0f} MB with {MANY:,} messages."
    )
    return [_history(compared, held), _sends(sent), _crowd(crowds)]


def _history(compared: list[list[tuple[str, float, float]]], held: str) -> Result:
    """The question whose answer suffers most; the others are told."""
    ratios = {
        what: statistics.median(found[place][2] / found[place][1] for found in compared)
        for place, (what, _, _) in enumerate(compared[0])
    }
    worst = max(ratios, key=lambda what: ratios[what])
    _, small, large = zip(*(found[[*ratios].index(worst)] for found in compared), strict=True)
    others = ", ".join(f"{what} {ratio:.2f}" for what, ratio in ratios.items())
    return judge(
        BARS["chat history"],
        {"10 messages, ms": _milliseconds(small), "a million, ms": _milliseconds(large)},
        lambda found: found["a million, ms"] / found["10 messages, ms"],
        f"The worst is: {worst}. All: {others}. {held}",
    )


def _sends(sent: list[list[tuple[str, float, float]]]) -> Result:
    """The last case, which has the most clients; the others are told."""
    cases = list(zip(*sent, strict=True))
    note = ", ".join(
        f"{case[0][0]}: {statistics.median(sends / limit for _, sends, limit in case):.2f}"
        for case in cases
    )
    columns = {
        "publishes/s": [limit for _, _, limit in cases[-1]],
        "messages/s": [sends for _, sends, _ in cases[-1]],
    }
    return judge(
        BARS["chat send"], columns, lambda run: run["messages/s"] / run["publishes/s"], f"{note}."
    )


def _crowd(crowds: list[tuple[float, float, float]]) -> Result:
    added, sent, published = zip(*crowds, strict=True)
    events = ADDED * LARGEST
    return judge(
        BARS["chat crowd"],
        {
            "publish, events/s": [LARGEST / each for each in published],
            "message, events/s": [LARGEST / each for each in sent],
        },
        lambda run: run["message, events/s"] / run["publish, events/s"],
        f"{ADDED} participants added at once: {events:,} events, "
        f"{events / statistics.median(added):,.0f} a second.",
    )


def _milliseconds(seconds: Sequence[float]) -> list[float]:
    return [each * 1000 for each in seconds]


def _megabytes(server: ServerProcess) -> float:
    return float(psutil.Process(server.pid).memory_info().rss / 1e6)


def measure(rounds: int, seconds: float) -> list[Result]:
    """The bars; a round of a question is `ASKED` times of it."""
    with (
        tempfile.TemporaryDirectory() as parent,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(run(Path(parent), rounds))
