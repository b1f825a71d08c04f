"""When does a bar hold?"""

import pytest

from bench.model import Bar, Result, judge

ROUNDS = {"limit, s": [1.0, 2.0, 4.0], "ours, s": [3.0, 4.0, 4.0]}


def judged(bar: Bar) -> Result:
    """Ratios of 3, 2 and 1."""
    return judge(bar, ROUNDS, lambda found: found["ours, s"] / found["limit, s"])


def test_ratio_is_the_median_of_those_of_the_rounds() -> None:
    """Not the ratio of the medians: a round is compared with itself."""
    result = judged(Bar("T", "what"))

    assert (result.ratio, result.low, result.high) == (2.0, 1.0, 3.0)
    assert result.medians == {"limit, s": 2.0, "ours, s": 4.0}
    assert result.rounds == {"limit, s": [1.0, 2.0, 4.0], "ours, s": [3.0, 4.0, 4.0]}


@pytest.mark.parametrize(
    ("must", "is_ceiling", "met"),
    [
        (1.9, False, True),
        (2.0, False, True),
        (2.1, False, False),
        (1.9, True, False),
        (2.0, True, True),
        (2.1, True, True),
        (None, False, None),
        (None, True, None),
        (0, True, False),
    ],
)
def test_must_is_a_floor_or_a_ceiling(
    must: float | None, *, is_ceiling: bool, met: bool | None
) -> None:
    """The bound itself holds; without a bound there is nothing to meet."""
    assert judged(Bar("T", "what", must, is_ceiling=is_ceiling)).met is met
    assert judged(Bar("T", "what", None, must, is_ceiling=is_ceiling)).met_ambition is met


def test_rounds_of_different_length_are_a_mistake() -> None:
    """A round without its limit says nothing."""
    with pytest.raises(ValueError, match="shorter"):
        judge(Bar("T", "what"), {"limit, s": [1.0, 2.0], "ours, s": [1.0]}, lambda _: 1.0)
