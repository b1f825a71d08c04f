"""What the body of each push holds, before any client reads it."""

import json
import re
import typing
from typing import Any

import pytest

from switchhook.clock import SECOND
from switchhook.communication.chat.happenings import (
    Happening,
    MessageDeleted,
    MessageEdited,
    MessageRead,
    MessageSent,
    ParticipantRemoved,
    ParticipantsAdded,
    PropertiesUpdated,
    ThreadCreated,
    ThreadDeleted,
    TypingStarted,
)
from switchhook.communication.chat.model import Participant, ReadReceipt, RetentionPolicy
from switchhook.communication.realtime.payloads import body_for, push_of
from tests.flow.realtime.happenings import AT, AT_TEXT, a_message, a_thread, sent
from tests.flow.realtime.world import ALICE, BOB, CAROL

CAROL_JOINS = Participant(raw_id=CAROL, display_name="Zoë 100 %41")

HAPPENINGS: list[tuple[int, Happening]] = [
    (200, sent()),
    (
        245,
        TypingStarted(thread=a_thread(), sender=ALICE, sender_display_name="Alice", at=AT),
    ),
    (
        246,
        MessageRead(thread=a_thread(), receipt=ReadReceipt(sender=ALICE, message_id=9, read_at=AT)),
    ),
    (247, MessageEdited(thread=a_thread(), message=a_message(edited_at=AT))),
    (248, MessageDeleted(thread=a_thread(), message=a_message(content=None, deleted_at=AT))),
    (257, ThreadCreated(thread=a_thread())),
    (258, PropertiesUpdated(thread=a_thread(), by=ALICE, at=AT, topic="Lunch")),
    (259, ThreadDeleted(thread=a_thread(), by=ALICE, at=AT)),
    (260, ParticipantsAdded(thread=a_thread(), by=ALICE, at=AT, added=(CAROL_JOINS,))),
    (261, ParticipantRemoved(thread=a_thread(), by=ALICE, at=AT, removed=CAROL_JOINS)),
]
# Members that hold structures: JSON text, escaped.
ESCAPED = (
    "createdBy",
    "members",
    "properties",
    "editedBy",
    "deletedBy",
    "addedBy",
    "participantsAdded",
    "removedBy",
    "participantsRemoved",
)


def body_of(happening: Happening) -> dict[str, Any]:
    """The body for Bob, with its structures taken apart."""
    body: dict[str, Any] = json.loads(body_for(push_of(happening), BOB))
    return body | {name: json.loads(unescape(body[name])) for name in ESCAPED if name in body}


def unescape(text: str) -> str:
    """As JavaScript's function of that name does it: of each byte a character."""
    return re.sub("%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)


@pytest.mark.parametrize(("event_id", "happening"), HAPPENINGS)
def test_event_has_its_number(event_id: int, happening: Happening) -> None:
    """By it alone the client knows what a push is."""
    assert body_of(happening)["eventId"] == event_id


def test_every_happening_has_a_push() -> None:
    """The table above is complete."""
    assert {type(happening) for _, happening in HAPPENINGS} == set(typing.get_args(Happening))


def test_structures_come_through_whole() -> None:
    """Letters beyond ASCII and percent signs included."""
    body = body_of(ParticipantsAdded(thread=a_thread(), by=BOB, at=AT, added=(CAROL_JOINS,)))

    assert body["addedBy"] == {"participantId": BOB, "displayName": "Bob"}
    assert body["participantsAdded"] == [
        {
            "participantId": CAROL,
            "displayName": "Zoë 100 %41",
            "shareHistoryTime": "1970-01-01T00:00:00.000Z",
            "memberMetaData": "{}",
        }
    ]
    assert body["time"] == AT_TEXT


def test_receipt_names_its_time_in_the_horizon() -> None:
    """The client takes the second of three parts."""
    receipt = ReadReceipt(sender=ALICE, message_id=9, read_at=AT)
    body = body_of(MessageRead(thread=a_thread(), receipt=receipt))

    said = json.loads(body["messageBody"])
    assert said["consumptionhorizon"].split(";")[:2] == ["9", "1800000000123"]
    assert said["messageVisibilityTime"] == 1_800_000_000_123
    assert body["recipientMri"] == BOB


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (None, None),
        (RetentionPolicy(), None),
        (RetentionPolicy(delete_thread_after_days=60), "60.00:00:00"),
    ],
)
def test_retention_policy_is_a_span(policy: RetentionPolicy | None, text: str | None) -> None:
    """Of days, as .NET writes one; none stands for `none`."""
    body = body_of(ThreadCreated(thread=a_thread(retention_policy=policy)))

    written = body["properties"].get("retentionPolicy")
    assert (json.loads(written)["executeAfter"] if written else None) == text


def test_user_who_is_gone_has_no_name() -> None:
    """Whoever acted may have left meanwhile."""
    body = body_of(ThreadDeleted(thread=a_thread(), by=CAROL, at=AT))

    assert body["deletedBy"] == {"participantId": CAROL, "displayName": ""}
    assert body["reason"] == "deletedByUser"


def test_user_who_leaves_is_named() -> None:
    """Though no participant any more."""
    left = ParticipantRemoved(thread=a_thread(), by=CAROL, at=AT, removed=CAROL_JOINS)

    assert body_of(left)["removedBy"]["displayName"] == CAROL_JOINS.display_name


def test_policy_that_deletes_names_nobody() -> None:
    """The client asks the reason first."""
    body = body_of(ThreadDeleted(thread=a_thread(), by=None, at=AT))

    assert body["reason"] == "deletedByPolicy"
    assert "deletedBy" not in body


def test_message_times_and_texts() -> None:
    """Deleted messages carry no content."""
    message = MessageSent(thread=a_thread(), message=a_message(metadata={"a": "b"}))
    later = {"edited_at": AT + SECOND, "deleted_at": AT + 2 * SECOND}
    edited = body_of(MessageEdited(thread=a_thread(), message=a_message(**later)))
    deleted = body_of(MessageDeleted(thread=a_thread(), message=a_message(**later)))

    assert body_of(message)["acsChatMessageMetadata"] == '{"a":"b"}'
    assert body_of(message)["attachments"] == "[]"
    assert edited["originalArrivalTime"] == deleted["originalArrivalTime"] == AT_TEXT
    assert edited["edittime"] == "2027-01-15T08:00:01.123Z"
    assert deleted["deletetime"] == "2027-01-15T08:00:02.123Z"
    assert "messageBody" not in body_of(HAPPENINGS[4][1])
