"""What can happen in a chat thread?

Each action of the API comes to one happening (or none). Events on Event Grid, pushes to browsers
and the history's system messages are all derived from it.
"""

import msgspec

from switchhook.communication.chat.model import Message, Participant, ReadReceipt, Thread


class ThreadCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A thread exists; its creator is among its participants."""

    thread: Thread


class PropertiesUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """Topic, metadata or retention policy changed; `thread` is as it is now.

    `topic` is the new one, None where it was not part of the change.
    """

    thread: Thread
    by: str
    at: int
    topic: str | None


class ThreadDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A thread is gone; `thread` is as it was. `by` is None where its retention policy did it."""

    thread: Thread
    by: str | None
    at: int

    @property
    def reason(self) -> str:
        """As events and pushes write it (`DeleteReason` of @azure/communication-signaling)."""
        return "deletedByPolicy" if self.by is None else "deletedByUser"


class ParticipantsAdded(msgspec.Struct, frozen=True, kw_only=True):
    """Users joined; `thread` has them among its participants."""

    thread: Thread
    by: str
    at: int
    added: tuple[Participant, ...]


class ParticipantRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """A user left or was removed; `thread` is as it is now, without that user."""

    thread: Thread
    by: str
    at: int
    removed: Participant


class MessageSent(msgspec.Struct, frozen=True, kw_only=True):
    """A user posted a message."""

    thread: Thread
    message: Message


class MessageEdited(msgspec.Struct, frozen=True, kw_only=True):
    """Its sender changed a message; `message` is as it is now."""

    thread: Thread
    message: Message


class MessageDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """Its sender deleted a message; `message` has no content any more."""

    thread: Thread
    message: Message


class TypingStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A participant is typing."""

    thread: Thread
    sender: str
    sender_display_name: str | None
    at: int


class MessageRead(msgspec.Struct, frozen=True, kw_only=True):
    """A participant has read up to a message; it publishes no event."""

    thread: Thread
    receipt: ReadReceipt


Happening = (
    ThreadCreated
    | PropertiesUpdated
    | ThreadDeleted
    | ParticipantsAdded
    | ParticipantRemoved
    | MessageSent
    | MessageEdited
    | MessageDeleted
    | TypingStarted
    | MessageRead
)
