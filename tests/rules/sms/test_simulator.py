"""Which fate each number has."""

import pytest

from switchhook.clock import MILLISECOND, SECOND
from switchhook.communication.carriers.ports import Submission
from switchhook.communication.carriers.simulator import SPECIAL_FATES, Simulator, fate
from switchhook.communication.sms import statuses


@pytest.mark.parametrize("code", sorted(statuses.DETAILS))
def test_every_row_of_the_status_table_has_its_numbers(code: int) -> None:
    """The last four digits are the code; all segments go one way."""
    result = fate(f"+1425555{code}", 3)

    succeeded = 3 if statuses.delivery_status(code) == "Delivered" else 0
    assert result.code == code
    assert [(a.segments_succeeded, a.segments_failed) for a in result.attempts] == [
        (succeeded, 3 - succeeded)
    ]
    assert result.reported_after == (100 * MILLISECOND,)


@pytest.mark.parametrize("number", ["+14255550123", "+15555550100", "+4915112345678"])
def test_every_other_number_gets_its_messages(number: str) -> None:
    """Delivered at the first attempt, after a short delay."""
    assert fate(number, 1).code == 2000


@pytest.mark.parametrize(
    ("ending", "code", "attempts", "reported_after"),
    [
        ("2002", 2000, [(0, 3), (3, 0)], [5.1]),
        ("2003", 2000, [(0, 3), (0, 3), (3, 0)], [10.1]),
        ("2005", 2000, [(1, 2), (2, 0)], [5.1]),
        ("2010", 2000, [(3, 0)], [10]),
        ("2060", 2000, [(3, 0)], [60]),
        ("2022", 2000, [(3, 0)], [0.1, 1.1]),
        ("2099", 9999, [(0, 3)], []),
        ("5003", 4006, [(0, 3), (0, 3), (0, 3)], [10.1]),
        ("5005", 5000, [(1, 2)], [0.1]),
    ],
)
def test_special_numbers_behave_in_their_own_way(
    ending: str, code: int, attempts: list[tuple[int, int]], reported_after: list[float]
) -> None:
    """Several attempts, parts of a message, delays, a repeated report and none at all."""
    result = fate("+1425555" + ending, 3)

    assert result.code == code
    assert [(a.segments_succeeded, a.segments_failed) for a in result.attempts] == attempts
    assert [after / SECOND for after in result.reported_after] == reported_after


@pytest.mark.parametrize("ending", sorted(SPECIAL_FATES))
@pytest.mark.parametrize("segments", [1, 2, 7])
def test_attempts_never_lose_or_invent_segments(ending: str, segments: int) -> None:
    """An attempt sends what earlier ones did not bring through, in the order of time."""
    result = fate("+1425555" + ending, segments)

    left = segments
    for attempt in result.attempts:
        assert attempt.segments_succeeded + attempt.segments_failed == left
        left -= attempt.segments_succeeded
    instants = [attempt.after for attempt in result.attempts]
    assert instants == sorted(instants)


def test_special_numbers_do_not_hide_a_status() -> None:
    """No ending has two meanings."""
    assert not {int(ending) for ending in SPECIAL_FATES} & set(statuses.DETAILS)


def test_carrier_takes_the_recipients_number() -> None:
    """The sender does not matter."""
    submission = Submission(from_="+15555554004", to="+14255555001", segments=2)

    assert Simulator().submit(submission) == fate("+14255555001", 2)
