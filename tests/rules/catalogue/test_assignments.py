"""Texts of a command line become values of the right type, or an error that names the member."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.communication.catalogue import (
    all_types,
    apply_assignments,
    sample_values,
    set_value,
    validate,
)
from switchhook.errors import RequestError


def assign(type_name: str, *assignments: str) -> dict[str, Any]:
    """The example values after the assignments."""
    return apply_assignments(type_name, sample_values(type_name), assignments).values


@pytest.mark.parametrize(
    ("type_name", "assignment", "name", "value"),
    [
        ("SMSReceived", "data.from=+15555550177", "from", "+15555550177"),
        ("SMSReceived", "data.message=a=b", "message", "a=b"),
        ("SMSReceived", "data.message=5", "message", "5"),
        ("SMSReceived", "data.segmentCount=3", "segmentCount", 3),
        ("CallEnded", "data.isTwoParty=true", "isTwoParty", True),
        ("CallEnded", "data.isTwoParty=null", "isTwoParty", None),
        ("CallEnded", "data.callDurationInSeconds=1.5", "callDurationInSeconds", 1.5),
        ("CallEnded", "data.callDurationInSeconds=2", "callDurationInSeconds", 2),
        ("CallEnded", 'data.room={"id":"7"}', "room", {"id": "7"}),
        ("CallEnded", "data.room.id=7", "room", {"id": "7"}),
        ("RouterJobQueued", "data.priority=null", "priority", None),
        ("RouterJobQueued", 'data.labels={"a":1}', "labels", {"a": 1}),
        ("RouterJobQueued", "data.tags.seats=2", "tags", {"restaurant": "harbour", "seats": 2}),
        (
            "RouterWorkerUpdated",
            "data.updatedWorkerProperties[1]=Labels",
            "updatedWorkerProperties",
            ["TotalCapacity", "Labels"],
        ),
        (
            "ChatMessageReceived",
            "data.metadata.a.b=1",
            "metadata",
            {"priority": "high", "a.b": "1"},
        ),
        (
            "UserDisconnected",
            "data.userCommunicationIdentifier=4:+15555550177",
            "userCommunicationIdentifier",
            {"rawId": "4:+15555550177", "phoneNumber": {"value": "+15555550177"}},
        ),
    ],
)
def test_text_becomes_the_type_of_its_member(
    type_name: str, assignment: str, name: str, value: object
) -> None:
    """The field table decides how a text is read."""
    assert assign(type_name, assignment)[name] == value


def test_item_after_the_last_is_added() -> None:
    """An attempt can be built member by member."""
    values = assign(
        "SMSDeliveryReportReceived",
        "data.deliveryAttempts[1].timestamp=2026-01-01T12:00:00Z",
        "data.deliveryAttempts[1].segmentsSucceeded=0",
        "data.deliveryAttempts[1].segmentsFailed=1",
    )

    assert values["deliveryAttempts"][1]["segmentsFailed"] == 1
    validate("SMSDeliveryReportReceived", values)


def test_whole_item_is_given_as_json() -> None:
    """An array's object may be one text."""
    attempt = '{"timestamp":"2026-01-01T12:00:00Z","segmentsSucceeded":1,"segmentsFailed":0}'

    values = assign("SMSDeliveryReportReceived", f"data.deliveryAttempts[0]={attempt}")

    assert values["deliveryAttempts"][0]["timestamp"] == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("type_name", "assignment", "named"),
    [
        ("SMSReceived", "data.sender=x", "'data.sender' is not a member of .*allowed here: mess"),
        ("SMSReceived", "data.segmentCount=many", "'data.segmentCount' of .* must be an integer"),
        ("SMSReceived", "data.segmentCount=true", "'data.segmentCount' of .* must be an integer"),
        ("SMSReceived", "data.segmentCount=1.5", "'data.segmentCount' of .* must be an integer"),
        ("SMSReceived", "data.from.x=1", "'data.from.x' is not a member"),
        ("SMSReceived", "data.from[0]=1", r"'data.from\[0\]' of .* is not an array"),
        ("SMSReceived", "data.receivedTimestamp=today", "must be an RFC 3339 date-time"),
        ("SMSReceived", "data.receivedTimestamp=2026-01-01T12:00:00", "with its offset"),
        ("SMSReceived", "data=1", "'data' cannot be set"),
        ("SMSReceived", "topic=1", "'topic' cannot be set"),
        ("SMSReceived", "data.from", "not of the form path=value"),
        ("SMSReceived", "subject.number=1", "allowed: recipientNumber"),
        ("CallEnded", "data.isTwoParty=yes", "'data.isTwoParty' of .* must be true or false"),
        ("CallEnded", "data.callDurationInSeconds=long", "must be a number"),
        ("CallEnded", "data.reason=x", "'data.reason' of .* must be given as JSON"),
        ("CallEnded", 'data.reason={"why":1}', "'data.reason.why' is not a member"),
        ("CallEnded", "data.startedBy.role=Boss", "must be one of Attendee, Presenter"),
        ("RouterJobQueued", "data.labels.a=null", "'data.labels.a' of .* a string, number or bool"),
        ("RouterJobQueued", "data.labels=[]", "'data.labels' of .* must be an object"),
        (
            "RouterWorkerUpdated",
            "data.updatedWorkerProperties[9]=x",
            r"'data.updatedWorkerProperties\[9\]' of .* leaves a gap",
        ),
        (
            "SMSDeliveryReportReceived",
            "data.deliveryAttempts[0].segmentsFailed=x",
            r"'data.deliveryAttempts\[0\].segmentsFailed' of .* must be an integer",
        ),
        (
            "SMSDeliveryReportReceived",
            "data.deliveryStatus=Lost",
            "must be one of Delivered, Failed, not 'Lost'",
        ),
    ],
)
def test_wrong_assignment_names_the_member(type_name: str, assignment: str, named: str) -> None:
    """The refusal says what is wrong and what is allowed."""
    with pytest.raises(RequestError, match=named) as refusal:
        assign(type_name, assignment)

    assert (refusal.value.status, refusal.value.code) == (400, "InvalidRequest")


def test_envelope_members_are_set_apart() -> None:
    """Subject, id and time are not data."""
    result = apply_assignments(
        "ChatMessageReceived",
        sample_values("ChatMessageReceived"),
        ["subject=s", "id=i", "eventTime=t", "subject.threadId=19:x"],
    )

    assert (result.subject, result.event_id, result.event_time) == ("s", "i", "t")
    assert result.subject_values == {"threadId": "19:x"}


def test_given_values_stay_untouched() -> None:
    """Setting a member deep inside copies what is on the way."""
    values = sample_values("SMSDeliveryReportReceived")

    set_value("SMSDeliveryReportReceived", values, "data.deliveryAttempts[0].segmentsFailed", "7")

    assert values["deliveryAttempts"][0]["segmentsFailed"] == 0


PATHS = sorted(
    {f"data.{field.name}" for event_type in all_types() for field in event_type.fields}
    | {"data.deliveryAttempts[0].timestamp", "data.startedBy.role", "data.labels.x"}
)


@given(
    type_name=st.sampled_from([event_type.name for event_type in all_types()]),
    path=st.sampled_from(PATHS) | st.text(max_size=30),
    text=st.text(max_size=40),
)
def test_no_text_does_more_than_be_refused(type_name: str, path: str, text: str) -> None:
    """Whatever is typed, the answer is values or a refusal."""
    try:
        values = set_value(type_name, sample_values(type_name), path, text)
    except RequestError:
        return
    validate(type_name, values)
