"""Which values does a chat event have?

The chat events article and its samples; members by the catalogue's current names. What differs
between the copies of one event (`recipientCommunicationIdentifier`, `transactionId`) is not here.
"""

from enum import StrEnum
from typing import Any

from switchhook.clock import MILLISECOND, to_text
from switchhook.communication import catalogue
from switchhook.communication.chat.happenings import (
    ParticipantRemoved,
    ParticipantsAdded,
    PropertiesUpdated,
    ThreadDeleted,
    TypingStarted,
)
from switchhook.communication.chat.model import (
    Message,
    MessageKind,
    Participant,
    RetentionPolicy,
    Thread,
)
from switchhook.communication.chat.retention import render_retention_policy
from switchhook.communication.resources import EventSettings

# The values of the chat API with a capital; samples have `Text` only (assumed for `Html`).
KINDS = {MessageKind.TEXT: "Text", MessageKind.HTML: "Html"}
# Documents in which a message always has the name of its sender: without one it is "" (assumed).
NAMES_ALWAYS = frozenset({"draft-2020-03", "draft-2020-07"})


class Level(StrEnum):
    """Whom an event is for; the value is how its times write UTC."""

    THREAD = "+00:00"
    USER = "Z"

    def time(self, instant: int) -> str:
        """An instant to 100 nanoseconds, such as that of a change of a thread."""
        return to_text(instant).removesuffix("Z") + self

    def time_of(self, milliseconds: int) -> str:
        """An instant that is also an id or a version."""
        return to_text(milliseconds * MILLISECOND, digits=3).removesuffix("Z") + self


Values = dict[str, Any]


def created(thread: Thread, level: Level, settings: EventSettings) -> Values:
    """ChatThreadCreated, ChatThreadCreatedWithUser."""
    values = _thread(thread, level) | {
        "createdByCommunicationIdentifier": _user(thread.created_by),
        "properties": {"topic": thread.topic},
        "participants": [_participant(each) for each in thread.participants],
    }
    return values | _metadata(thread.metadata) | _retention(thread.retention_policy, settings)


def updated(change: PropertiesUpdated, level: Level, settings: EventSettings) -> Values:
    """ChatThreadPropertiesUpdated, ChatThreadPropertiesUpdatedPerUser.

    `metadata` is the thread's as it is now; the specification requires it at thread level.
    """
    values = _thread(change.thread, level) | {
        "editedByCommunicationIdentifier": _user(change.by),
        "editTime": level.time(change.at),
        "properties": {} if change.topic is None else {"topic": change.topic},
    }
    if level is Level.THREAD:
        values["metadata"] = {}
    thread = change.thread
    return values | _metadata(thread.metadata) | _retention(thread.retention_policy, settings)


def deleted(change: ThreadDeleted, level: Level, settings: EventSettings) -> Values:
    """ChatThreadDeleted, ChatThreadWithUserDeleted.

    What a retention policy deletes is deleted by the thread's creator, who set it (assumed).
    """
    deleter = change.thread.created_by if change.by is None else change.by
    values = _thread(change.thread, level) | {
        "deletedByCommunicationIdentifier": _user(deleter),
        "deleteTime": level.time(change.at),
    }
    if settings.newest_members and level is Level.THREAD:
        values["reason"] = change.reason
    return values


def added(change: ParticipantsAdded, participant: Participant, level: Level) -> Values:
    """ChatThreadParticipantAdded, ChatParticipantAddedToThreadWithUser."""
    return _thread(change.thread, level) | {
        "time": level.time(change.at),
        "addedByCommunicationIdentifier": _user(change.by),
        "participantAdded": _participant(participant),
    }


def removed(change: ParticipantRemoved, level: Level) -> Values:
    """ChatThreadParticipantRemoved, ChatParticipantRemovedFromThreadWithUser."""
    return _thread(change.thread, level) | {
        "time": level.time(change.at),
        "removedByCommunicationIdentifier": _user(change.by),
        "participantRemoved": _participant(change.removed),
    }


def sent(thread: Thread, message: Message, level: Level, settings: EventSettings) -> Values:
    """ChatMessageReceived, ChatMessageReceivedInThread, ChatAzureBotCommandReceivedInThread."""
    values = _message(thread, message, level, settings)
    values["messageBody"] = message.content or ""
    return values | _metadata(message.metadata)


def edited(thread: Thread, message: Message, level: Level, settings: EventSettings) -> Values:
    """ChatMessageEdited, ChatMessageEditedInThread; `editTime` is the instant of `version`."""
    values = sent(thread, message, level, settings)
    values["editTime"] = level.time_of(message.version)
    return values


def removed_message(
    thread: Thread, message: Message, level: Level, settings: EventSettings
) -> Values:
    """ChatMessageDeleted, ChatMessageDeletedInThread: no body, no metadata."""
    values = _message(thread, message, level, settings)
    deleted_at = message.deleted_at
    at = message.version if deleted_at is None else deleted_at // MILLISECOND
    values["deleteTime"] = level.time_of(at)
    return values


def typing(signal: TypingStarted, level: Level) -> Values:
    """ChatTypingIndicatorReceivedInThread.

    Its schema is that of a message, its only example lacks half of that: the signal is written as
    an empty message of its moment (assumed).
    """
    at = signal.at // MILLISECOND
    values = {
        "messageBody": "",
        "messageId": str(at),
        "type": KINDS[MessageKind.TEXT],
        "version": at,
        "senderCommunicationIdentifier": _user(signal.sender),
        "composeTime": level.time_of(at),
        "threadId": signal.thread.id,
    }
    if signal.sender_display_name is not None:
        values["senderDisplayName"] = signal.sender_display_name
    return values


def _message(thread: Thread, message: Message, level: Level, settings: EventSettings) -> Values:
    values = {
        "messageId": str(message.id),
        "type": KINDS[message.kind],
        "version": message.version,
        "senderCommunicationIdentifier": _user(message.sender or ""),
        "composeTime": level.time_of(message.id),
        "threadId": thread.id,
    }
    name = message.sender_display_name
    if name is not None or settings.profile in NAMES_ALWAYS:
        values["senderDisplayName"] = name or ""
    if settings.newest_members:
        values["sequenceId"] = message.sequence
    return values


def _thread(thread: Thread, level: Level) -> Values:
    return {
        "threadId": thread.id,
        "createTime": level.time_of(thread.created_at // MILLISECOND),
        "version": thread.version,
    }


def _participant(participant: Participant) -> Values:
    values: Values = {"participantCommunicationIdentifier": _user(participant.raw_id)}
    if participant.display_name is not None:
        values["displayName"] = participant.display_name
    return values | _metadata(participant.metadata)


def _metadata(metadata: dict[str, str]) -> Values:
    """Where it is optional, empty metadata are left out (assumed)."""
    return {"metadata": metadata} if metadata else {}


def _retention(policy: RetentionPolicy | None, settings: EventSettings) -> Values:
    if policy is None or not settings.newest_members:
        return {}
    return {"retentionPolicy": render_retention_policy(policy)}


def _user(raw_id: str) -> Values:
    return catalogue.identifier_of(raw_id, kind=False)
