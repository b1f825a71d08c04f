"""T13: do nine webhooks notice that the tenth is dead, or hostile?

Ten subscriptions get every event. The deliveries of nine are checked and timed while the tenth is
as good as they, and while it misbehaves in each of some ways, in turn. Of the ways to be dead the
worst is judged. One that is hostile is told apart: what it sends is sent from the core on which
the others are checked, so that their rate tells what it takes from them, not from the server alone.
"""

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence

import msgspec

from bench.bars import BARS
from bench.flow import Flow, flow, flow_server, job, repeated, run, webhooks
from bench.machine import LOADING, Server, process
from bench.model import Result, judge

_NINE, _TEN = 9, 10
DEAD = ("refuses", "hangs", "answers 500")
HOSTILE = ("drips", "sends a huge body")
TENTH = (*DEAD, *HOSTILE)
HEALTHY = "all ten are good"
# Few enough to wait in memory, and long enough that a hung attempt is written down.
_BACKLOG, _PUBLISHERS, _WARM_UP_SECONDS = 500, 4, 1.5


def measure(rounds: int, seconds: float) -> list[Result]:
    """T13, what is told beside it, and its rows."""
    with _bad_webhooks() as ports:
        columns = repeated(rounds, lambda: _one(ports, seconds))
    return judged(columns)


def judged(columns: dict[str, list[float]]) -> list[Result]:
    """The bars, each by the way that is worst."""
    return [
        _throughput("T13", DEAD, columns),
        _throughput("T13 hostile", HOSTILE, columns),
        _rows(columns),
    ]


def _one(ports: dict[str, int], seconds: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for what, port in ((HEALTHY, None), *ports.items()):
        measured, rows = _measured(port, seconds)
        found[f"{what}, events/s"] = measured.per_second
        found[f"{what}, CPU us/event"] = measured.cpu_us
        found[f"{what}, rows/event"] = rows
    return found


def _measured(tenth: int | None, seconds: float) -> tuple[Flow, float]:
    """What came to the good ones, and the rows that each event left for the tenth."""
    good = _TEN if tenth is None else _NINE
    others = [] if tenth is None else [f"http://127.0.0.1:{tenth}/"]
    hooks = webhooks(good, endpoints=good, others=others)
    with flow_server(hooks) as running:
        work = job(
            running,
            hooks,
            seconds=_WARM_UP_SECONDS,
            events=100,
            connections=_PUBLISHERS,
            backlog=_BACKLOG,
            is_awake=False,  # the bad webhooks run on the same core
        )
        run(work)
        before = _waiting(running)
        found = flow(running, msgspec.structs.replace(work, seconds=seconds))
        rows = _waiting(running) - before
    return found, rows / found.outcome.events


def _waiting(running: Server) -> int:
    database = sqlite3.connect(f"file:{running.data / 'switchhook.db'}?mode=ro", uri=True)
    with contextlib.closing(database):
        return int(database.execute("SELECT count(*) FROM waiting").fetchone()[0])


@contextlib.contextmanager
def _bad_webhooks() -> Iterator[dict[str, int]]:
    """One of each kind, beside the good ones on the loading core."""
    command = [sys.executable, "-m", "bench.sinks"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process(command, LOADING, **pipes) as sinks:
        assert sinks.stdout is not None  # noqa: S101  it is a pipe
        ports = json.loads(sinks.stdout.readline())
        yield {what: ports[what][0] for what in TENTH}


def _throughput(number: str, ways: Sequence[str], columns: dict[str, list[float]]) -> Result:
    found = {what: _beside_healthy(number, what, columns) for what in ways}
    worst = min(found, key=lambda what: found[what].ratio)
    every = ", ".join(f"{each.ratio:.2f} ({what})" for what, each in found.items())
    healthy, bad = (found[worst].medians[f"{what}, CPU us/event"] for what in (HEALTHY, worst))
    note = (
        f"By what the tenth does: {every}. An event costs the server {bad:.0f} us of CPU at the "
        f"worst, {healthy:.0f} when all are good. One delivery less would make it "
        f"{_TEN / _NINE:.2f}."
    )
    return msgspec.structs.replace(found[worst], note=note)


def _beside_healthy(number: str, what: str, columns: dict[str, list[float]]) -> Result:
    rates = f"{HEALTHY}, events/s", f"{what}, events/s"
    costs = f"{HEALTHY}, CPU us/event", f"{what}, CPU us/event"
    healthy, bad = rates
    own = {name: columns[name] for name in (*rates, *costs)}
    return judge(BARS[number], own, lambda found: found[bad] / found[healthy])


def _rows(columns: dict[str, list[float]]) -> Result:
    rows = {f"{what}, rows/event": columns[f"{what}, rows/event"] for what in TENTH}
    return judge(BARS["T13 rows"], rows, lambda found: max(found.values()))
