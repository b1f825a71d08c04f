"""Is it told how much the machine itself varied?"""

import itertools

from bench.steadiness import Steadiness


def test_shortest_and_longest_of_all_looks_are_told() -> None:
    """Of each look the shortest of a few tries counts: what interrupts one is no unsteadiness."""
    tries = [0.02] * 4 + [0.01] + [0.04] * 5
    ends = itertools.chain.from_iterable((0.0, each) for each in tries)
    found = Steadiness(lambda: next(ends))

    assert found.look() == 10
    assert found.look() == 40
    assert str(found) == "10.0 to 40.0 ms"
