"""`python -m bench.chat`: does anything in chat cost more in a thread of a million messages?

A real server is asked over HTTP, on connections that are kept. The histories are written into its
store while it is stopped. Each question is put to the small and the large history in turn.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import psutil
import uvloop

from bench.chat_histories import Wanted, fill
from bench.chat_stage import LARGEST, SENDERS, Ask, Client, Stage, prepare
from switchhook.clock import MILLISECOND, to_text
from tests.crash.chat_client import NO_RATE_LIMITS
from tests.crash.http_client import Answer, Connection, build_request
from tests.system.server_process import Command, Ready, ServerProcess

FEW, MANY = 10, 1_000_000
FEW_THREADS, MANY_THREADS = 10, 10_000
ADDED = 199  # of them in one request
BAR = 1.5
ROUNDS = 200
SECONDS = 2.0
LARGE_ROUNDS = 20


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


async def _medians(one: Ask, other: Ask, rounds: int = ROUNDS) -> tuple[float, float]:
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


def _megabytes(server: ServerProcess) -> float:
    return float(psutil.Process(server.pid).memory_info().rss / 1e6)


async def measure(folder: Path) -> bool:
    """Print the tables; whether every bar is met."""
    command, data = Command(folder / "user"), folder / "data"
    server = await command.serve(data, *NO_RATE_LIMITS)
    empty = _megabytes(server)
    stage = await prepare(server)
    await server.stop()
    started = time.perf_counter()
    wanted = Wanted(
        messages={stage.small: FEW, stage.large: MANY},
        threads={stage.alone.raw_id: FEW_THREADS, stage.busy.raw_id: MANY_THREADS},
    )
    stage.middles = await fill(data, wanted)
    print(f"{MANY:,} messages written in {time.perf_counter() - started:.1f} s")
    server = await command.serve(data, *NO_RATE_LIMITS)
    before = _megabytes(server)
    connection = await Connection.open(server.ready.http_endpoint)
    is_met = _print_ratios(await compare(connection, stage))
    _print_rates(await rates(server, stage))
    busy = _megabytes(server)
    _print_crowd(*await crowd(connection, server, stage))
    print(
        f"\nheld by the server: {empty:.0f} MB after a start on nothing, {before:.0f} MB after one "
        f"on {MANY:,} messages, {busy:.0f} MB after all sends, {_megabytes(server):.0f} MB after "
        f"{LARGEST} participants"
    )
    await server.stop()
    return is_met


def _print_ratios(rows: list[tuple[str, float, float]]) -> bool:
    print(f"\n{'median, ms':30} {'small':>8} {'large':>8} {'ratio':>6} {'bar':>5}  met")
    for what, small, large in rows:
        met = "yes" if large / small <= BAR else "NO"
        times = f"{small * 1000:8.2f} {large * 1000:8.2f} {large / small:6.2f}"
        print(f"{what:30} {times} {BAR:5}  {met}")
    return all(large / small <= BAR for _, small, large in rows)


def _print_rates(rows: list[tuple[str, float, float]]) -> None:
    print(f"\n{'messages of 2 events':30} {'sends/s':>8} {'publishes/s':>12} {'ratio':>6}")
    for what, sends, publishes in rows:
        print(f"{what:30} {sends:8,.0f} {publishes:12,.0f} {sends / publishes:6.2f}")


def _print_crowd(added: float, sent: float, published: float) -> None:
    events = ADDED * LARGEST
    print(
        f"\na message to {LARGEST} participants: {sent * 1000:.1f} ms, {LARGEST / sent:,.0f} "
        f"events/s; a publish of {LARGEST} events: {published * 1000:.1f} ms, "
        f"ratio {sent / published:.2f}\n"
        f"{ADDED} participants added at once: {events:,} events in {added:.2f} s, "
        f"{events / added:,.0f} events/s"
    )


def main() -> int:
    """Answer 1 when a bar is missed."""
    with (
        tempfile.TemporaryDirectory() as parent,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return 0 if runner.run(measure(Path(parent))) else 1


if __name__ == "__main__":
    sys.exit(main())
