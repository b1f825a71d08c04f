"""Results to write down."""

from collections.abc import Sequence

from bench.bars import BARS
from bench.model import Result, judge


def a_result(
    bar: str = "T3", ours: Sequence[float] = (40.0, 42.0, 38.0), limit: float = 100.0
) -> Result:
    """What came of a bar in these rounds; the limit was the same in all."""
    columns = {"nginx, requests/s": [limit] * len(ours), "Switchhook, requests/s": list(ours)}
    return judge(
        BARS[bar],
        columns,
        lambda found: found["Switchhook, requests/s"] / found["nginx, requests/s"],
        "Most of it in the kernel.",
    )
