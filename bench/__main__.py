"""`python -m bench`: measure every bar beside its limit, and write down what came of it."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench import chart, facts, page, report
from bench.machine import MissingToolError, check
from bench.measurements import quick, wanted
from bench.model import Result
from bench.run import Run
from bench.schedule import schedule
from bench.steadiness import Steadiness

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench/results"
_ELSEWHERE = ROOT / ".cache/bench"
_ROUNDS, _SECONDS = 5, 1.0
_PATIENCE_SECONDS = 900.0
_QUICK_ROUNDS, _QUICK_SECONDS = 2, 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer 1 when a bar could not be measured, or falls short in more than a quick run; 2 when
    nothing was measured."""
    options = _parser().parse_args(arguments)
    try:
        chosen = wanted(options.only)
        check()
    except (ValueError, MissingToolError) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    # Below /tmp there may be no disk.
    tempfile.tempdir = "/var/tmp" if Path("/var/tmp").is_dir() else None  # noqa: S108
    if options.quick:
        chosen = quick(chosen, is_named=bool(options.only))
    rounds = options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS)
    steadiness = Steadiness(0.0 if options.quick else options.patience)
    seconds = _QUICK_SECONDS if options.quick else _SECONDS
    run = Run(seconds, steadiness)
    run.measure(schedule(chosen, rounds))
    results, failures = run.results(rounds), run.failures
    is_whole = rounds >= _ROUNDS and not (options.quick or options.only or failures)
    status = report.tell(results)
    for line in _verdict(results, failures):
        print(line)
    _write(results, options.output or (RESULTS if is_whole else _ELSEWHERE), steadiness)
    return 1 if failures else 0 if options.quick else status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rounds", type=_count, metavar="N", help=f"default: {_ROUNDS}")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=(), metavar="BARS", help="T3,T7"
    )
    parser.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        default=_PATIENCE_SECONDS,
        help="how long to wait, in all, while others keep the machine busy; default: %(default)s",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="default: bench/results for a whole run, .cache/bench for any other",
    )
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def _verdict(results: Sequence[Result], failures: dict[str, str]) -> Iterator[str]:
    comparison = list(report.compare(results, report.read(RESULTS / "latest.json")))
    if comparison:
        yield from [f"beside the committed results, {_where_from()}:", *comparison, ""]
    for names, reason in failures.items():
        yield f"{names} COULD NOT BE MEASURED: {reason}"
    judged = [each for each in results if each.met is not None]
    yield f"{sum(each.met is True for each in judged)} of {len(judged)} bars hold"


def _where_from() -> str:
    """When and where the committed results were measured."""
    machine = msgspec.json.decode((RESULTS / "machine.json").read_bytes(), type=dict[str, str])
    return f"of {machine['date']} on {machine['processor']}"


def _write(results: Sequence[Result], folder: Path, steadiness: Steadiness) -> None:
    """The files of a run; those of a whole one are committed, with the page made from them."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.json").write_bytes(report.to_json(results))
    (folder / "latest.svg").write_text(chart.svg(results))
    about = facts.facts() | {"a fixed loop of Python took": str(steadiness)}
    found = msgspec.json.format(msgspec.json.encode(about), indent=1)
    (folder / "machine.json").write_bytes(found + b"\n")
    if folder == RESULTS:
        page.write()
    print(f"written to {folder}")


if __name__ == "__main__":
    sys.exit(main())
