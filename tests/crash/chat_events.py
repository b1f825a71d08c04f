"""Which event tells of which action, and whom is it for?"""

from enum import StrEnum

import msgspec

PREFIX = "Microsoft.Communication."


class Kind(StrEnum):
    """What was asked."""

    CREATE = "create"
    RETITLE = "retitle"
    DELETE_THREAD = "delete thread"
    ADD = "add"
    REMOVE = "remove"
    SEND = "send"
    EDIT = "edit"
    DELETE = "delete"


# The event of the thread, and that of each recipient.
_TYPES = {
    Kind.CREATE: ("ChatThreadCreated", "ChatThreadCreatedWithUser"),
    Kind.RETITLE: ("ChatThreadPropertiesUpdated", "ChatThreadPropertiesUpdatedPerUser"),
    Kind.DELETE_THREAD: ("ChatThreadDeleted", "ChatThreadWithUserDeleted"),
    Kind.ADD: ("ChatThreadParticipantAdded", "ChatParticipantAddedToThreadWithUser"),
    Kind.REMOVE: ("ChatThreadParticipantRemoved", "ChatParticipantRemovedFromThreadWithUser"),
    Kind.SEND: ("ChatMessageReceivedInThread", "ChatMessageReceived"),
    Kind.EDIT: ("ChatMessageEditedInThread", "ChatMessageEdited"),
    Kind.DELETE: ("ChatMessageDeletedInThread", "ChatMessageDeleted"),
}
_KINDS = {PREFIX + name: kind for kind, names in _TYPES.items() for name in names}
_THREAD_LEVEL = frozenset(PREFIX + names[0] for names in _TYPES.values())
EVENT_TYPES = tuple(_KINDS)
# Whom the thread-level event is for, among the recipients.
NOBODY = ""


class _Identifier(msgspec.Struct, rename="camel"):
    raw_id: str


class _Participant(msgspec.Struct, rename="camel"):
    display_name: str = ""


class _Data(msgspec.Struct, rename="camel"):
    thread_id: str
    message_id: str = ""
    message_body: str = ""
    properties: dict[str, str] = {}
    participant_added: _Participant | None = None
    participant_removed: _Participant | None = None
    recipient_communication_identifier: _Identifier | None = None


_data = msgspec.json.Decoder(_Data)


class Told(msgspec.Struct, frozen=True):
    """What an event says: an action, its token, its place, and whom this copy is for."""

    kind: Kind
    token: str
    place: str
    recipient: str


def read_event(event_type: str, content: bytes) -> Told:
    """What an event says; `content` is its data."""
    kind, data = _KINDS[event_type], _data.decode(content)
    place = f"{data.thread_id}/{data.message_id}" if data.message_id else data.thread_id
    return Told(kind, _token(kind, data), place, _recipient(event_type, data))


def _recipient(event_type: str, data: _Data) -> str:
    if event_type in _THREAD_LEVEL:
        return NOBODY
    assert data.recipient_communication_identifier is not None, event_type
    return data.recipient_communication_identifier.raw_id


def _token(kind: Kind, data: _Data) -> str:
    match kind:
        case Kind.CREATE | Kind.RETITLE:
            return data.properties.get("topic", "")
        case Kind.DELETE_THREAD:
            return data.thread_id
        case Kind.ADD | Kind.REMOVE:
            user = data.participant_added if kind == Kind.ADD else data.participant_removed
            return user.display_name if user else ""
        case Kind.SEND | Kind.EDIT:
            return data.message_body
        case Kind.DELETE:
            return f"{data.thread_id}/{data.message_id}"
