"""What grows with the number of subscriptions, and of topics: the rate, the memory, the start?

Servers with few and with many of them run side by side and are loaded in turn. Each is told beside
the one with the fewest.
"""

from collections.abc import Mapping

from bench.bars import BARS, SUBSCRIPTIONS, TOPICS
from bench.grown import Grown, side_by_side
from bench.model import Result, judge
from bench.prepared import Wanted


def measure_subscriptions(rounds: int, seconds: float) -> list[Result]:
    """Idle ones of one topic."""
    sizes = {size: Wanted(subscriptions=size) for size in SUBSCRIPTIONS}
    return _curve("subscriptions", sizes, rounds, seconds)


def measure_topics(rounds: int, seconds: float) -> list[Result]:
    """Topics with a subscription each, beside the one that is loaded."""
    sizes = {size: Wanted(topics=size - 1) for size in TOPICS}
    return _curve("topics", sizes, rounds, seconds)


def _curve(what: str, sizes: Mapping[int, Wanted], rounds: int, seconds: float) -> list[Result]:
    rates: dict[int, list[float]] = {size: [] for size in sizes}
    cpu: dict[int, list[float]] = {size: [] for size in sizes}
    with side_by_side(sizes) as servers:
        for _ in range(rounds):
            for size, each in servers.items():
                flow = each.load(seconds)
                rates[size].append(flow.per_second)
                cpu[size].append(flow.cpu_us)
    fewest = min(sizes)
    return [
        _point(what, size, rates[size], rates[fewest], servers[size], min(cpu[size]))
        for size in sizes
        if size != fewest
    ]


def _point(
    what: str, size: int, rates: list[float], of_fewest: list[float], at: Grown, cpu_us: float
) -> Result:
    note = (
        f"Ready after {at.ready_seconds:.2f} s, then {at.megabytes:.0f} MB held; "
        f"{cpu_us:.1f} us of CPU an event at best."
    )
    columns = {"with the fewest, events/s": of_fewest, "events/s": rates}
    return judge(
        BARS[f"{what} {size:,}"],
        columns,
        lambda of: of["events/s"] / of["with the fewest, events/s"],
        note,
    )
