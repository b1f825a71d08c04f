"""Values that the documents do not allow are refused by name."""

from typing import Any

import pytest

from switchhook.communication.catalogue import all_types, sample_values, validate
from switchhook.errors import RequestError

REPORT = "SMSDeliveryReportReceived"


@pytest.mark.parametrize("event_type", all_types(), ids=lambda event_type: event_type.name)
def test_example_values_are_valid(event_type: Any) -> None:
    """An event emitted with nothing set is one that Azure could have sent."""
    validate(event_type.name, sample_values(event_type.name))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"color": "red"}, "'data.color' is not a member"),
        ({"from": 5}, "'data.from' of .* must be a string, not '5'"),
        ({"from": None}, "'data.from' of .* must be a string, not 'None'"),
        ({"deliveryAttempts": {}}, "'data.deliveryAttempts' of .* must be an array"),
        ({"deliveryAttempts": [1]}, r"'data.deliveryAttempts\[0\]' of .* must be an object"),
        (
            {"deliveryAttempts": [{}]},
            r"'data.deliveryAttempts\[0\].timestamp' of .* is missing; it is required",
        ),
    ],
)
def test_wrong_member_is_named(change: dict[str, Any], named: str) -> None:
    """The refusal names the type, too."""
    with pytest.raises(RequestError, match=named):
        validate(REPORT, sample_values(REPORT) | change)


def test_missing_member_is_named() -> None:
    """What every published event has may not be absent."""
    values = sample_values(REPORT)
    del values["receivedTimestamp"]

    with pytest.raises(RequestError, match=r"'data.receivedTimestamp' of .* is missing"):
        validate(REPORT, values)


def test_profile_does_not_ask_for_what_it_lacks() -> None:
    """The draft of 2020-07 has no time of receipt."""
    values = sample_values(REPORT)
    del values["receivedTimestamp"]

    validate(REPORT, values, "draft-2020-07")


def test_raw_id_stands_in_for_the_identifier() -> None:
    """The preview of 2020 knows users by their raw ids only."""
    values = sample_values("ChatMessageReceived")
    del values["senderCommunicationIdentifier"]

    validate("ChatMessageReceived", values | {"senderId": "8:acs:x"}, "preview-2020-07")
    with pytest.raises(RequestError, match="senderCommunicationIdentifier"):
        validate("ChatMessageReceived", values, "preview-2020-07")


def test_long_value_is_cut_in_the_message() -> None:
    """An error stays readable."""
    with pytest.raises(RequestError) as refusal:
        validate("SMSReceived", sample_values("SMSReceived") | {"segmentCount": "x" * 500})

    assert len(refusal.value.message) < 250
