"""How are results told, kept and compared?"""

from pathlib import Path

import msgspec
import pytest

from bench import report
from bench.bars import BARS
from bench.model import Bar, Result, judge
from tests.bench.builders import a_result


def test_table_has_the_figures_of_a_bar() -> None:
    """Limit, ours, ratio, spread, must, ambition and verdict stand in one line."""
    _, line = report.table([a_result()]).splitlines()

    assert line.split()[:9] == [
        "T3",
        "100",
        "40.0",
        "0.400",
        "0.380..0.420",
        ">=",
        "0.28",
        "reached",
        "yes",
    ]
    assert line.endswith(BARS["T3"].what)


def test_bar_without_a_limit_has_one_column() -> None:
    """Megabytes are beside nothing."""
    result = judge(BARS["idle"], {"Switchhook, MB": [60.0]}, lambda found: found["Switchhook, MB"])

    assert report.row(result)[1:4] == ("", "60.0", "60.0")


@pytest.mark.parametrize(
    ("bar", "ours", "told"),
    [("T3", 19.0, "50% of 0.38"), ("T9 p50", 280.0, "50% of 1.4"), ("T9 p50", 140.0, "reached")],
)
def test_ambition_is_told_as_the_part_that_is_reached(bar: str, ours: float, told: str) -> None:
    """Also of what must stay small."""
    assert report.ambition(a_result(bar, (ours,))) == told


def test_bar_that_falls_short_is_said() -> None:
    """With what it must reach."""
    (sentence,) = report.shortfalls([a_result(ours=(20.0,)), a_result("T4")])

    assert sentence.startswith("T3 FALLS SHORT: 0.200, must be >= 0.28")


def compared(now: Result, was: Result) -> str:
    """The line of the comparison."""
    line, _ = report.compare([now], {was.bar: was})
    return line


def test_comparison_shows_both() -> None:
    """Within the spread nothing more is said."""
    line = compared(a_result(ours=(41.0, 43.0, 45.0)), a_result(ours=(39.0, 41.0, 42.0)))

    assert line.split(maxsplit=1)[1].strip() == "was 0.410, now 0.430"


@pytest.mark.parametrize(
    ("bar", "was", "now", "word"),
    [
        ("T3", (40.0, 41.0, 42.0), (36.0, 37.0, 38.0), "WORSE"),
        ("T3", (36.0, 37.0, 38.0), (40.0, 41.0, 42.0), "better"),
        ("T9 p50", (140.0, 145.0, 150.0), (160.0, 165.0, 170.0), "WORSE"),
        ("T9 p50", (160.0, 165.0, 170.0), (140.0, 145.0, 150.0), "better"),
    ],
)
def test_what_leaves_both_spreads_is_said(
    bar: str, was: tuple[float, ...], now: tuple[float, ...], word: str
) -> None:
    """What is better depends on whether the bar is a ceiling."""
    assert f"  {word}: beyond the spread of both" in compared(
        a_result(bar, now), a_result(bar, was)
    )


@pytest.mark.parametrize(
    ("now", "said"), [((48.0,), ""), ((60.0,), "  differs; too few rounds to tell why")]
)
def test_few_rounds_judge_nothing(now: tuple[float, ...], said: str) -> None:
    """One round has no spread that another could leave."""
    assert compared(a_result(ours=now), a_result()).partition("now")[2][6:] == said


def test_comparison_counts_what_agrees() -> None:
    """A run that was repeated should agree with itself."""
    now, was = [a_result(), a_result("T4", (20.0,))], {"T3": a_result(), "T4": a_result("T4")}

    assert list(report.compare(now, was))[-1] == "1 of 2 agree within the spread"


def test_bar_that_is_new_is_not_compared() -> None:
    """There is nothing beside it."""
    assert list(report.compare([a_result()], {})) == []


def test_json_is_a_list_that_can_be_read_again(tmp_path: Path) -> None:
    """Each has the members that programs look for."""
    result = a_result()
    file = tmp_path / "latest.json"
    file.write_bytes(report.to_json([result]))
    (found,) = msgspec.json.decode(file.read_bytes())

    assert report.read(file) == {"T3": result}
    assert found["met"] is True
    assert set(found) >= {"bar", "what", "ratio", "must", "ambition", "met", "medians", "rounds"}


def test_no_run_before_is_no_results(tmp_path: Path) -> None:
    """The first run has nothing to compare with."""
    assert report.read(tmp_path / "latest.json") == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (0.00004, "4.0e-05"),
        (0.4126, "0.413"),
        (1.5, "1.50"),
        (52.31, "52.3"),
        (121033.4, "121,033"),
    ],
)
def test_figures_are_short(value: float, text: str) -> None:
    """Three digits, or all that stand before the point."""
    assert report.number(value) == text


def test_bound_says_its_direction() -> None:
    """A ceiling is not a floor."""
    assert report.bound(0.28, BARS["T3"]) == ">= 0.28"
    assert report.bound(2, Bar("T", "what", is_ceiling=True)) == "<= 2"
    assert report.bound(None, Bar("T", "what")) == ""
