"""How are results written down: as a table, as JSON, and beside those of the run before?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.bars import BARS
from bench.model import Bar, Result

# Fewer rounds say little of how far a figure spreads; theirs agree when they differ by less.
_TELLING_ROUNDS = 3
_NEAR = 0.2
_HEAD = ("bar", "limit", "ours", "ratio", "low..high", "must", "ambition", "met", "what")


def number(value: float) -> str:
    """A figure for people: three digits, more only where they stand before the point."""
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    digits = next(
        (places for bound, places in ((1, 3), (10, 2), (100, 1)) if abs(value) < bound), 0
    )
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits == 3 and not value else text


def bound(value: float | None, bar: Bar) -> str:
    """What must be reached or not exceeded."""
    if value is None:
        return ""
    return f"{'<=' if bar.is_ceiling else '>='} {value:g}"


def met(result: Result) -> str:
    """Whether the bar holds."""
    return {True: "yes", False: "NO", None: ""}[result.met]


def ambition(result: Result) -> str:
    """How far the ambition is: reached, or which part of it."""
    if result.ambition is None:
        return ""
    if result.met_ambition:
        return "reached"
    bar = BARS[result.bar]
    parts = (result.ambition, result.ratio) if bar.is_ceiling else (result.ratio, result.ambition)
    return f"{parts[0] / parts[1]:.0%} of {result.ambition:g}"


def row(result: Result) -> tuple[str, ...]:
    """A result in the columns of the table."""
    limit, ours = _two(result)
    return (
        result.bar,
        limit,
        ours,
        number(result.ratio),
        f"{number(result.low)}..{number(result.high)}",
        bound(result.must, BARS[result.bar]),
        ambition(result),
        met(result),
        result.what,
    )


def _two(result: Result) -> tuple[str, str]:
    """The limit's figure and ours; a plain figure has no limit."""
    if BARS[result.bar].is_plain:
        return "", number(result.ratio)
    limit, ours, *_ = result.medians.values()
    return number(limit), number(ours)


def table(results: Sequence[Result]) -> str:
    """The results for a terminal."""
    rows = [_HEAD, *map(row, results)]
    widths = [max(len(each[column]) for each in rows) for column in range(len(_HEAD))]
    return "\n".join(_line(each, widths) for each in rows)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *middle, last = zip(cells, widths, strict=True)
    aligned = (cell.rjust(width) for cell, width in middle)
    return "  ".join([first[0].ljust(first[1]), *aligned, last[0]]).rstrip()


def tell(results: Sequence[Result]) -> int:
    """Print the results and what they come from; answer 1 when a bar falls short."""
    print(f"\n{table(results)}\n")
    for result in results:
        print(f"{result.bar}: {medians(result)}")
        if result.note:
            print(f"    {result.note}")
    print()
    for line in shortfalls(results):
        print(line)
    return 1 if any(each.met is False for each in results) else 0


def medians(result: Result) -> str:
    """What a ratio was computed from, in words."""
    return "; ".join(f"{column} {number(value)}" for column, value in result.medians.items())


def shortfalls(results: Iterable[Result]) -> Iterator[str]:
    """The bars that are missed, each in a sentence."""
    for each in results:
        if each.met is False:
            must = bound(each.must, BARS[each.bar])
            yield f"{each.bar} FALLS SHORT: {number(each.ratio)}, must be {must}: {each.what}"


def compare(results: Iterable[Result], before: Mapping[str, Result]) -> Iterator[str]:
    """Each ratio beside that of the run before; said is what moved further than both spread."""
    pairs = [(before[now.bar], now) for now in results if now.bar in before]
    for was, now in pairs:
        line = f"{now.bar:16} was {number(was.ratio)}, now {number(now.ratio)}"
        yield line + _movement(BARS[now.bar], was, now)
    if pairs:
        yield f"{sum(_agree(*pair) for pair in pairs)} of {len(pairs)} agree within the spread"


def _agree(was: Result, now: Result) -> bool:
    """Whether what the rounds of one run spread over touches that of the other.

    Few rounds know nothing of their spread: their ratios agree when they are near each other.
    """
    if min(map(count, (was, now))) < _TELLING_ROUNDS:
        return abs(was.ratio - now.ratio) <= _NEAR * max(abs(was.ratio), abs(now.ratio))
    return was.low <= now.high and now.low <= was.high


def count(result: Result) -> int:
    """How many rounds there were."""
    return len(next(iter(result.rounds.values())))


def _movement(bar: Bar, was: Result, now: Result) -> str:
    if _agree(was, now):
        return ""
    if min(map(count, (was, now))) < _TELLING_ROUNDS:
        return "  differs; too few rounds to tell why"
    is_better = (now.ratio < was.ratio) is bar.is_ceiling
    word = "better" if is_better else "WORSE"
    return f"  {word}: beyond the spread of both ({_spread(was)}; {_spread(now)})"


def _spread(result: Result) -> str:
    return f"{number(result.low)}..{number(result.high)}"


def to_json(results: Sequence[Result]) -> bytes:
    """The results for programs, each figure with six digits at most."""
    short = [_short(msgspec.to_builtins(each)) for each in results]
    return msgspec.json.format(msgspec.json.encode(short), indent=1) + b"\n"


def _short(value: object) -> object:
    match value:
        case float():
            return float(f"{value:.6g}")
        case dict():
            return {name: _short(each) for name, each in value.items()}
        case list():
            return [_short(each) for each in value]
        case _:
            return value


def read(file: Path) -> dict[str, Result]:
    """The results of an earlier run, by bar; none where there was no run."""
    if not file.exists():
        return {}
    found = msgspec.json.decode(file.read_bytes(), type=list[Result])
    return {each.bar: each for each in found}
