"""Every value of an event follows from the action; these are written out in full."""

import json
import re
from datetime import datetime
from typing import Any

import msgspec
import pytest

from switchhook.clock import MILLISECOND
from switchhook.communication.chat.events import events_of
from switchhook.communication.chat.happenings import (
    Happening,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    ParticipantRemoved,
    ParticipantsAdded,
    PropertiesUpdated,
    ThreadCreated,
    ThreadDeleted,
    TypingStarted,
)
from switchhook.communication.chat.model import MessageKind, Participant, RetentionPolicy
from tests.rules.chat.lifecycle import ACTIONS, Scene
from tests.rules.chat.scenes import (
    ALICE,
    BOB,
    CAROL,
    NOW,
    SENT_AT,
    THREAD,
    a_deleted_message,
    a_message,
    a_resource,
    a_thread,
    an_edited_message,
    guids,
    happening_of,
    publish,
)

THREAD_OF_TWO = a_thread(ALICE, BOB)


def user(raw_id: str) -> dict[str, Any]:
    """The identifier of a user."""
    return {"rawId": raw_id, "communicationUser": {"id": raw_id}}


SENDER = {"senderId": ALICE, "senderCommunicationIdentifier": user(ALICE)}
RECIPIENT = {"recipientId": BOB, "recipientCommunicationIdentifier": user(BOB)}


def data_of(happening: Happening, **settings: Any) -> list[dict[str, Any]]:
    """The data of each event, without the parts that no test can know."""
    events = publish(happening, **settings)
    for event in events:
        assert event["data"].pop("threadId") == THREAD
        assert re.fullmatch(r"[\w+/]{22}(\.\d+){6}(\.\d+)?", event["data"].pop("transactionId"))
    return [event["data"] for event in events]


def test_sent_message() -> None:
    """Its id is the millisecond of its composition, which is also its first version."""
    message = a_message(metadata={"priority": "high"})

    of_thread, of_user = data_of(MessageSent(thread=THREAD_OF_TWO, message=message))

    assert of_thread == {
        "messageBody": "The kitchen closes at ten.",
        "messageId": "1767268740223",
        "metadata": {"priority": "high"},
        "type": "Text",
        "version": 1767268740223,
        "senderDisplayName": "Alice",
        "senderCommunicationIdentifier": user(ALICE),
        "composeTime": "2026-01-01T11:59:00.223+00:00",
    }
    assert of_user == of_thread | SENDER | RECIPIENT | {"composeTime": "2026-01-01T11:59:00.223Z"}


def test_edited_message() -> None:
    """Its version is the millisecond of the edit; its composition stays."""
    happening = MessageEdited(
        thread=THREAD_OF_TWO, message=an_edited_message(kind=MessageKind.HTML)
    )

    of_thread, of_user = data_of(happening)

    assert of_thread == {
        "editTime": "2026-01-01T12:00:00.323+00:00",
        "messageBody": "At eleven.",
        "messageId": "1767268740223",
        "type": "Html",
        "version": 1767268800323,
        "senderDisplayName": "Alice",
        "senderCommunicationIdentifier": user(ALICE),
        "composeTime": "2026-01-01T11:59:00.223+00:00",
    }
    zulu = {
        "editTime": "2026-01-01T12:00:00.323Z",
        "composeTime": "2026-01-01T11:59:00.223Z",
    }
    assert of_user == of_thread | SENDER | RECIPIENT | zulu


def test_message_that_is_deleted_as_it_is_edited_has_the_time_of_its_deletion() -> None:
    """Its version is a millisecond ahead then."""
    deleted = a_deleted_message()
    ahead = msgspec.structs.replace(deleted, version=deleted.version + 1)

    for data in data_of(MessageDeleted(thread=THREAD_OF_TWO, message=ahead)):
        assert data["deleteTime"].startswith("2026-01-01T12:00:00.323")


def test_deleted_message() -> None:
    """It has neither body nor metadata."""
    happening = MessageDeleted(thread=THREAD_OF_TWO, message=a_deleted_message())

    of_thread, of_user = data_of(happening)

    assert of_thread == {
        "deleteTime": "2026-01-01T12:00:00.323+00:00",
        "messageId": "1767268740223",
        "type": "Text",
        "version": 1767268800323,
        "senderDisplayName": "Alice",
        "senderCommunicationIdentifier": user(ALICE),
        "composeTime": "2026-01-01T11:59:00.223+00:00",
    }
    zulu = {
        "deleteTime": "2026-01-01T12:00:00.323Z",
        "composeTime": "2026-01-01T11:59:00.223Z",
    }
    assert of_user == of_thread | SENDER | RECIPIENT | zulu


def test_created_thread() -> None:
    """Its first version is the millisecond of its creation."""
    participants = (
        Participant(raw_id=ALICE),
        Participant(raw_id=BOB, display_name="Bob", metadata={"role": "cook"}),
    )
    thread = a_thread(ALICE, BOB, participants=participants, metadata={"place": "hall"})

    of_thread, of_user = data_of(ThreadCreated(thread=thread))

    assert of_thread == {
        "createdByCommunicationIdentifier": user(ALICE),
        "properties": {"topic": "Table bookings"},
        "metadata": {"place": "hall"},
        "participants": [
            {"participantCommunicationIdentifier": user(ALICE)},
            {
                "displayName": "Bob",
                "participantCommunicationIdentifier": user(BOB),
                "metadata": {"role": "cook"},
            },
        ],
        "createTime": "2026-01-01T11:58:20.123+00:00",
        "version": 1767268700123,
    }
    assert of_user == of_thread | RECIPIENT | {
        "createdBy": ALICE,
        "members": [{"memberId": ALICE}, {"displayName": "Bob", "memberId": BOB}],
        "createTime": "2026-01-01T11:58:20.123Z",
    }


def test_updated_properties() -> None:
    """The thread's event has metadata even where there are none."""
    happening = PropertiesUpdated(thread=THREAD_OF_TWO, by=ALICE, at=NOW, topic="New")

    of_thread, of_user = data_of(happening)

    assert of_thread == {
        "editedByCommunicationIdentifier": user(ALICE),
        "editTime": "2026-01-01T12:00:00.3234567+00:00",
        "properties": {"topic": "New"},
        "metadata": {},
        "createTime": "2026-01-01T11:58:20.123+00:00",
        "version": 1767268700123,
    }
    assert of_user == {
        "editedBy": ALICE,
        "editedByCommunicationIdentifier": user(ALICE),
        "editTime": "2026-01-01T12:00:00.3234567Z",
        "properties": {"topic": "New"},
        "createTime": "2026-01-01T11:58:20.123Z",
        "version": 1767268700123,
        **RECIPIENT,
    }


def test_update_of_something_else_than_the_topic() -> None:
    """`properties` has what changed; the metadata are those of the thread as it is now."""
    thread = a_thread(ALICE, BOB, metadata={"place": "hall"})
    happening = PropertiesUpdated(thread=thread, by=ALICE, at=NOW, topic=None)

    for data in data_of(happening):
        assert data["properties"] == {}
        assert data["metadata"] == {"place": "hall"}


def test_deleted_thread() -> None:
    """Its version stays that of the last change."""
    of_thread, of_user = data_of(ThreadDeleted(thread=THREAD_OF_TWO, by=ALICE, at=NOW))

    assert of_thread == {
        "deletedByCommunicationIdentifier": user(ALICE),
        "deleteTime": "2026-01-01T12:00:00.3234567+00:00",
        "createTime": "2026-01-01T11:58:20.123+00:00",
        "version": 1767268700123,
    }
    assert of_user == of_thread | RECIPIENT | {
        "deletedBy": ALICE,
        "deleteTime": "2026-01-01T12:00:00.3234567Z",
        "createTime": "2026-01-01T11:58:20.123Z",
    }


@pytest.mark.parametrize("verb", ["added", "removed"])
def test_changed_participants(verb: str) -> None:
    """Neither level has the raw ids that other user-level events repeat."""
    carol = Participant(raw_id=CAROL, display_name="Carol", metadata={"role": "guest"})
    thread = a_thread(ALICE, BOB)
    happening: Happening = (
        ParticipantsAdded(thread=thread, by=ALICE, at=NOW, added=(carol,))
        if verb == "added"
        else ParticipantRemoved(thread=thread, by=ALICE, at=NOW, removed=carol)
    )

    of_thread, of_user, *_ = data_of(happening)

    assert of_thread == {
        "time": "2026-01-01T12:00:00.3234567+00:00",
        f"{verb}ByCommunicationIdentifier": user(ALICE),
        f"participant{verb.capitalize()}": {
            "displayName": "Carol",
            "participantCommunicationIdentifier": user(CAROL),
            "metadata": {"role": "guest"},
        },
        "createTime": "2026-01-01T11:58:20.123+00:00",
        "version": 1767268700123,
    }
    assert of_user == of_thread | {
        "time": "2026-01-01T12:00:00.3234567Z",
        "createTime": "2026-01-01T11:58:20.123Z",
        "recipientCommunicationIdentifier": user(BOB),
    }


def test_typing_is_an_empty_message_of_its_moment() -> None:
    """So that what the specification requires is there."""
    happening = TypingStarted(
        thread=THREAD_OF_TWO, sender=ALICE, sender_display_name="Alice", at=NOW
    )

    [data] = data_of(happening, typing_events=True)

    assert data == {
        "messageBody": "",
        "messageId": "1767268800323",
        "type": "Text",
        "version": 1767268800323,
        "senderDisplayName": "Alice",
        "senderCommunicationIdentifier": user(ALICE),
        "composeTime": "2026-01-01T12:00:00.323+00:00",
    }


def test_command_to_a_bot_is_the_message() -> None:
    """The same values under the other name, between those of the thread and the users'."""
    happening = MessageSent(thread=a_thread(ALICE, "28:bot"), message=a_message())

    events = publish(happening, bot_events=True)

    received, command, copy = (event["data"] for event in events)
    assert received.pop("transactionId") != command.pop("transactionId")
    assert command == received
    assert copy["recipientCommunicationIdentifier"] == {"rawId": "28:bot"}


def test_sender_without_a_name() -> None:
    """The member is left out; the drafts have always had it."""
    happening = MessageSent(thread=THREAD_OF_TWO, message=a_message(sender_display_name=None))

    assert ["senderDisplayName" in data for data in data_of(happening)] == [False, False]
    for profile in ("draft-2020-07", "draft-2020-03"):
        [event] = publish(happening, profile=profile)
        assert event["data"]["senderDisplayName"] == ""


def test_copies_are_told_apart_by_the_last_number_of_the_transaction() -> None:
    """Which counts the events of one action, whatever they are about."""
    added = (Participant(raw_id=BOB), Participant(raw_id=CAROL))
    happening = ParticipantsAdded(thread=a_thread(ALICE, BOB, CAROL), by=ALICE, at=NOW, added=added)

    vectors = [event["data"]["transactionId"] for event in publish(happening)]

    start = vectors[0].removesuffix(".1")
    of_thread, of_user = f"{start}.", f"{start}.1."
    assert vectors == [
        f"{prefix}{number}"
        for number, prefix in enumerate([of_thread, of_user, of_user] * 2, start=1)
    ]


def test_another_action_is_another_transaction() -> None:
    """Even the same one, done again."""
    happening = MessageSent(thread=THREAD_OF_TWO, message=a_message())
    new_guid = guids()

    events = [
        json.loads(event)
        for _ in range(2)
        for event in events_of(happening, a_resource(), new_guid)
    ]

    starts = [event["data"]["transactionId"].split(".")[0] for event in events]
    assert starts[0] == starts[1] != starts[2] == starts[3]
    assert len({event["id"] for event in events}) == 4


@pytest.mark.parametrize("action", ACTIONS)
def test_event_time_is_not_before_any_time_in_the_data(action: str) -> None:
    """Also where a message id ran ahead of the clock."""
    scene = Scene(THREAD, [ALICE, BOB], ALICE, creator=ALICE, affected=[BOB])
    events = publish(happening_of(action, scene), typing_events=True)
    ahead = a_message(id=SENT_AT // MILLISECOND + 7, version=SENT_AT // MILLISECOND + 7)
    events += publish(MessageSent(thread=THREAD_OF_TWO, message=ahead))

    for event in events:
        at = datetime.fromisoformat(event["eventTime"])
        times = [value for name, value in event["data"].items() if name.lower().endswith("time")]
        assert times
        assert all(datetime.fromisoformat(time) <= at for time in times)


def test_event_time_is_that_of_the_action() -> None:
    """To 100 nanoseconds, as in the samples."""
    [event, _] = publish(MessageSent(thread=THREAD_OF_TWO, message=a_message()))

    assert event["eventTime"] == "2026-01-01T11:59:00.2234567Z"


# --- switches ----------------------------------------------------------------------------------


def test_versions_as_text() -> None:
    """At thread level only, as in the article's samples."""
    happening = MessageSent(thread=THREAD_OF_TWO, message=a_message())

    for settings in ({"versions_as_text": True}, {"profile": "docs-2024"}):
        versions = [data["version"] for data in data_of(happening, **settings)]
        assert versions == ["1767268740223", 1767268740223]


def test_newest_members_of_messages() -> None:
    """`sequenceId` is a number, at both levels; the chat API has its text."""
    for happening in (
        MessageSent(thread=THREAD_OF_TWO, message=a_message()),
        MessageEdited(thread=THREAD_OF_TWO, message=an_edited_message()),
        MessageDeleted(thread=THREAD_OF_TWO, message=a_deleted_message()),
    ):
        assert [data["sequenceId"] for data in data_of(happening, newest_members=True)] == [4] * 2
        assert not any("sequenceId" in data for data in data_of(happening))


@pytest.mark.parametrize(
    ("policy", "written"),
    [
        (RetentionPolicy(), {"kind": "none"}),
        (
            RetentionPolicy(delete_thread_after_days=60),
            {"kind": "threadCreationDate", "deleteThreadAfterDays": 60},
        ),
        (None, None),
    ],
)
def test_newest_members_of_threads(
    policy: RetentionPolicy | None, written: dict[str, Any] | None
) -> None:
    """The retention policy, where one was ever set."""
    thread = a_thread(ALICE, BOB, retention_policy=policy)
    for happening in (
        ThreadCreated(thread=thread),
        PropertiesUpdated(thread=thread, by=ALICE, at=NOW, topic=None),
    ):
        newest = data_of(happening, newest_members=True)
        assert [data.get("retentionPolicy") for data in newest] == [written, written]
        assert not any("retentionPolicy" in data for data in data_of(happening))


@pytest.mark.parametrize(("by", "reason"), [(ALICE, "deletedByUser"), (None, "deletedByPolicy")])
def test_reason_of_a_deletion(by: str | None, reason: str) -> None:
    """The thread's event has it, the users' have not."""
    happening = ThreadDeleted(thread=THREAD_OF_TWO, by=by, at=NOW)

    of_thread, *of_users = data_of(happening, newest_members=True)

    assert of_thread["reason"] == reason
    assert not any("reason" in data for data in of_users)
    assert "reason" not in data_of(happening)[0]
