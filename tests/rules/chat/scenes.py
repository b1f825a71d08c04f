"""Happenings in a thread of which a test knows who is in it."""

import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

from switchhook import defaults
from switchhook.clock import MILLISECOND
from switchhook.communication.chat.events import events_of
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
from switchhook.communication.chat.model import (
    Message,
    MessageKind,
    Participant,
    ReadReceipt,
    Thread,
)
from switchhook.communication.resources import CommunicationResource, EventSettings
from tests.rules.chat.lifecycle import Scene

USERS = f"8:acs:{defaults.COMMUNICATION_IMMUTABLE_ID}_0000001a-0000-0000-0000-"
ALICE, BOB, CAROL, DAVE = (f"{USERS}00000000000{last}" for last in "abcd")
THREAD = "19:5a1f00000000400080000000000c4a70@thread.v2"

CREATED_AT = 1_767_268_700_123_456_700  # 2026-01-01T11:58:20.1234567Z
SENT_AT = 1_767_268_740_223_456_700
NOW = 1_767_268_800_323_456_700


def a_resource(**settings: Any) -> CommunicationResource:
    """A resource whose events have these settings."""
    return CommunicationResource(
        resource_id=f"/subscriptions/{defaults.SUBSCRIPTION_ID}/resourceGroups/local"
        "/providers/Microsoft.Communication/CommunicationServices/dev",
        name="dev",
        immutable_id=defaults.COMMUNICATION_IMMUTABLE_ID,
        topic="topic-of-dev",
        keys=defaults.COMMUNICATION_KEYS,
        events=EventSettings(**settings),
    )


def guids() -> Callable[[], uuid.UUID]:
    """GUIDs that are the same in each run."""
    numbers = itertools.count(0x5A1F << 112)
    return lambda: uuid.UUID(int=next(numbers))


def a_thread(*raw_ids: str, **members: Any) -> Thread:
    """A thread of these users, created by the first one."""
    values: dict[str, Any] = {
        "id": THREAD,
        "topic": "Table bookings",
        "created_at": CREATED_AT,
        "created_by": raw_ids[0] if raw_ids else ALICE,
        "version": CREATED_AT // MILLISECOND,
        "participants": tuple(Participant(raw_id=raw_id) for raw_id in raw_ids),
    }
    return Thread(**(values | members))


def a_message(sender: str | None = ALICE, **members: Any) -> Message:
    """A message that was sent a minute ago."""
    values: dict[str, Any] = {
        "id": SENT_AT // MILLISECOND,
        "kind": MessageKind.TEXT,
        "sequence": 4,
        "version": SENT_AT // MILLISECOND,
        "created_at": SENT_AT,
        "sender": sender,
        "sender_display_name": "Alice",
        "content": "The kitchen closes at ten.",
    }
    return Message(**(values | members))


def an_edited_message(sender: str = ALICE, **members: Any) -> Message:
    """The same message after an edit, now."""
    values = {"content": "At eleven.", "edited_at": NOW, "version": NOW // MILLISECOND}
    return a_message(sender, **(values | members))


def a_deleted_message(sender: str = ALICE, **members: Any) -> Message:
    """The same message, now deleted."""
    values = {"content": None, "deleted_at": NOW, "version": NOW // MILLISECOND}
    return a_message(sender, **(values | members))


def happening_of(action: str, scene: Scene) -> Happening:
    """The happening that `action` comes to."""
    thread = a_thread(*scene.participants, id=scene.thread, created_by=scene.creator)
    affected = tuple(Participant(raw_id=raw_id) for raw_id in scene.affected)
    by = scene.initiator or ""
    name = {"sender_display_name": "Alice" if scene.sender_has_name else None}
    makers: dict[str, Callable[[], Happening]] = {
        "create-thread": lambda: ThreadCreated(thread=thread),
        "update-properties": lambda: PropertiesUpdated(thread=thread, by=by, at=NOW, topic="New"),
        "delete-thread": lambda: ThreadDeleted(thread=thread, by=by, at=NOW),
        "retention": lambda: ThreadDeleted(thread=thread, by=None, at=NOW),
        "add-participants": lambda: ParticipantsAdded(thread=thread, by=by, at=NOW, added=affected),
        "remove-participant": lambda: ParticipantRemoved(
            thread=thread, by=by, at=NOW, removed=affected[0]
        ),
        "leave": lambda: ParticipantRemoved(thread=thread, by=by, at=NOW, removed=affected[0]),
        "send-message": lambda: MessageSent(thread=thread, message=a_message(by, **name)),
        "edit-message": lambda: MessageEdited(thread=thread, message=an_edited_message(by, **name)),
        "delete-message": lambda: MessageDeleted(
            thread=thread, message=a_deleted_message(by, **name)
        ),
        "send-typing": lambda: TypingStarted(
            thread=thread, sender=by, sender_display_name=None, at=NOW
        ),
        "send-read-receipt": lambda: MessageRead(
            thread=thread, receipt=ReadReceipt(sender=by, message_id=1, read_at=NOW)
        ),
    }
    return makers[action]()


def publish(happening: Happening, **settings: Any) -> list[dict[str, Any]]:
    """The events of a happening under these settings, decoded."""
    resource = a_resource(**settings)
    return [json.loads(event) for event in events_of(happening, resource, guids())]
