"""What is a browser told of what has happened in a chat thread, and who is told?

The members are those that `TrouterUtils.ts` of @azure/communication-signaling 1.0.0-beta.34 reads,
with the types of its `TrouterNotificationPayload.ts`. Users are raw ids; thread-level members that
hold structures are JSON text, escaped as in a URL.
"""

import json
from enum import IntEnum
from functools import singledispatch
from typing import Any
from urllib.parse import quote

import msgspec

from switchhook.clock import MILLISECOND, to_text
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
from switchhook.communication.chat.messages import is_visible
from switchhook.communication.chat.model import Message, MessageKind, Participant, Thread

# `events/chat.ts` says of every other event that its original sender receives it too, and of the
# read receipt nothing (assumed).
READER_HEARS_OF_OWN_RECEIPT = False
# Nobody is told, as by an edit, of messages from before the history that is shared (assumed).
HISTORY_BOUNDS_PUSHES = True

_MESSAGE_TYPES = {MessageKind.TEXT: "Text", MessageKind.HTML: "RichText/Html"}


class EventId(IntEnum):
    """`eventId` of a push (`eventIds` in TrouterUtils.ts)."""

    MESSAGE_RECEIVED = 200
    TYPING_INDICATOR_RECEIVED = 245
    READ_RECEIPT_RECEIVED = 246
    MESSAGE_EDITED = 247
    MESSAGE_DELETED = 248
    THREAD_CREATED = 257
    THREAD_PROPERTIES_UPDATED = 258
    THREAD_DELETED = 259
    PARTICIPANTS_ADDED = 260
    PARTICIPANTS_REMOVED = 261


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """What goes out: to which raw ids, and the body's members.

    `names_recipient`: each body carries the raw id of who gets it, as `recipientMri`.
    """

    event: EventId
    recipients: tuple[str, ...]
    members: dict[str, Any]
    names_recipient: bool = False


def body_for(push: Push, raw_id: str) -> str:
    """The body of a push as JSON text, for one of its recipients."""
    own = {"recipientMri": raw_id} if push.names_recipient else {}
    return msgspec.json.encode({"eventId": push.event.value, **push.members, **own}).decode()


@singledispatch
def push_of(happening: Happening) -> Push:
    """What browsers are told of a happening."""
    raise TypeError(f"not a happening: {type(happening).__name__}")


@push_of.register
def _(happening: MessageSent) -> Push:
    return _to_readers(EventId.MESSAGE_RECEIVED, happening, _content(happening))


@push_of.register
def _(happening: MessageEdited) -> Push:
    edited_at = happening.message.edited_at or happening.message.created_at
    members = {**_content(happening), "edittime": _time(edited_at)}
    return _to_readers(EventId.MESSAGE_EDITED, happening, members)


@push_of.register
def _(happening: MessageDeleted) -> Push:
    deleted_at = happening.message.deleted_at or happening.message.created_at
    members = {**_message(happening), "deletetime": _time(deleted_at)}
    return _to_readers(EventId.MESSAGE_DELETED, happening, members)


@push_of.register
def _(happening: TypingStarted) -> Push:
    members = {
        "groupId": happening.thread.id,
        "senderId": happening.sender,
        "senderDisplayName": happening.sender_display_name or "",
        "version": _milliseconds(happening.at),
        "originalArrivalTime": _time(happening.at),
    }
    return _to_all(EventId.TYPING_INDICATOR_RECEIVED, happening.thread, members)


@push_of.register
def _(happening: MessageRead) -> Push:
    receipt = happening.receipt
    read_at = _milliseconds(receipt.read_at)
    message_id = str(receipt.message_id)
    body = {
        "user": receipt.sender,
        # The message, when it was read, and the id that its sender gave it, which nobody does.
        "consumptionhorizon": f"{message_id};{read_at};0",
        "messageVisibilityTime": happening.thread.created_at // MILLISECOND,
        "version": read_at,
    }
    members = {
        "groupId": happening.thread.id,
        "senderId": receipt.sender,
        "messageId": message_id,
        "clientMessageId": "",
        "messageBody": _json(body),
    }
    recipients = tuple(
        each.raw_id
        for each in happening.thread.participants
        if READER_HEARS_OF_OWN_RECEIPT or each.raw_id != receipt.sender
    )
    return Push(
        event=EventId.READ_RECEIPT_RECEIVED,
        recipients=recipients,
        members=members,
        names_recipient=True,
    )


@push_of.register
def _(happening: ThreadCreated) -> Push:
    thread = happening.thread
    members = {
        **_thread(thread),
        "createTime": _time(thread.created_at),
        "createdBy": _user(thread, thread.created_by),
        "members": _escaped([_participant(each) for each in thread.participants]),
        "properties": _properties(thread),
    }
    return _of_thread(EventId.THREAD_CREATED, thread, members)


@push_of.register
def _(happening: PropertiesUpdated) -> Push:
    thread = happening.thread
    members = {
        **_thread(thread),
        "editTime": _time(happening.at),
        "editedBy": _user(thread, happening.by),
        "properties": _properties(thread),
    }
    return _of_thread(EventId.THREAD_PROPERTIES_UPDATED, thread, members)


@push_of.register
def _(happening: ThreadDeleted) -> Push:
    thread = happening.thread
    members = {
        **_thread(thread),
        "deleteTime": _time(happening.at),
        "reason": happening.reason,
    }
    if happening.by is not None:
        members["deletedBy"] = _user(thread, happening.by)
    return _of_thread(EventId.THREAD_DELETED, thread, members)


@push_of.register
def _(happening: ParticipantsAdded) -> Push:
    thread = happening.thread
    members = {
        **_thread(thread),
        "time": _time(happening.at),
        "addedBy": _user(thread, happening.by),
        "participantsAdded": _escaped([_participant(each) for each in happening.added]),
    }
    return _of_thread(EventId.PARTICIPANTS_ADDED, thread, members)


@push_of.register
def _(happening: ParticipantRemoved) -> Push:
    thread, removed = happening.thread, happening.removed
    by = removed if happening.by == removed.raw_id else None
    members = {
        **_thread(thread),
        "time": _time(happening.at),
        "removedBy": _user(thread, happening.by, by),
        "participantsRemoved": _escaped([_participant(removed)]),
    }
    push = _of_thread(EventId.PARTICIPANTS_REMOVED, thread, members)
    return msgspec.structs.replace(push, recipients=(*push.recipients, removed.raw_id))


def _to_readers(
    event: EventId,
    happening: MessageSent | MessageEdited | MessageDeleted,
    members: dict[str, Any],
) -> Push:
    """To every participant who may read the message."""
    people = happening.thread.participants
    if HISTORY_BOUNDS_PUSHES:
        people = tuple(each for each in people if is_visible(each, happening.message))
    push = _to_all(event, happening.thread, members)
    return msgspec.structs.replace(push, recipients=tuple(each.raw_id for each in people))


def _to_all(event: EventId, thread: Thread, members: dict[str, Any]) -> Push:
    push = _of_thread(event, thread, members)
    return msgspec.structs.replace(push, names_recipient=True)


def _of_thread(event: EventId, thread: Thread, members: dict[str, Any]) -> Push:
    recipients = tuple(each.raw_id for each in thread.participants)
    return Push(event=event, recipients=recipients, members=members)


def _message(happening: MessageSent | MessageEdited | MessageDeleted) -> dict[str, Any]:
    message: Message = happening.message
    return {
        "groupId": happening.thread.id,
        "senderId": message.sender or "",
        "senderDisplayName": message.sender_display_name or "",
        "messageId": str(message.id),
        "clientMessageId": "",
        "messageType": _MESSAGE_TYPES.get(message.kind, "Text"),
        "version": str(message.version),
        "originalArrivalTime": _time(message.created_at),
    }


def _content(happening: MessageSent | MessageEdited) -> dict[str, Any]:
    return {
        **_message(happening),
        "messageBody": happening.message.content or "",
        "acsChatMessageMetadata": _json(happening.message.metadata),
        "attachments": "[]",
    }


def _thread(thread: Thread) -> dict[str, Any]:
    return {"threadId": thread.id, "version": str(thread.version)}


def _properties(thread: Thread) -> str:
    properties = {"topic": thread.topic, "acsChatThreadMetadata": _json(thread.metadata)}
    policy = thread.retention_policy
    if policy is not None and policy.delete_thread_after_days is not None:
        span = f"{policy.delete_thread_after_days}.00:00:00"
        properties["retentionPolicy"] = _json(
            {"retentionPolicyType": "DeleteAfterCreationTime", "executeAfter": span}
        )
    return _escaped(properties)


def _user(thread: Thread, raw_id: str, known: Participant | None = None) -> str:
    """The user who acted, with a display name where the thread knows one."""
    part = known or thread.participant(raw_id)
    name = part.display_name if part is not None else None
    return _escaped({"participantId": raw_id, "displayName": name or ""})


def _participant(participant: Participant) -> dict[str, Any]:
    return {
        "participantId": participant.raw_id,
        "displayName": participant.display_name or "",
        "shareHistoryTime": _time(participant.share_history_time),
        "memberMetaData": _json(participant.metadata),
    }


def _time(instant: int) -> str:
    return to_text(instant, digits=3)


def _milliseconds(instant: int) -> str:
    return str(instant // MILLISECOND)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _escaped(value: Any) -> str:
    # The client takes this apart with `unescape`, which knows no UTF-8: all must be ASCII.
    return quote(_json(value), safe="")
