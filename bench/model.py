"""What is a bar, and what came of measuring it?"""

import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec

# Columns by their names, with the unit at the end ("nginx, requests/s"); one number for each round.
# The first is the limit's, the second ours; what explains them (CPU time) comes after.
Rounds = Mapping[str, Sequence[float]]


class Bar(msgspec.Struct, frozen=True):
    """What a ratio must reach (or, with `is_ceiling`, must not exceed), and what it should.

    A figure without `must` is told and not judged. One that `is_plain` is no ratio: it has the unit
    that `what` says, and no limit.
    """

    number: str
    what: str
    must: float | None = None
    ambition: float | None = None
    is_ceiling: bool = False
    is_plain: bool = False

    def holds(self, ratio: float, bound: float) -> bool:
        """Whether a ratio is on the right side of a bound."""
        return ratio <= bound if self.is_ceiling else ratio >= bound


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A bar and its ratio: the median of those of all rounds, which lie between `low` and `high`.

    `rounds` has what they were computed from, `medians` the median of each column. `met` is None
    where there is nothing to meet; `note` says for people where the time goes, or what is special.
    """

    bar: str
    what: str
    ratio: float
    low: float
    high: float
    must: float | None
    ambition: float | None
    met: bool | None
    met_ambition: bool | None
    medians: dict[str, float]
    rounds: dict[str, list[float]]
    note: str = ""


def judge(
    bar: Bar, rounds: Rounds, ratio: Callable[[Mapping[str, float]], float], note: str = ""
) -> Result:
    """The result of a bar: `ratio` computes one from the columns of one round."""
    names = list(rounds)
    each = [
        ratio(dict(zip(names, values, strict=True)))
        for values in zip(*rounds.values(), strict=True)
    ]
    middle = statistics.median(each)
    return Result(
        bar=bar.number,
        what=bar.what,
        ratio=middle,
        low=min(each),
        high=max(each),
        must=bar.must,
        ambition=bar.ambition,
        met=None if bar.must is None else bar.holds(middle, bar.must),
        met_ambition=None if bar.ambition is None else bar.holds(middle, bar.ambition),
        medians={name: statistics.median(values) for name, values in rounds.items()},
        rounds={name: list(values) for name, values in rounds.items()},
        note=note,
    )


def merged(bar: Bar, parts: Sequence[Result]) -> Result:
    """The result of rounds that were measured one by one; the note is that of the round in the
    middle."""
    ordered = sorted(parts, key=lambda each: each.ratio)
    middle = ordered[(len(ordered) - 1) // 2]
    columns = {
        name: [value for each in parts for value in each.rounds[name]] for name in middle.rounds
    }
    ratio = statistics.median(each.ratio for each in parts)
    return msgspec.structs.replace(
        middle,
        ratio=ratio,
        low=min(each.low for each in parts),
        high=max(each.high for each in parts),
        met=None if bar.must is None else bar.holds(ratio, bar.must),
        met_ambition=None if bar.ambition is None else bar.holds(ratio, bar.ambition),
        medians={name: statistics.median(values) for name, values in columns.items()},
        rounds=columns,
    )


class WrongDeliveryError(Exception):
    """A benchmark lost an acknowledged event, or delivered it otherwise than it was published."""
