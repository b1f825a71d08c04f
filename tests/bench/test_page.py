"""Does docs/reference/performance.md say what was measured?"""

import msgspec

from bench import chart, page, report
from bench.bars import BARS
from bench.model import judge
from tests.bench.builders import a_result

RESULTS = page.ROOT / "bench/results"
REFERENCE = page.ROOT / "docs/reference"
MACHINE = {"date": "2026-11-21", "processor": "Some, 2 cores"}


def test_page_and_chart_are_up_to_date() -> None:
    """`make reference` was run after the last change of a bar, a result or the words."""
    results = list(report.read(RESULTS / "latest.json").values())
    machine = msgspec.json.decode((RESULTS / "machine.json").read_bytes(), type=dict[str, str])

    assert (REFERENCE / "performance.md").read_text() == page.text(results, machine)
    assert (REFERENCE / "performance.svg").read_text() == chart.svg(results)
    assert (RESULTS / "latest.svg").read_text() == chart.svg(results)


def test_committed_results_are_those_of_the_bars() -> None:
    """Who changes what a bar demands measures it again, or at least judges it again."""
    for each in report.read(RESULTS / "latest.json").values():
        bar = BARS[each.bar]
        assert (each.what, each.must, each.ambition) == (bar.what, bar.must, bar.ambition)
        assert each.met is (None if bar.must is None else bar.holds(each.ratio, bar.must))


def test_page_lists_each_bar_with_its_must() -> None:
    """Also one that was not measured, and says so."""
    text = page.text([a_result()], MACHINE)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    musts = {cells[0].removeprefix("| "): cells[6] for cells in rows if len(cells) == 9}

    for bar in BARS.values():
        if bar.must is not None:
            assert musts[bar.number] == report.bound(bar.must, bar)
    assert "Not measured in this run: T1, T2, T4" in text


def test_page_says_what_fell_short() -> None:
    """In its first lines, by name."""
    text = page.text([a_result(ours=(20.0,))], MACHINE)

    assert "**T3 fell short.**" in text
    assert "| NO |" in text


def test_page_says_where_the_time_goes_and_on_which_machine() -> None:
    """Medians, the note of the measurement, facts."""
    text = page.text([a_result()], MACHINE)

    assert "- **T3**: Most of it in the kernel.\n" in text
    assert "| T3 | 3 | nginx, requests/s 100; Switchhook, requests/s 40.0 |\n" in text
    assert "| processor | Some, 2 cores |" in text


def test_page_begins_with_the_figures_that_people_ask_for() -> None:
    """In sentences; one whose figures were not all measured is left out."""
    columns = {"bare Python, s": [0.1], "Switchhook, s": [0.3]}
    start = judge(BARS["start"], columns, lambda found: found["Switchhook, s"])
    idle = judge(BARS["idle"], {"Switchhook, MB": [50.0]}, lambda found: found["Switchhook, MB"])

    assert "is ready 0.300 s after it was started on a new data folder, and holds 50.0 MB" in (
        page.text([start, idle], MACHINE)
    )
    assert "after it was started" not in page.text([start], MACHINE)
