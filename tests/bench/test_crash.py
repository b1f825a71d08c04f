"""What the campaigns of T11 come to."""

import pytest

from bench.crash import judge_campaigns
from bench.model import WrongDeliveryError
from tests.crash.campaign import Duplicates, Outcome
from tests.crash.power_campaign import Cut

KEPT = Cut(promised=40, found=41, problems=[])


def _outcome(lost: int = 0, problems: list[str] | None = None) -> Outcome:
    return Outcome(
        problems=problems or [],
        lines=[],
        acknowledged=1_000,
        lost=lost,
        duplicates=[Duplicates(10, 100.0), Duplicates(90, 120.0), Duplicates(0, 80.0)],
    )


def test_nothing_lost_meets_the_bar() -> None:
    lost, duplicates = judge_campaigns(_outcome(), [KEPT], 7)

    assert (lost.ratio, lost.met) == (0, True)
    assert (duplicates.ratio, duplicates.met) == (0.75, True)
    assert "1,000 acknowledged" in lost.note


def test_losses_by_kills_and_by_cuts_count_alike() -> None:
    torn = Cut(promised=40, found=38, problems=["40 commits were promised, 38 are there"])
    lost, _ = judge_campaigns(_outcome(lost=3, problems=["3 lost"]), [KEPT, torn], 7)

    assert (lost.ratio, lost.met) == (5, False)


def test_too_many_duplicates_after_one_kill_miss_the_bar() -> None:
    outcome = Outcome(
        problems=["kill 2: too many"],
        lines=[],
        acknowledged=1,
        lost=0,
        duplicates=[Duplicates(0, 100.0), Duplicates(101, 100.0)],
    )

    assert judge_campaigns(outcome, [KEPT], 7)[1].met is False


def test_another_broken_promise_is_no_figure() -> None:
    with pytest.raises(WrongDeliveryError, match="another order"):
        judge_campaigns(_outcome(problems=["came in another order"]), [KEPT], 7)
