"""Are the rounds spread over the whole run, and put together again?"""

from bench.bars import BARS
from bench.measurements import Measurement
from bench.model import Result, merged
from bench.schedule import schedule
from tests.bench.builders import a_result


def nothing(rounds: int, seconds: float) -> list[Result]:
    """A measurement that is only scheduled."""
    raise NotImplementedError


def test_rounds_of_what_is_spread_are_apart() -> None:
    """What cannot be divided is measured in between, all of it once."""
    spread = [Measurement((name,), nothing, is_spread=True) for name in ("T3", "T6")]
    whole = [Measurement((name,), nothing) for name in ("T13", "start", "explain", "SMS")]
    once = Measurement(("T11 lost",), nothing, most_rounds=1)

    parts = [
        (part.measurement.bars[0], part.rounds) for part in schedule([*spread, *whole, once], 3)
    ]

    both = [("T3", 1), ("T6", 1)]
    assert parts == [
        *both,
        ("T13", 3),
        *both,
        ("start", 3),
        ("explain", 3),
        *both,
        ("SMS", 3),
        ("T11 lost", 1),
    ]


def test_rounds_that_were_apart_make_one_result() -> None:
    """As if they had been measured together, with the note of the middle one."""
    together = a_result(ours=(40.0, 20.0, 38.0))
    apart = [a_result(ours=(each,)) for each in (40.0, 20.0, 38.0)]

    assert merged(BARS["T3"], apart) == together


def test_bar_is_judged_by_the_middle() -> None:
    """One good round does not make it hold."""
    found = merged(BARS["T3"], [a_result(ours=(each,)) for each in (40.0, 20.0, 21.0)])

    assert (found.met, found.met_ambition) == (False, False)
