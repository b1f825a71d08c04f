"""What may happen in a thread of Alice and Bob, told at a fixed time."""

from typing import Any

from switchhook.clock import MILLISECOND
from switchhook.communication.chat.happenings import MessageSent
from switchhook.communication.chat.model import Message, MessageKind, Participant, Thread
from tests.flow.realtime.world import ALICE, BOB

AT = 1_800_000_000_123 * MILLISECOND  # 2027-01-15T08:00:00.123Z
AT_TEXT = "2027-01-15T08:00:00.123Z"


def a_thread(**members: Any) -> Thread:
    """A thread of Alice and Bob."""
    given = {
        "id": "19:thread@thread.v2",
        "topic": "Lunch",
        "created_at": AT,
        "created_by": ALICE,
        "version": AT // MILLISECOND,
        "participants": (
            Participant(raw_id=ALICE, display_name="Alice"),
            Participant(raw_id=BOB, display_name="Bob"),
        ),
    }
    return Thread(**{**given, **members})


def a_message(**members: Any) -> Message:
    """A message of Alice."""
    given = {
        "id": AT // MILLISECOND,
        "kind": MessageKind.TEXT,
        "sequence": 3,
        "version": AT // MILLISECOND,
        "created_at": AT,
        "sender": ALICE,
        "sender_display_name": "Alice",
        "content": "Hello",
    }
    return Message(**{**given, **members})


def sent(content: str = "Hello", **members: Any) -> MessageSent:
    """Alice has sent a message."""
    return MessageSent(thread=a_thread(**members), message=a_message(content=content))
