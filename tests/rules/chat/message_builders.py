"""A thread, its messages and its callers, as the rules of messages read them."""

from typing import Any

from switchhook.communication.chat.model import Head, Message, MessageKind, Participant, Thread
from switchhook.communication.chat.state import ThreadState
from switchhook.communication.identity.caller import Caller, Scope
from switchhook.communication.resources import CommunicationResource

ALICE, BOB, CAROL = (f"8:acs:resource_{name}" for name in ("alice", "bob", "carol"))
# 2026-01-01T00:00:00Z, and 123,456 nanoseconds.
NOW = 1_767_225_600_000_123_456
NOW_IN_MS = 1_767_225_600_000


def a_state(*raw_ids: str, head: Head | None = None, **participant: Any) -> ThreadState:
    """A thread of these users, Alice and Bob unless told."""
    participants = tuple(
        Participant(raw_id=raw_id, **participant) for raw_id in raw_ids or (ALICE, BOB)
    )
    thread = Thread(
        id="19:thread@thread.v2",
        topic="Lunch",
        created_at=NOW,
        created_by=ALICE,
        version=NOW_IN_MS,
        participants=participants,
    )
    return ThreadState(thread=thread, head=head or Head())


def a_message(**members: Any) -> Message:
    """A message of Alice, the third of its thread."""
    defaults: dict[str, Any] = {
        "id": NOW_IN_MS,
        "kind": MessageKind.TEXT,
        "sequence": 3,
        "version": NOW_IN_MS,
        "created_at": NOW,
        "sender": ALICE,
        "sender_display_name": "Alice",
        "content": "hello",
        "metadata": {"colour": "red"},
    }
    return Message(**defaults | members)


def a_crowd(count: int) -> tuple[str, ...]:
    """Alice, Bob and others, `count` in all."""
    return (ALICE, BOB, *(f"8:acs:resource_{number:03}" for number in range(count - 2)))


def a_caller(*scopes: Scope, raw_id: str = ALICE, topic: str = "topic-1") -> Caller:
    """A user with a token, of all that chat has unless told."""
    resource = CommunicationResource(
        resource_id="/subscriptions/s/x", name="x", immutable_id="r", topic=topic, keys=("a", "b")
    )
    return Caller(resource=resource, raw_id=raw_id, scopes=frozenset(scopes or {Scope.CHAT}))
