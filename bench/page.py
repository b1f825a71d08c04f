"""`python -m bench.page`: write docs/reference/performance.md from the committed results."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

import msgspec

from bench import chart, report
from bench.bars import BARS, GROUPS
from bench.model import Bar, Result

ROOT = Path(__file__).parent.parent
_RESULTS = ROOT / "bench/results"
_REFERENCE = ROOT / "docs/reference"
_DELIVERED = "delivered, events/s"
# A sentence, and which bars and columns the figures in it are.
_PLAIN_FIGURES = (
    (
        "One core published, stored and delivered **{} events a second**, each in a request and "
        "in a POST of its own; {} where a request brings a hundred, {} where a POST takes fifty, "
        "too.",
        (("T7 1-event", _DELIVERED), ("T7 100-event", _DELIVERED), ("T8", _DELIVERED)),
    ),
    (
        "At 500 a second, half of the events were at their webhook after **{} ms**, 99 of 100 "
        "after {} ms; in between each was synced to the disk.",
        (("T9 p50", "delivered p50, ms"), ("T9 p99", "delivered p99, ms")),
    ),
    (
        "Without subscribers the server stored {} single events a second, or {} requests of a "
        "hundred.",
        (("T3", "durable, requests/s"), ("T4", "durable, requests/s")),
    ),
    (
        "A server is ready {} s after it was started on a new data folder, and holds {} MB while "
        "it has nothing to do.",
        (("start", "Switchhook, s"), ("idle", "Switchhook, MB")),
    ),
)


def write() -> None:
    """The page and its chart."""
    results = list(report.read(_RESULTS / "latest.json").values())
    machine = msgspec.json.decode((_RESULTS / "machine.json").read_bytes(), type=dict[str, str])
    (_REFERENCE / "performance.md").write_text(text(results, machine))
    (_REFERENCE / "performance.svg").write_text(chart.svg(results))


def text(results: Sequence[Result], machine: dict[str, str]) -> str:
    """The page: what people wrote in `page.md`, with the tables put in."""
    found = {each.bar: each for each in results}
    judged = [each for each in BARS.values() if each.must is not None]
    chapters = {name: "\n".join(_chapter(bars, found)) for name, bars in GROUPS.items()}
    return Template((Path(__file__).parent / "page.md").read_text()).substitute(
        chapters,
        verdict=_verdict(judged, found),
        plainly=_plainly(found),
        figures="\n".join(_figures(results)),
        machine="\n".join(_machine(machine)),
    )


def _verdict(judged: Sequence[Bar], found: dict[str, Result]) -> str:
    missed = [
        each.number for each in judged if each.number in found and found[each.number].met is False
    ]
    unknown = [each.number for each in judged if each.number not in found]
    measured = len(judged) - len(unknown)
    sentences = [f"{measured - len(missed)} of {measured} measured bars hold."]
    if missed:
        sentences.append(f"**{', '.join(missed)} fell short.**")
    if unknown:
        sentences.append(f"Not measured in this run: {', '.join(unknown)}.")
    return " ".join(sentences)


def _plainly(found: dict[str, Result]) -> str:
    """The figures that people ask for first, in sentences; only those that were measured."""
    return " ".join(
        sentence.format(*(report.number(found[bar].medians[column]) for bar, column in figures))
        for sentence, figures in _PLAIN_FIGURES
        if all(bar in found and column in found[bar].medians for bar, column in figures)
    )


def _chapter(bars: Sequence[Bar], found: dict[str, Result]) -> Iterator[str]:
    """The table of some bars, and what is to be said of each."""
    yield "| bar | what | limit | ours | ratio | spread | must | ambition | met |"
    yield "| --- | --- | --: | --: | --: | --: | --: | --: | --- |"
    for bar in bars:
        result = found.get(bar.number)
        if result is None:
            cells = ["", "", "", "", report.bound(bar.must, bar), "", "not measured"]
        else:
            cells = [*report.row(result)[1:-1]]
        yield f"| {bar.number} | {bar.what} | {' | '.join(cells)} |"
    yield ""
    for bar in bars:
        if bar.number in found and (note := found[bar.number].note):
            yield f"- **{bar.number}**: {note}"


def _figures(results: Sequence[Result]) -> Iterator[str]:
    """What each ratio was computed from."""
    yield "| bar | rounds | medians |"
    yield "| --- | --: | --- |"
    for each in results:
        rounds = report.count(each)
        yield f"| {each.bar} | {rounds} | {report.medians(each)} |"


def _machine(machine: dict[str, str]) -> Iterator[str]:
    yield "| | |"
    yield "| --- | --- |"
    for what, value in machine.items():
        yield f"| {what} | {value} |"


def main() -> int:
    """Write the page again, after a change of a bar or of the words."""
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
