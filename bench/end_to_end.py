"""T7, T8, T17: how many events a second go from their publisher to their webhook, on one core?

The floor is what one core could do that spent no more on a request than nginx, which answers 200
to everything, and no more on a delivery than wrk. It neither stores nor matches anything.
"""

from collections.abc import Mapping

import msgspec

from bench.bars import BARS
from bench.flow import (
    Floor,
    Flow,
    busy_note,
    columns_of,
    floor,
    flow,
    flow_server,
    job,
    repeated,
    warm,
    webhooks,
)
from bench.model import Result, judge

_BATCH = 50
_FLOOR, _OURS = "floor, events/s", "delivered, events/s"
_USER, _KERNEL = "user CPU us/event", "kernel CPU us/event"
_LOAD_CPU, _BUSY = "CPU of the load us/event", "busy part of the load"
_NGINX, _WRK = "nginx, us/request", "wrk, us/POST"
_WITH, _WITHOUT = "with history, events/s", "without, events/s"
_WITH_CPU, _WITHOUT_CPU = "with history, CPU us/event", "without, CPU us/event"


def measure_single(rounds: int, seconds: float) -> list[Result]:
    """T7, one event a request."""

    def one() -> dict[str, float]:
        return _figures(floor(1, seconds), 1, _flow(1, seconds))

    return [_judged("T7 1-event", repeated(rounds, one))]


def measure_hundred(rounds: int, seconds: float) -> list[Result]:
    """T7 and T8, a hundred events a request."""

    alone, batches = [], []
    for _ in range(rounds):
        limit = floor(100, seconds)
        batches.append(_figures(limit, 100, _flow(100, seconds, batch=_BATCH)))
        alone.append(_figures(limit, 100, _flow(100, seconds)))
    return [_judged("T7 100-event", columns_of(alone)), _judged("T8", columns_of(batches))]


def measure_history(rounds: int, seconds: float) -> list[Result]:
    """T17: one event a request, with the history of attempts at its default and without."""

    def one() -> dict[str, float]:
        with_history = _flow(1, seconds)
        without = _flow(1, seconds, history=False)
        return {
            _WITHOUT: without.per_second,
            _WITH: with_history.per_second,
            _WITHOUT_CPU: without.cpu_us,
            _WITH_CPU: with_history.cpu_us,
        }

    columns = repeated(rounds, one)
    return [judge(BARS["T17"], columns, lambda found: found[_WITH] / found[_WITHOUT])]


def _flow(events: int, seconds: float, *, batch: int = 1, history: bool = True) -> Flow:
    hooks = webhooks(batch=batch)
    options = () if history else ("--attempt-history-bytes", "0")
    with flow_server(hooks, *options) as running:
        warm(running, hooks, events)
        return flow(running, job(running, hooks, seconds=seconds, events=events))


def _figures(limit: Floor, events: int, found: Flow) -> dict[str, float]:
    return {
        _FLOOR: limit.per_second(events),
        _OURS: found.per_second,
        _USER: found.user_us,
        _KERNEL: found.kernel_us,
        _LOAD_CPU: found.load_us,
        _BUSY: found.load_busy,
        _NGINX: limit.request_us,
        _WRK: limit.post_us,
    }


def _judged(number: str, columns: Mapping[str, list[float]]) -> Result:
    result = judge(BARS[number], columns, lambda found: found[_OURS] / found[_FLOOR])
    names = (_USER, _KERNEL, _WRK, _BUSY)
    user, kernel, wrk, busy = (result.medians[each] for each in names)
    limit = 1e6 / result.medians[_FLOOR]
    ours = (user + kernel) * result.medians[_OURS] / 1e6
    note = (
        f"An event costs {user:.1f} us of CPU in our process and {kernel:.1f} us in the kernel; of "
        f"the floor's {limit:.1f} us, wrk's POST is {wrk:.1f}. By CPU time alone: "
        f"{limit / (user + kernel):.2f}. The server was busy for {ours:.0%} of the time. "
        f"{busy_note(busy)}"
    )
    return msgspec.structs.replace(result, note=note)
