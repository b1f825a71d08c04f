"""What delivery reports say."""

import pytest

from switchhook.communication.sms import statuses


@pytest.mark.parametrize("code", sorted(statuses.DETAILS))
def test_only_success_and_an_unknown_result_count_as_delivered(code: int) -> None:
    """5002 means that the carrier does not report: the message may have arrived."""
    expected = "Delivered" if code in (2000, 5002) else "Failed"

    assert statuses.delivery_status(code) == expected


def test_code_can_stand_in_front_of_details() -> None:
    """The switch puts the number before the text of the table."""
    assert statuses.with_code(2000, statuses.DETAILS[2000]) == "2000: No error."
