"""T14: does a slow disk slow down publishing a hundred events at a time, and their delivery?

Both sides run on a virtual file system of ours, which costs some CPU of its own; on one of them
every sync takes 5 ms longer. Publishers wait for syncs, so there must be enough of them: two groups
of commits, one that is written and one that gathers.
"""

import msgspec

from bench.bars import BARS
from bench.flow import Flow, flow, flow_server, job, repeated, warm, webhooks
from bench.model import Result, judge
from bench.slow_disk_server import VARIABLE

_SYNC_SECONDS = 0.005
_SLOW, _FAST = "disk + 5 ms, events/s", "without, events/s"
_SLOW_CPU, _FAST_CPU = "disk + 5 ms, CPU us/event", "without, CPU us/event"


def measure(rounds: int, seconds: float) -> list[Result]:
    """T14."""
    columns = repeated(rounds, lambda: _one(seconds))
    result = judge(BARS["T14"], columns, lambda found: found[_SLOW] / found[_FAST])
    slow, fast = result.medians[_SLOW_CPU], result.medians[_FAST_CPU]
    note = (
        f"An event costs {slow:.1f} us of CPU on the slow disk, {fast:.1f} us on the other: while "
        "a sync takes longer, more requests gather for the next one, and share its cost."
    )
    return [msgspec.structs.replace(result, note=note)]


def _one(seconds: float) -> dict[str, float]:
    slow, fast = _flow(seconds, _SYNC_SECONDS), _flow(seconds, 0.0)
    return {
        _FAST: fast.per_second,
        _SLOW: slow.per_second,
        _FAST_CPU: fast.cpu_us,
        _SLOW_CPU: slow.cpu_us,
    }


def _flow(seconds: float, sync_seconds: float) -> Flow:
    hooks = webhooks()
    environ = {VARIABLE: str(sync_seconds)}
    with flow_server(hooks, environ=environ, module="bench.slow_disk_server") as running:
        warm(running, hooks, 100)
        return flow(running, job(running, hooks, seconds=seconds, events=100))
