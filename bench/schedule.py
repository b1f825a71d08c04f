"""In which order do the rounds of all measurements run?

A machine that others share is slow for minutes at a time. Rounds that follow each other would all
be slow then, or none; so those of a measurement that can be divided are spread over the whole run.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bench.measurements import Measurement


class Part(NamedTuple):
    """So many rounds of a measurement at a time."""

    measurement: Measurement
    rounds: int


def schedule(measurements: Sequence[Measurement], rounds: int) -> list[Part]:
    """All rounds of what is not spread, one of each that is in between."""
    spread = [each for each in measurements if each.is_spread]
    whole = [
        Part(each, min(rounds, each.most_rounds or rounds))
        for each in measurements
        if not each.is_spread
    ]
    parts: list[Part] = []
    for turn in range(rounds):
        parts += [Part(each, 1) for each in spread if turn < (each.most_rounds or rounds)]
        parts += whole[turn * len(whole) // rounds : (turn + 1) * len(whole) // rounds]
    return parts
