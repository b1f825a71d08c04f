"""How are all parts of a run measured, while the machine is calm if it can be waited for?"""

import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bench.bars import BARS
from bench.model import Result, merged
from bench.schedule import Part
from bench.steadiness import Steadiness
from bench.within import within

_MOST_SECONDS = 600.0  # of one part


class _Done(NamedTuple):
    """What came of a part, and how long the fixed loop took around it at most."""

    part: Part
    results: list[Result]
    loop: float


class Run:
    """Measures part after part, and once more what was disturbed; `failures` says why bars have no
    result."""

    def __init__(self, seconds: float, steadiness: Steadiness) -> None:
        """`seconds` is for a part of a round."""
        self._seconds = seconds
        self._steadiness = steadiness
        self._done: list[_Done] = []
        self.failures: dict[str, str] = {}

    def measure(self, parts: Sequence[Part]) -> None:
        """One that fails spares the others."""
        for part in parts:
            if part.measurement.names not in self.failures and (done := self._tried(part)):
                self._done.append(done)
        self._measure_again()

    def results(self, rounds: int) -> list[Result]:
        """One for each bar, in their order; those of fewer rounds say so."""
        found: dict[str, list[Result]] = {}
        for each in self._done:
            if each.part.measurement.names not in self.failures:
                for result in each.results:
                    found.setdefault(result.bar, []).append(result)
        return [_told_if_few(_whole(found[each]), rounds) for each in BARS if each in found]

    def _measure_again(self) -> None:
        """Only now it is known how quick the machine can be."""
        for place, before in enumerate(self._done):
            is_disturbed = not self._steadiness.is_calm_at(before.loop)
            if is_disturbed and before.part.measurement.is_spread and self._steadiness.has_patience:
                started = time.monotonic()
                now = self._tried(before.part)
                self._steadiness.hold_up(time.monotonic() - started)
                if now is not None and now.loop < before.loop:
                    self._done[place] = now

    def _tried(self, part: Part) -> _Done | None:
        """None if it failed: the others' figures are not to be lost after minutes of work."""
        loop, names = self._steadiness.wait(), part.measurement.names
        print(f"measuring {names} ...", end=" ", flush=True)
        started = time.monotonic()
        try:
            results = _measured(part, self._seconds)
        except Exception as problem:  # noqa: BLE001
            self.failures[names] = f"{type(problem).__name__}: {problem}"
            print("FAILED", flush=True)
            return None
        took = time.monotonic() - started
        loop = max(loop, self._steadiness.look())
        print(f"{took:.0f} s, the fixed loop {loop:.1f} ms")
        return _Done(part, results, loop)


def _measured(part: Part, seconds: float) -> list[Result]:
    """One result for each bar of a measurement, or it is wrong."""
    measurement = part.measurement
    each = seconds * measurement.longer
    results = within(_MOST_SECONDS, lambda: measurement.measure(part.rounds, each))
    found = [each.bar for each in results]
    if sorted(found) != sorted(measurement.bars):
        raise ValueError(f"results of {', '.join(found)} instead of {', '.join(measurement.bars)}")
    return results


def _whole(parts: Sequence[Result]) -> Result:
    return parts[0] if len(parts) == 1 else merged(BARS[parts[0].bar], parts)


def _told_if_few(result: Result, rounds: int) -> Result:
    """Whoever reads a median is told when it is one of fewer rounds than others are."""
    found = len(next(iter(result.rounds.values())))
    if found >= rounds:
        return result
    few = "One round" if found == 1 else f"{found} rounds"
    return msgspec.structs.replace(result, note=f"{result.note} {few} only.".strip())
