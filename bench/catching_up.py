"""How fast does a subscription read the events that waited for it, and what is held meanwhile?

They lie in the log when the server starts. The limit is a subscription that is live: publishers
wait for its deliveries, so that its queue never fills.
"""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import flow
from bench.backlog_load import Reading
from bench.bars import BACKLOGS, BARS
from bench.grown import OPTIONS, Grown, grown, most_megabytes
from bench.job import Outcome
from bench.machine import LOADING, cpu_seconds, free_port, process, server
from bench.model import Result, WrongDeliveryError, judge
from bench.prepared import EVENT, Wanted, prepare
from bench.template import delivered
from switchhook.default_resources import TOPIC_ID

_EXPECTED = delivered(EVENT, TOPIC_ID)
# Publishers of a hundred events a request, of which no more are on their way than a queue holds.
_LIVE_EVENTS, _LIVE_CONNECTIONS, _LIVE_BACKLOG = 100, 8, 900
_BATCH, _LONG_SECONDS = 50, 20.0


class Backlog(msgspec.Struct, frozen=True):
    """A data folder in which a subscription has so many events before it."""

    folder: Path
    port: int
    events: int


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading a backlog."""

    per_second: float
    cpu_us: float
    megabytes: float


def measure(rounds: int, seconds: float) -> list[Result]:
    """Backlogs of all sizes, then what is held during a long read of the largest."""
    with grown(Wanted()) as live:
        results = [_rate(events, live, rounds, seconds) for events in BACKLOGS]
    return [*results, _memory()]


@contextlib.contextmanager
def prepared_backlog(events: int, batch: int = 1) -> Iterator[Backlog]:
    """A new one, which is gone afterwards."""
    port = free_port()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "data"
        endpoint = f"http://127.0.0.1:{port}/0"
        prepare(folder, Wanted(events=events, endpoint=endpoint, batch=batch, is_behind=True))
        yield Backlog(folder, port, events)


def read(backlog: Backlog, seconds: float) -> Read:
    """Let a server deliver so long; the next one goes on from there.

    Raises:
        WrongDeliveryError: an event came that was not published like that, or came twice.
    """
    reading = Reading(port=backlog.port, expected=_EXPECTED, events=backlog.events, seconds=seconds)
    command = [sys.executable, "-m", "bench.backlog_load"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process(command, LOADING, **pipes) as child:
        assert child.stdin is not None  # noqa: S101  it is a pipe
        assert child.stdout is not None  # noqa: S101  so is this
        child.stdin.write(msgspec.json.encode(reading) + b"\n")
        child.stdin.flush()
        child.stdout.readline()  # it listens
        with server(backlog.folder, *OPTIONS) as running:
            before = cpu_seconds(running.pid)
            outcome = msgspec.json.decode(child.stdout.readline(), type=Outcome)
            spent = cpu_seconds(running.pid) - before
            megabytes = most_megabytes(running)
    if outcome.wrong or outcome.duplicates:
        raise WrongDeliveryError(outcome.wrong or f"{outcome.duplicates} duplicates")
    return Read(
        per_second=outcome.events / outcome.seconds,
        cpu_us=spent / outcome.events * 1e6,
        megabytes=megabytes,
    )


def _live(at: Grown, seconds: float) -> flow.Flow:
    work = flow.job(
        at.server,
        at.hooks,
        seconds=seconds,
        events=_LIVE_EVENTS,
        connections=_LIVE_CONNECTIONS,
        backlog=_LIVE_BACKLOG,
    )
    small = msgspec.structs.replace(work, published=EVENT, expected=_EXPECTED)
    return flow.flow(at.server, small)


def _rate(events: int, live: Grown, rounds: int, seconds: float) -> Result:
    columns: dict[str, list[float]] = {"live events/s": [], "caught up events/s": []}
    cpu, held = [], []
    with contextlib.ExitStack() as stack:
        for number in range(rounds):
            if not number or events < BACKLOGS[-1]:  # no round reads to the end of the largest
                backlog = stack.enter_context(prepared_backlog(events))
            found, limit = read(backlog, seconds), _live(live, seconds)
            columns["caught up events/s"].append(found.per_second)
            columns["live events/s"].append(limit.per_second)
            cpu.append((found.cpu_us, limit.cpu_us))
            held.append(found.megabytes)
    spent, spent_live = (min(column) for column in zip(*cpu, strict=True))
    note = (
        f"An event costs {spent:.1f} us of CPU at best, {spent_live:.1f} live, with its "
        f"publication. At most {max(held):.0f} MB were held."
    )
    bar = BARS[f"backlog {events:,}"]
    return judge(bar, columns, lambda of: of["caught up events/s"] / of["live events/s"], note)


def _memory() -> Result:
    with prepared_backlog(BACKLOGS[-1], _BATCH) as backlog:
        found = read(backlog, _LONG_SECONDS)
    rate = f"{found.per_second:,.0f} events/s in batches of {_BATCH}"
    note = f"One run of {_LONG_SECONDS:.0f} s: {rate}."
    return judge(BARS["backlog MB"], {"MB": [found.megabytes]}, lambda of: of["MB"], note)
