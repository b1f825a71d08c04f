"""What is a chat thread, and what is in it?

Shapes of the Chat OpenAPI (2024-03-07, 2025-03-15). Users are raw ids. Instants are nanoseconds
since the epoch, except ids and versions: those are milliseconds, as they stand in events.
"""

from enum import StrEnum

import msgspec

# What `shareHistoryTime` is when it is not given: the whole history (assumed).
WHOLE_HISTORY = 0


class MessageKind(StrEnum):
    """What a message is; the last three are written by the service."""

    TEXT = "text"
    HTML = "html"
    TOPIC_UPDATED = "topicUpdated"
    PARTICIPANT_ADDED = "participantAdded"
    PARTICIPANT_REMOVED = "participantRemoved"

    @property
    def is_system(self) -> bool:
        """Whether the service wrote it."""
        return self not in (MessageKind.TEXT, MessageKind.HTML)


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a thread is deleted by itself; without days, never (`none`)."""

    delete_thread_after_days: int | None = None


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """A user of a thread; sees messages since `share_history_time`."""

    raw_id: str
    display_name: str | None = None
    share_history_time: int = WHOLE_HISTORY
    metadata: dict[str, str] = {}


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A thread and its participants, in the order in which they joined.

    `version` is the millisecond of the last change. `retention_policy` is None where none was ever
    set. A deleted thread is remembered for a while.
    """

    id: str
    topic: str
    created_at: int
    created_by: str
    version: int
    metadata: dict[str, str] = {}
    retention_policy: RetentionPolicy | None = None
    participants: tuple[Participant, ...] = ()
    deleted_at: int | None = None

    def participant(self, raw_id: str) -> Participant | None:
        """That user's part in the thread."""
        return next((each for each in self.participants if each.raw_id == raw_id), None)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The front of a thread's history: what the next message is counted from.

    `sequence` and `message_id` are those of the last message, 0 before the first;
    `last_message_at` is the instant of the last one, the service's own included.
    """

    sequence: int = 0
    message_id: int = 0
    last_message_at: int | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a thread's history.

    `id` is the millisecond of its composition, one more where that is taken; `version` that of its
    last change. A deleted message has no content and no metadata. System messages have no sender
    but an `initiator`.
    """

    id: int
    kind: MessageKind
    sequence: int
    version: int
    created_at: int
    sender: str | None = None
    sender_display_name: str | None = None
    content: str | None = None
    topic: str | None = None
    participants: tuple[Participant, ...] = ()
    initiator: str | None = None
    metadata: dict[str, str] = {}
    edited_at: int | None = None
    deleted_at: int | None = None


class ReadReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Up to which message a participant has read."""

    sender: str
    message_id: int
    read_at: int
