"""Is it told how much the machine itself varied, and waited for?"""

import itertools
from collections.abc import Sequence

from bench.steadiness import Steadiness

SHORT, LONG = 0.01, 0.02


def steadiness(looks: Sequence[float], patience: float = 0.0) -> Steadiness:
    """On a machine on which the loop takes so many seconds, look after look."""
    ends = itertools.chain.from_iterable((0.0, each) for each in looks for _ in range(5))
    return Steadiness(patience, clock=lambda: next(ends), sleep=lambda _: None)


def test_shortest_and_longest_of_all_looks_are_told() -> None:
    """Of each look the shortest of a few tries counts: what interrupts one is no unsteadiness."""
    tries = [0.02] * 4 + [0.01] + [0.04] * 5
    ends = itertools.chain.from_iterable((0.0, each) for each in tries)
    found = Steadiness(clock=lambda: next(ends))

    assert found.look() == 10
    assert found.look() == 40
    assert str(found) == "10.0 to 40.0 ms"


def test_machine_is_calm_near_its_best() -> None:
    """However it was before."""
    found = steadiness([LONG, SHORT, 0.011, 0.013])
    looks = [found.look() for _ in range(4)]

    assert [found.is_calm_at(each) for each in looks] == [False, True, True, False]


def test_run_waits_until_the_machine_is_calm() -> None:
    """A look a second."""
    found = steadiness([SHORT, LONG, LONG, SHORT], patience=10)
    found.look()

    assert found.wait() == 10
    assert found.has_patience


def test_patience_has_an_end() -> None:
    """The run goes on then, on a busy machine."""
    found = steadiness([SHORT, LONG, LONG, LONG], patience=2)
    found.look()

    assert found.wait() == 20
    assert not found.has_patience
