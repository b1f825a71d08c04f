"""Who ends later has what the others left."""

from switchhook.grace import Grace


def test_grace_begins_with_the_first_question_and_is_shared() -> None:
    """Two doors and the deliveries together take no longer than one of them alone might."""
    times = iter([100.0, 100.0, 104.0, 109.0, 111.0])
    grace = Grace(10.0, now=lambda: next(times))

    assert [grace.left() for _ in range(4)] == [10.0, 6.0, 1.0, 0.0]
