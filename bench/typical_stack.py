"""T16: how many times the rate of the usual parts is ours, end to end, an event a request?"""

import contextlib
import os
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench.bars import BARS
from bench.loading import ROOT, Loader, bench_tool, loading, storage_event
from bench.machine import MEASURED, cpu_seconds, free_port, process, server, wait_for_port
from bench.model import Result, judge
from bench.round_trips import Order, RoundTrips
from switchhook.defaults import TOPIC_NAME

CONNECTIONS = 64


@contextlib.contextmanager
def typical(folder: Path, webhook: str) -> Iterator[tuple[str, int]]:
    """The typical stack with one subscription: where it takes events, and its process id."""
    port = free_port()
    command = [
        bench_tool("python"),
        *("-m", "uvicorn", "--factory", "bench.typical.app:create_app"),
        *("--loop", "uvloop", "--http", "httptools", "--workers", "1"),
        *("--no-access-log", "--log-level", "warning", "--port", str(port)),
    ]
    environment = {**os.environ, "TYPICAL_DATABASE": str(folder / "typical.db")}
    with process(command, MEASURED, cwd=ROOT, env=environment) as child:
        wait_for_port(port)
        origin = f"http://127.0.0.1:{port}"
        _post(f"{origin}/subscriptions", {"endpoint": webhook})
        yield f"{origin}/events", child.pid


def _post(url: str, body: object) -> None:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, msgspec.json.encode(body), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass


def subscribed(webhook: str) -> str:
    """The configuration of a server whose default topic has one event subscription."""
    return f"""
[[subscriptions]]
name = "bench"
topic = "{TOPIC_NAME}"
endpoint = "{webhook}"
validate = false
"""


def measure(rounds: int, seconds: float) -> list[Result]:
    """Both in turn, each on the first core; what loads them is on the second."""
    ours: list[float] = []
    theirs: list[float] = []
    costs: dict[str, list[float]] = {"our us/event": [], "their us/event": []}
    with loading() as loader:
        for _ in range(rounds):
            run, cost = _run_ours(loader, seconds)
            ours.append(run.per_second)
            costs["our us/event"].append(cost)
            run, cost = _run_theirs(loader, seconds)
            theirs.append(run.per_second)
            costs["their us/event"].append(cost)
    columns: dict[str, Sequence[float]] = {"their events/s": theirs, "our events/s": ours, **costs}
    return [
        judge(
            BARS["T16"],
            columns,
            lambda row: row["our events/s"] / row["their events/s"],
            note="Their time goes to validation, to SQL that is built for each row, and to httpx.",
        )
    ]


def _run_ours(loader: Loader, seconds: float) -> tuple[RoundTrips, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder), config=subscribed(loader.webhook)) as running,
    ):
        order = Order(
            url=f"{running.http}/topics/{running.topic}/api/events",
            body=storage_event(),
            headers={"aeg-sas-key": running.topic_key},
            connections=CONNECTIONS,
            seconds=seconds,
        )
        return _timed(loader, order, running.pid)


def _run_theirs(loader: Loader, seconds: float) -> tuple[RoundTrips, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        typical(Path(folder), loader.webhook) as (url, pid),
    ):
        order = Order(url=url, body=storage_event(), connections=CONNECTIONS, seconds=seconds)
        return _timed(loader, order, pid)


def _timed(loader: Loader, order: Order, pid: int) -> tuple[RoundTrips, float]:
    """A run after a short one that warms up, and the processor's microseconds for each event."""
    loader.run(msgspec.structs.replace(order, seconds=min(0.5, order.seconds)))
    before = cpu_seconds(pid)
    run = loader.run(order)
    return run, (cpu_seconds(pid) - before) / run.acknowledged * 1e6
