"""T9: how long does an event take from its publication to its delivery, at 500 a second?

Nobody waits for the event before. The limit is what the steps of such a way take by themselves: two
POSTs, from the same client to its own webhook, and between them an append to a file and its sync,
each at the same pace. One clock times all.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.bars import BARS
from bench.flow import EXPECTED, JSON, flow_server, job, repeated, run, warm, webhooks
from bench.job import Job
from bench.machine import free_port
from bench.model import Result, judge

_PER_SECOND = 500
_CONNECTIONS = 16
_SYNCED = b"x" * 1024
_PERCENTILES = (50, 99)


def measure(rounds: int, seconds: float) -> list[Result]:
    """T9, for the median and for the 99th percentile."""
    columns = repeated(rounds, lambda: _one(seconds))
    return [_judged(percentile, columns) for percentile in _PERCENTILES]


def _one(seconds: float) -> dict[str, float]:
    ways = {"POST": bare_posts(seconds), "fdatasync": syncs(seconds), "delivered": _flow(seconds)}
    return {
        f"{what} p{percentile}, ms": at(found, percentile) * 1e3
        for what, found in ways.items()
        for percentile in _PERCENTILES
    }


def at(latencies: Sequence[float], percentile: int) -> float:
    """The latency that so many of a hundred do not exceed."""
    return statistics.quantiles(latencies, n=100, method="inclusive")[percentile - 1]


def _flow(seconds: float) -> list[float]:
    hooks = webhooks()
    with flow_server(hooks) as running:
        warm(running, hooks, 1)
        work = job(
            running,
            hooks,
            seconds=seconds,
            events=1,
            connections=_CONNECTIONS,
            per_second=_PER_SECOND,
        )
        return run(work).latencies


def bare_posts(seconds: float) -> list[float]:
    """One way of each: from the client to the webhook of the same process."""
    port = free_port()
    work = Job(
        port=port,
        path="/0",
        headers=JSON,
        published=EXPECTED,
        expected=EXPECTED,
        webhook_ports=[port],
        seconds=seconds,
        connections=_CONNECTIONS,
        per_second=_PER_SECOND,
    )
    return run(work).latencies


def syncs(seconds: float) -> list[float]:
    """Each appends a kilobyte to a file and makes it durable."""
    found = []
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("ab", 0) as file:
        due = time.perf_counter()
        until = due + seconds
        while due < until:
            time.sleep(max(0.0, due - time.perf_counter()))
            started = time.perf_counter()
            file.write(_SYNCED)
            os.fdatasync(file.fileno())
            found.append(time.perf_counter() - started)
            due += 1 / _PER_SECOND
    return found


def _judged(percentile: int, columns: dict[str, list[float]]) -> Result:
    post, sync, ours = (f"{what} p{percentile}, ms" for what in ("POST", "fdatasync", "delivered"))
    own = {name: columns[name] for name in (post, sync, ours)}
    limit = f"two POSTs and a sync p{percentile}, ms"
    steps = [
        2 * one_post + one_sync for one_post, one_sync in zip(own[post], own[sync], strict=True)
    ]
    own = {limit: steps, ours: own[ours], post: own[post], sync: own[sync]}
    result = judge(BARS[f"T9 p{percentile}"], own, lambda found: found[ours] / found[limit])
    note = (
        f"{result.medians[ours]:.2f} ms from the publisher's write to the webhook's read; "
        f"a POST takes {result.medians[post]:.3f} ms, a sync {result.medians[sync]:.3f} ms."
    )
    return msgspec.structs.replace(result, note=note)
