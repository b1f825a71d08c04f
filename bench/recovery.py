"""How long after a crash is the server ready, however much lies in its log?

A server under load is killed and started again. What the start costs on an empty folder, which was
killed in the same way, is the limit.
"""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.bars import BARS, LOG_MEGABYTES
from bench.flow import EVENT, PATH
from bench.grown import OPTIONS
from bench.machine import Server, server, wrk
from bench.model import Result, WrongDeliveryError, judge
from bench.prepared import EVENT as SMALL
from bench.prepared import Wanted, prepare, prepare_unfinished

_WITH, _WITHOUT = "s with", "s without"
_WAL_EVENTS = 256_000_000 // SMALL.size


def measure(rounds: int, seconds: float) -> list[Result]:
    """Logs of all sizes, then a long write-ahead log; `seconds` of load come before each kill."""
    with tempfile.TemporaryDirectory() as parent:
        empty = Path(parent) / "empty"
        prepare(empty, Wanted())
        results = [_logs(Path(parent), empty, size, rounds, seconds) for size in LOG_MEGABYTES]
        return [*results, _write_ahead_log(Path(parent), empty, rounds, seconds)]


def _logs(parent: Path, empty: Path, megabytes: int, rounds: int, seconds: float) -> Result:
    with _folder(parent / "full") as full:
        prepare(full, Wanted(events=megabytes * 1_000_000 // SMALL.size))
        return _compare(
            f"recovery {megabytes:,} MB",
            lambda: seconds_after_a_kill(full, seconds),
            lambda: seconds_after_a_kill(empty, seconds),
            rounds,
        )


def _write_ahead_log(parent: Path, empty: Path, rounds: int, seconds: float) -> Result:
    def start() -> float:
        with _folder(parent / "copy") as copy:
            shutil.copytree(left, copy)
            return _seconds_to_ready(copy)

    with _folder(parent / "left") as left:
        prepare(left, Wanted())
        size = prepare_unfinished(left, _WAL_EVENTS)
        note = f"{size / 1e6:.0f} MB are copied to the database before it is ready."
        return _compare(
            "recovery WAL", start, lambda: seconds_after_a_kill(empty, seconds), rounds, note
        )


def _compare(
    bar: str,
    full: Callable[[], float],
    empty: Callable[[], float],
    rounds: int,
    note: str = "",
) -> Result:
    columns: dict[str, list[float]] = {_WITHOUT: [], _WITH: []}
    for _ in range(rounds):
        columns[_WITH].append(full())
        columns[_WITHOUT].append(empty())
    return judge(BARS[bar], columns, lambda of: of[_WITH] / of[_WITHOUT], note)


def seconds_after_a_kill(folder: Path, load_seconds: float) -> float:
    """Load a server, kill it, and start another on what it left."""
    with server(folder, *OPTIONS) as running:
        _load(running, load_seconds)
        os.kill(running.pid, signal.SIGKILL)
    return _seconds_to_ready(folder)


def _seconds_to_ready(folder: Path) -> float:
    started = time.perf_counter()
    with server(folder, *OPTIONS):
        return time.perf_counter() - started


def _load(running: Server, seconds: float) -> None:
    load = wrk(
        f"{running.http}{PATH}",
        EVENT.array(0, 10),
        {"Content-Type": "application/json", "aeg-sas-key": running.topic_key},
        connections=16,
        seconds=seconds,
    )
    if load.refused:
        raise WrongDeliveryError(f"{load.refused} of {load.requests} publishes were refused")


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """A path whose folder is gone afterwards."""
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
