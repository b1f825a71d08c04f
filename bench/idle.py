"""T10, T15: what do subscriptions cost that want nothing, and what does the server hold?"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.bars import BARS
from bench.flow import EVENT, PATH
from bench.grown import Grown, most_megabytes, side_by_side
from bench.idle_filters import idle_filters
from bench.machine import server, wrk
from bench.model import Result, WrongDeliveryError, judge
from bench.prepared import Wanted
from switchhook.grid.events import Event, EventSchema
from switchhook.grid.match_index import MatchIndex
from switchhook.grid.schemas.read import read
from switchhook.grid.topics import Topic

MANY, FEW = 100_000, 10
_SATURATED_SECONDS = 10.0
_MATCHES, _BEST_OF = 20_000, 5


def measure(rounds: int, seconds: float) -> list[Result]:
    """All four; the figures of memory are of one start each."""
    sizes = {0: Wanted(), MANY: Wanted(subscriptions=MANY)}
    with side_by_side(sizes) as servers:
        none, many = servers[0], servers[MANY]
        results = [_throughput(none, many, rounds, seconds), _bytes(none, many)]
    return [*results, _match(rounds), _peak()]


def _throughput(none: Grown, many: Grown, rounds: int, seconds: float) -> Result:
    columns: dict[str, list[float]] = {"events/s without": [], "events/s with": []}
    cpu: list[tuple[float, float]] = []
    for _ in range(rounds):
        with_many, without = many.load(seconds), none.load(seconds)
        columns["events/s with"].append(with_many.per_second)
        columns["events/s without"].append(without.per_second)
        cpu.append((with_many.cpu_us, without.cpu_us))
    spent, spent_without = (min(column) for column in zip(*cpu, strict=True))
    note = f"An event costs {spent:.1f} us of CPU beside {spent_without:.1f} without, at best."
    return judge(
        BARS["T10 throughput"],
        columns,
        lambda of: of["events/s with"] / of["events/s without"],
        note,
    )


def _bytes(none: Grown, many: Grown) -> Result:
    columns = {"MB without": [none.megabytes], "MB with": [many.megabytes]}
    note = (
        f"One start of each: ready after {many.ready_seconds:.1f} s beside "
        f"{none.ready_seconds:.1f} s without."
    )
    kilobytes = 1000 / MANY
    return judge(
        BARS["T15 bytes"], columns, lambda of: (of["MB with"] - of["MB without"]) * kilobytes, note
    )


def _match(rounds: int) -> Result:
    event = an_event()
    few, many = (_matching(size, event) for size in (FEW, MANY))
    columns: dict[str, list[float]] = {"us of 10": [], "us of 100,000": []}
    for _ in range(rounds):
        columns["us of 100,000"].append(_best_us(many))
        columns["us of 10"].append(_best_us(few))
    return judge(BARS["T10 match"], columns, lambda of: of["us of 100,000"] / of["us of 10"])


def _matching(size: int, event: Event) -> Callable[[], None]:
    """Asks an index of so many subscriptions, again and again, who wants the event."""
    index = MatchIndex[int]()
    for number, wanted in enumerate(idle_filters(size)):
        index.put(number, wanted)

    def ask() -> None:
        for _ in range(_MATCHES):
            if index.match(event):
                raise WrongDeliveryError("an event matches a subscription that is idle")

    return ask


def an_event() -> Event:
    """What the router makes of an event of the load."""
    topic = Topic(incarnation="t", resource_id="/topics/t", name="t")
    (event,) = read(EVENT.array(0, 1), EventSchema.EVENT_GRID, topic, first=0, published_at=0)
    return event


def _best_us(ask: Callable[[], None]) -> float:
    """Microseconds of CPU for one match: the best of some tries, which nothing else has slowed."""
    times = []
    for _ in range(_BEST_OF):
        before = time.process_time()
        ask()
        times.append(time.process_time() - before)
    return min(times) / _MATCHES * 1e6


def _peak() -> Result:
    """One event a request, then a hundred, as fast as wrk can."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as running:
        headers = {"Content-Type": "application/json", "aeg-sas-key": running.topic_key}
        held = {}
        for events, connections in ((1, 64), (100, 16)):
            load = wrk(
                f"{running.http}{PATH}",
                EVENT.array(0, events),
                headers,
                connections=connections,
                seconds=_SATURATED_SECONDS,
            )
            if load.refused:
                raise WrongDeliveryError(f"{load.refused} of {load.requests} were refused")
            held[f"MB after {events}-event requests"] = [most_megabytes(running)]
    return judge(BARS["T15 RSS"], held, lambda of: max(of.values()))
