"""Which bars does a run measure, and what if one cannot be?"""

import itertools

import msgspec
import pytest

from bench.__main__ import main
from bench.bars import BARS
from bench.measurements import MEASUREMENTS, Measurement, quick, wanted
from bench.model import Result, WrongDeliveryError
from bench.run import Run
from bench.schedule import schedule
from bench.steadiness import Steadiness
from tests.bench.builders import a_result


def test_each_bar_is_measured_once() -> None:
    """And no measurement is of a bar that nobody knows."""
    measured = [number for each in MEASUREMENTS for number in each.bars]

    assert len(measured) == len(set(measured))
    assert set(measured) <= set(BARS)


def test_bars_are_told_apart_by_number_and_words() -> None:
    """The number is the key of the results; a must without room above it has no ambition beyond."""
    for number, bar in BARS.items():
        assert bar.number == number
        if bar.must is not None and bar.ambition is not None:
            assert bar.holds(bar.ambition, bar.must)
    assert len({bar.what for bar in BARS.values()}) == len(BARS)


def test_wanted_bars_bring_those_that_are_measured_with_them() -> None:
    """T3 and T1 share their rounds of nginx."""
    (found,) = wanted(["T3"])

    assert "T3" in found.bars
    assert wanted([]) == list(MEASUREMENTS)


def test_unknown_bar_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is measured then."""
    assert main(["--only", "T99"]) == 2
    assert "there is no bar T99" in capsys.readouterr().err


def run_of(
    measurements: list[Measurement], rounds: int, steadiness: Steadiness | None = None
) -> tuple[list[Result], dict[str, str]]:
    """The results of a run, and its failures."""
    found = Run(1.0, steadiness or Steadiness())
    found.measure(schedule(measurements, rounds))
    return found.results(rounds), found.failures


def measured(rounds: int, seconds: float) -> list[Result]:
    """A measurement that takes no time."""
    assert (rounds, seconds) == (3, 1.0)
    return [a_result("T4"), a_result("T3")]


def wrong(rounds: int, seconds: float) -> list[Result]:
    """A measurement that finds something lost."""
    raise WrongDeliveryError(f"lost in {rounds} rounds of {seconds} s")


def test_quick_run_names_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that take minutes; the others are short."""
    slow = Measurement(("T11 lost", "T11 duplicates"), measured, is_slow=True)
    fast = Measurement(("T3",), measured)

    assert quick([msgspec.structs.replace(fast, longer=2), slow], is_named=False) == [fast]
    assert "leaves out T11 lost, T11 duplicates\n" in capsys.readouterr().out


def test_quick_run_measures_what_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """However long that takes."""
    slow = Measurement(("T11 lost", "T11 duplicates"), measured, is_slow=True)

    assert quick([slow], is_named=True) == [slow]
    assert not capsys.readouterr().out


def test_results_stand_in_the_order_of_the_bars() -> None:
    """However they were measured."""
    results, failures = run_of([Measurement(("T3", "T4"), measured)], 3)

    assert [each.bar for each in results] == ["T3", "T4"]
    assert not failures


def test_fewer_rounds_than_others_have_are_told() -> None:
    """For measurements that take minutes."""
    results, _ = run_of([Measurement(("T3", "T4"), measured, most_rounds=3)], 5)

    assert {each.note for each in results} == {"Most of it in the kernel. 3 rounds only."}


def test_longer_parts_are_asked_for() -> None:
    """By what needs many events."""
    _, failures = run_of([Measurement(("T6",), wrong, longer=2)], 3)

    assert failures == {"T6": "WrongDeliveryError: lost in 3 rounds of 2.0 s"}


def test_measurement_that_fails_is_told_and_spares_the_others() -> None:
    """Minutes of other figures are not lost."""
    both = [Measurement(("T6",), wrong), Measurement(("T3", "T4"), measured)]
    results, failures = run_of(both, 3)

    assert [each.bar for each in results] == ["T3", "T4"]
    assert failures == {"T6": "WrongDeliveryError: lost in 3 rounds of 1.0 s"}


def test_what_was_disturbed_is_measured_again() -> None:
    """At the end, when it is known how quick the machine can be."""
    ends = itertools.chain.from_iterable((0.0, each) for each in (*[0.02] * 10, *[0.01] * 20))
    looks: list[float] = []

    def clock() -> float:
        looks.append(next(ends))
        return looks[-1]

    def early_or_late(rounds: int, seconds: float) -> list[Result]:
        return [a_result(ours=(20.0 if len(looks) <= 10 else 40.0,))]

    spread = Measurement(("T3",), early_or_late, is_spread=True)
    steadiness = Steadiness(10, clock=clock, sleep=lambda _: None)

    (result,), _ = run_of([spread], 2, steadiness)

    assert result.rounds["Switchhook, requests/s"] == [40.0, 40.0]


def test_measurement_of_other_bars_than_it_says_fails() -> None:
    """Two results of one bar would hide one of them."""
    results, failures = run_of([Measurement(("T3",), measured)], 3)

    assert not results
    assert failures == {"T3": "ValueError: results of T4, T3 instead of T3"}


@pytest.mark.parametrize("rounds", ["0", "-1", "many"])
def test_run_has_a_round(rounds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one there is no median."""
    with pytest.raises(SystemExit, match="2"):
        main(["--rounds", rounds])
    assert "--rounds" in capsys.readouterr().err
