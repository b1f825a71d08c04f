"""Replies of Chat, as both official clients read them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from switchhook.clock import from_datetime
from switchhook.communication.chat.model import (
    Message,
    MessageKind,
    Participant,
    ReadReceipt,
    RetentionPolicy,
    Thread,
)
from switchhook.communication.resources import CommunicationResource
from switchhook.http.communication_api import chat_replies as replies
from tests.flow.sms.world import a_resource

RESOURCE = a_resource()
ALICE = f"8:acs:{RESOURCE.immutable_id}_00000001-0000-0000-0000-00000000a11c"
BOB = f"8:acs:{RESOURCE.immutable_id}_00000002-0000-0000-0000-000000000b0b"
STRANGER = "8:acs:11111111-1111-1111-1111-111111111111_00000002-0000-0000-0000-000000000b0b"
AT = from_datetime(datetime(2026, 3, 4, 5, 6, 7, 891234, tzinfo=UTC))
AT_TEXT = "2026-03-04T05:06:07Z"
EPOCH_TEXT = "1970-01-01T00:00:00Z"


def user(raw_id: str) -> dict[str, Any]:
    """An identifier on the wire."""
    return {"kind": "communicationUser", "rawId": raw_id, "communicationUser": {"id": raw_id}}


def a_thread(**members: Any) -> Thread:
    """A thread of Alice's."""
    defaults: dict[str, Any] = {
        "id": "19:x@thread.v2",
        "topic": "Lunch",
        "created_at": AT,
        "created_by": ALICE,
        "version": 1,
    }
    return Thread(**(defaults | members))


def a_message(**members: Any) -> Message:
    """A message of Alice's."""
    defaults: dict[str, Any] = {
        "id": 1_772_600_767_891,
        "kind": MessageKind.TEXT,
        "sequence": 3,
        "version": 1_772_600_767_892,
        "created_at": AT,
    }
    return Message(**(defaults | members))


def test_thread_has_the_members_of_the_openapi() -> None:
    """What has no value is left out."""
    assert replies.thread_reply(a_thread()) == {
        "id": "19:x@thread.v2",
        "topic": "Lunch",
        "createdOn": AT_TEXT,
        "createdByCommunicationIdentifier": user(ALICE),
    }


def test_thread_tells_all_that_was_set() -> None:
    """The newer members, and when it was deleted."""
    policy = RetentionPolicy(delete_thread_after_days=60)

    reply = replies.thread_reply(
        a_thread(deleted_at=AT, metadata={"k": "v"}, retention_policy=policy)
    )

    assert reply["deletedOn"] == AT_TEXT
    assert reply["metadata"] == {"k": "v"}
    assert reply["retentionPolicy"] == {"kind": "threadCreationDate", "deleteThreadAfterDays": 60}


def test_policy_without_days_is_of_the_kind_none() -> None:
    """It was set, so it is told."""
    reply = replies.thread_reply(a_thread(retention_policy=RetentionPolicy()))

    assert reply["retentionPolicy"] == {"kind": "none"}


def test_thread_item_says_when_the_last_message_came() -> None:
    """A thread without any does not."""
    assert replies.thread_item_reply(a_thread(deleted_at=AT), AT) == {
        "id": "19:x@thread.v2",
        "topic": "Lunch",
        "deletedOn": AT_TEXT,
        "lastMessageReceivedOn": AT_TEXT,
    }
    assert replies.thread_item_reply(a_thread(topic=""), None) == {
        "id": "19:x@thread.v2",
        "topic": "",
    }


def test_participant_without_a_history_time_sees_all_since_the_epoch() -> None:
    """`shareHistoryTime` is always told."""
    assert replies.participant_reply(Participant(raw_id=BOB)) == {
        "communicationIdentifier": user(BOB),
        "shareHistoryTime": EPOCH_TEXT,
    }


def test_participant_tells_all_that_was_set() -> None:
    """An empty display name is one."""
    reply = replies.participant_reply(
        Participant(raw_id=BOB, display_name="", share_history_time=AT, metadata={"k": "v"})
    )

    assert reply["displayName"] == ""
    assert reply["shareHistoryTime"] == AT_TEXT
    assert reply["metadata"] == {"k": "v"}


@pytest.mark.parametrize("kind", [MessageKind.TEXT, MessageKind.HTML])
def test_message_of_a_user(kind: MessageKind) -> None:
    """Ids, sequence and version are texts."""
    message = a_message(kind=kind, sender=ALICE, sender_display_name="Alice", content="<b>hi</b>")

    assert replies.message_reply(message) == {
        "id": "1772600767891",
        "type": kind.value,
        "sequenceId": "3",
        "version": "1772600767892",
        "content": {"message": "<b>hi</b>"},
        "senderDisplayName": "Alice",
        "createdOn": AT_TEXT,
        "senderCommunicationIdentifier": user(ALICE),
    }


def test_edited_message_says_when() -> None:
    """And has its metadata."""
    reply = replies.message_reply(a_message(content="x", edited_at=AT, metadata={"k": "v"}))

    assert reply["editedOn"] == AT_TEXT
    assert reply["metadata"] == {"k": "v"}


def test_deleted_message_has_an_empty_text() -> None:
    """It says when it was deleted, and who had sent it."""
    reply = replies.message_reply(
        a_message(sender=ALICE, sender_display_name="Alice", deleted_at=AT)
    )

    assert reply["content"] == {"message": ""}
    assert reply["senderDisplayName"] == "Alice"
    assert reply["deletedOn"] == AT_TEXT
    assert reply["senderCommunicationIdentifier"] == user(ALICE)


def test_sender_without_a_name_has_an_empty_one() -> None:
    """Messages of the service have no such member at all."""
    topic = a_message(kind=MessageKind.TOPIC_UPDATED, topic="Dinner", initiator=BOB)

    assert replies.message_reply(a_message(sender=ALICE, content="x"))["senderDisplayName"] == ""
    assert "senderDisplayName" not in replies.message_reply(topic)


def test_message_of_a_new_topic() -> None:
    """It has an initiator, and no sender."""
    reply = replies.message_reply(
        a_message(kind=MessageKind.TOPIC_UPDATED, topic="Dinner", initiator=BOB)
    )

    assert reply["type"] == "topicUpdated"
    assert reply["content"] == {
        "topic": "Dinner",
        "initiatorCommunicationIdentifier": user(BOB),
    }
    assert "senderCommunicationIdentifier" not in reply


@pytest.mark.parametrize("kind", [MessageKind.PARTICIPANT_ADDED, MessageKind.PARTICIPANT_REMOVED])
def test_message_of_participants(kind: MessageKind) -> None:
    """Who they are, and who did it."""
    participant = Participant(raw_id=BOB, display_name="Bob")
    reply = replies.message_reply(
        a_message(kind=kind, participants=(participant,), initiator=ALICE)
    )

    assert reply["content"] == {
        "participants": [replies.participant_reply(participant)],
        "initiatorCommunicationIdentifier": user(ALICE),
    }


def test_receipt() -> None:
    """Who has read up to which message, and when."""
    receipt = ReadReceipt(sender=BOB, message_id=17, read_at=AT)

    assert replies.receipt_reply(receipt) == {
        "senderCommunicationIdentifier": user(BOB),
        "chatMessageId": "17",
        "readOn": AT_TEXT,
    }


def test_rejected_participants_are_named_by_their_raw_ids() -> None:
    """The Python client finds the participant by `target`; unknown users are 404, others 403."""
    assert replies.added_reply((BOB, STRANGER, "4:+14255550123"), RESOURCE) == {
        "invalidParticipants": [
            {"target": BOB, "code": "404", "message": "Not found"},
            {"target": STRANGER, "code": "403", "message": "Permissions check failed"},
            {"target": "4:+14255550123", "code": "403", "message": "Permissions check failed"},
        ]
    }


def test_nobody_rejected_is_told_by_nothing() -> None:
    """As the member is optional."""
    resource: CommunicationResource = RESOURCE

    assert replies.added_reply((), resource) == {}
    assert replies.created_reply(a_thread(), (), resource) == {
        "chatThread": replies.thread_reply(a_thread())
    }


def test_last_page_has_no_link() -> None:
    """Its absence ends the list."""
    assert replies.page_reply([], "") == {"value": []}
    assert replies.page_reply([{"id": "1"}], "/next") == {
        "value": [{"id": "1"}],
        "nextLink": "/next",
    }
