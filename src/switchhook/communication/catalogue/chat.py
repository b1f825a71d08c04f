"""The chat family: article "Chat events", revision of 2024, and the specification of 2025.

A thread-level event exists once for a thread, its user-level twin once for each participant but
the one who acted.
"""

from switchhook.communication.catalogue.identifiers import ALICE, BOB, CAROL, identifier
from switchhook.communication.catalogue.model import (
    EventType,
    Family,
    Field,
    Kind,
    Required,
    TimeForm,
    group,
    items,
    mapping,
    scalar,
    text,
    time,
)

_PREFIX = "Microsoft.Communication."
_THREAD_ID = "19:5a1f00000000400080000000000c4a70@thread.v2"
_TRANSACTION_ID = "Wh3reH0oksM33tSw1tchEs.1.1.1.1.100200300.1.1"

# Thread-level message events whose `version` the article's samples write as a string.
MESSAGES_IN_THREAD = tuple(
    f"{_PREFIX}{name}InThread"
    for name in (
        "ChatMessageReceived",
        "ChatMessageEdited",
        "ChatMessageDeleted",
        "ChatTypingIndicatorReceived",
        "ChatAzureBotCommandReceived",
    )
)

_VECTOR = "correlation vector"
_TRANSACTION = text("transactionId", Required.ALWAYS, _TRANSACTION_ID, note=_VECTOR)
_THREAD = text("threadId", Required.ALWAYS, _THREAD_ID)
# The specification requires both at thread level only.
_THREAD_TAIL = (
    text("threadId", Required.YES, _THREAD_ID),
    text("transactionId", Required.YES, _TRANSACTION_ID, note=_VECTOR),
)
_RECIPIENT_ID = text(
    "recipientId",
    Required.LEGACY,
    BOB,
    sources=("recipientCommunicationIdentifier.rawId",),
    note="the recipient's raw id",
)
_RECIPIENT = identifier(
    "recipientCommunicationIdentifier",
    Required.ALWAYS,
    BOB,
    note="the user that this copy is meant for",
)
_METADATA = mapping("metadata", Required.NO, {"priority": "high"}, shown=True)
_QUIET_METADATA = mapping("metadata", Required.NO, {"priority": "high"})
_PROPERTIES = mapping("properties", Required.YES, {"topic": "Table bookings"}, Kind.ANY)
# A 64-bit number in Azure.Messaging.EventGrid.SystemEvents, which does not read a text.
_SEQUENCE = scalar("sequenceId", Kind.INTEGER, Required.NEW, 1)
_RETENTION = group(
    "retentionPolicy",
    Required.NEW,
    text("kind", Required.ALWAYS, "threadCreationDate", allowed=("none", "threadCreationDate")),
    scalar("deleteThreadAfterDays", Kind.INTEGER, Required.NO, 60),
)


def _raw_id(name: str, identifier_name: str, raw_id: str = ALICE) -> Field:
    """The raw id that user-level events repeat beside the identifier."""
    return text(
        name,
        Required.LEGACY,
        raw_id,
        sources=(f"{identifier_name}.rawId",),
        note=f"the raw id of `{identifier_name}`",
    )


def _participant(name: str, raw_id: str, display_name: str) -> Field:
    return group(name, Required.YES, *_participant_members(raw_id, display_name))


def _participant_members(raw_id: str, display_name: str) -> tuple[Field, ...]:
    return (
        text("displayName", Required.NO, display_name, shown=True),
        identifier("participantCommunicationIdentifier", Required.YES, raw_id),
        _QUIET_METADATA,
    )


_PARTICIPANTS = items("participants", Required.YES, *_participant_members(BOB, "Bob"))
_MEMBERS = items(
    "members",
    Required.LEGACY,
    text("displayName", Required.LEGACY, "Bob"),
    text(
        "memberId",
        Required.LEGACY,
        BOB,
        sources=("participantCommunicationIdentifier.rawId",),
        note="raw id",
    ),
    sources=("participants",),
    note="the participants, as the preview named them",
)


def _version(before: int = 500) -> Field:
    return time("version", Required.ALWAYS, before, TimeForm.MILLISECONDS)


def _message(
    level: str,
    change: str = "",
    *,
    has_body: bool = True,
    body_example: str = "The kitchen closes at ten.",
) -> tuple[Field, ...]:
    """The members of a message event; `change` names the time of an edit or deletion."""
    is_user_level = level == "user"
    form = TimeForm.ZULU if is_user_level else TimeForm.OFFSET
    version = _version(500 if change else 900)
    kind = text("type", Required.YES, "Text", allowed=("Text", "Html"))
    compose_time = time("composeTime", Required.ALWAYS, 60_000 if change else 900, form)
    display_name = text("senderDisplayName", Required.NO, "Alice", shown=True)
    sender = identifier("senderCommunicationIdentifier", Required.YES)
    body = Required.YES if change or not is_user_level else Required.ALWAYS
    start = (
        *((time(change, Required.ALWAYS, 500, form),) if change else ()),
        *((text("messageBody", body, body_example),) if has_body else ()),
        time(
            "messageId",
            Required.YES,
            60_000 if change else 900,
            TimeForm.MILLISECONDS_TEXT,
        ),
        *((_METADATA,) if has_body else ()),
    )
    if not is_user_level:
        about = (kind, version, display_name, sender, compose_time)
        return (*start, *about, *_THREAD_TAIL, _SEQUENCE)
    sender_id = _raw_id("senderId", "senderCommunicationIdentifier")
    sent = (sender_id, sender, display_name, compose_time, kind, version)
    return (*start, *sent, _RECIPIENT_ID, _RECIPIENT, _TRANSACTION, _THREAD, _SEQUENCE)


def _thread_tail(level: str) -> tuple[Field, ...]:
    """What ends every event about a thread itself; the two levels order it differently."""
    form = TimeForm.ZULU if level == "user" else TimeForm.OFFSET
    create = time("createTime", Required.ALWAYS, 90_000, form)
    if level == "user":
        return (create, _version(), _RECIPIENT_ID, _RECIPIENT, _TRANSACTION, _THREAD)
    return (create, _version(), *_THREAD_TAIL)


def _participant_change(level: str, verb: str) -> tuple[Field, ...]:
    form = TimeForm.ZULU if level == "user" else TimeForm.OFFSET
    lower = verb.lower()
    # In every sample of the thread level, yet not in the schema of these two types.
    required = Required.ALWAYS if level == "user" else Required.LEGACY
    create = time("createTime", required, 90_000, form, shown=True)
    start = (
        time("time", Required.ALWAYS, 1500, form),
        identifier(f"{lower}ByCommunicationIdentifier", Required.YES),
        _participant(f"participant{verb}", CAROL, "Carol"),
    )
    if level == "user":
        return (*start, _RECIPIENT, create, _version(), _TRANSACTION, _THREAD)
    return (*start, create, _version(), *_THREAD_TAIL)


def _event(name: str, when: str, subject: str, *fields: Field, note: str = "") -> EventType:
    return EventType(
        name=_PREFIX + name,
        family=Family.CHAT,
        when=when,
        subject=subject,
        fields=fields,
        note=note,
    )


_TO_RECIPIENT = "/recipient/{recipientRawId}"
_SENDER = "thread/{threadId}/sender/{senderRawId}"
_DELETE_TIME = time("deleteTime", Required.ALWAYS, 400)
_EDIT_TIME = time("editTime", Required.ALWAYS, 500)

_USER_LEVEL = (
    _event(
        "ChatMessageReceived",
        "Someone posts a message in a thread of the recipient; one event a recipient.",
        _SENDER + _TO_RECIPIENT,
        *_message("user"),
    ),
    _event(
        "ChatMessageEdited",
        "A message in a thread of the recipient is edited; one event a recipient.",
        _SENDER + _TO_RECIPIENT,
        *_message("user", "editTime"),
    ),
    _event(
        "ChatMessageDeleted",
        "A message in a thread of the recipient is deleted; one event a recipient.",
        _SENDER + _TO_RECIPIENT,
        *_message("user", "deleteTime", has_body=False),
    ),
    _event(
        "ChatThreadCreatedWithUser",
        "Someone creates a thread with the recipient in it; one event a recipient.",
        "thread/{threadId}/createdBy/{creatorRawId}" + _TO_RECIPIENT,
        _raw_id("createdBy", "createdByCommunicationIdentifier"),
        identifier("createdByCommunicationIdentifier", Required.YES),
        _PROPERTIES,
        _QUIET_METADATA,
        _MEMBERS,
        _PARTICIPANTS,
        *_thread_tail("user"),
        _RETENTION,
    ),
    _event(
        "ChatThreadWithUserDeleted",
        "A thread of the recipient is deleted; one event a recipient.",
        "thread/{threadId}/deletedBy/{deleterRawId}" + _TO_RECIPIENT,
        _raw_id("deletedBy", "deletedByCommunicationIdentifier"),
        identifier("deletedByCommunicationIdentifier", Required.YES),
        _DELETE_TIME,
        *_thread_tail("user"),
    ),
    _event(
        "ChatThreadPropertiesUpdatedPerUser",
        "A thread of the recipient gets another topic or property; one event a recipient.",
        "thread/{threadId}/editedBy/{editorRawId}" + _TO_RECIPIENT,
        _raw_id("editedBy", "editedByCommunicationIdentifier"),
        identifier("editedByCommunicationIdentifier", Required.YES),
        _EDIT_TIME,
        _PROPERTIES,
        _QUIET_METADATA,
        *_thread_tail("user"),
        _RETENTION,
    ),
    _event(
        "ChatParticipantAddedToThreadWithUser",
        "Someone joins a thread of the recipient; one event a recipient and newcomer.",
        "thread/{threadId}/participantAdded/{addedRawId}" + _TO_RECIPIENT,
        *_participant_change("user", "Added"),
    ),
    _event(
        "ChatParticipantRemovedFromThreadWithUser",
        "Someone leaves a thread of the recipient; one event a recipient.",
        "thread/{threadId}/participantRemoved/{removedRawId}" + _TO_RECIPIENT,
        *_participant_change("user", "Removed"),
    ),
)

_UPDATED_METADATA = mapping(
    "metadata", Required.YES, {"priority": "high"}, note="`{}` when the thread has none"
)

_THREAD_LEVEL = (
    _event(
        "ChatThreadCreated",
        "A thread is created.",
        "thread/{threadId}/createdBy/{creatorRawId}",
        identifier("createdByCommunicationIdentifier", Required.YES),
        _PROPERTIES,
        _QUIET_METADATA,
        _PARTICIPANTS,
        *_thread_tail("thread"),
        _RETENTION,
    ),
    _event(
        "ChatThreadDeleted",
        "A thread is deleted, by a user or by its retention policy.",
        "thread/{threadId}/deletedBy/{deleterRawId}",
        identifier("deletedByCommunicationIdentifier", Required.YES),
        time("deleteTime", Required.ALWAYS, 400, TimeForm.OFFSET),
        *_thread_tail("thread"),
        text(
            "reason",
            Required.NEW,
            "deletedByUser",
            allowed=("deletedByUser", "deletedByPolicy"),
        ),
    ),
    _event(
        "ChatThreadPropertiesUpdated",
        "A thread gets another topic or property.",
        "thread/{threadId}/editedBy/{editorRawId}",
        identifier("editedByCommunicationIdentifier", Required.YES),
        time("editTime", Required.ALWAYS, 500, TimeForm.OFFSET),
        _PROPERTIES,
        _UPDATED_METADATA,
        *_thread_tail("thread"),
        _RETENTION,
    ),
    # The last segment is lower case at this level and camel case at user level, in every sample.
    _event(
        "ChatThreadParticipantAdded",
        "Someone joins a thread; one event a newcomer.",
        "thread/{threadId}/participantadded/{addedRawId}",
        *_participant_change("thread", "Added"),
    ),
    _event(
        "ChatThreadParticipantRemoved",
        "Someone leaves a thread.",
        "thread/{threadId}/participantremoved/{removedRawId}",
        *_participant_change("thread", "Removed"),
    ),
    _event(
        "ChatMessageReceivedInThread",
        "Someone posts a message in a thread.",
        _SENDER,
        *_message("thread"),
    ),
    _event(
        "ChatMessageEditedInThread",
        "A message in a thread is edited.",
        _SENDER,
        *_message("thread", "editTime"),
    ),
    _event(
        "ChatMessageDeletedInThread",
        "A message in a thread is deleted.",
        _SENDER,
        *_message("thread", "deleteTime", has_body=False),
    ),
    _event(
        "ChatTypingIndicatorReceivedInThread",
        "Someone is typing in a thread.",
        _SENDER,
        *_message("thread", body_example=""),
        note="Described by the specification only, whose example is incomplete.",
    ),
    _event(
        "ChatAzureBotCommandReceivedInThread",
        "Someone gives a command to an Azure bot in a thread.",
        _SENDER,
        *_message("thread"),
        text("senderId", Required.LEGACY, ALICE),
        text("recipientId", Required.LEGACY, BOB),
        identifier("recipientCommunicationIdentifier", Required.LEGACY, BOB),
        note="Described by the specification only, whose example is that of another type.",
    ),
)


def _member_change(verb: str, preposition: str, when: str) -> EventType:
    lower = verb.lower()
    return _event(
        f"ChatMember{verb}{preposition}ThreadWithUser",
        when,
        f"thread/{{threadId}}/member{verb}/{{{lower}RawId}}" + _TO_RECIPIENT,
        time("time", Required.ALWAYS, 1500),
        text(f"{lower}By", Required.ALWAYS, ALICE, note="raw id"),
        group(
            f"member{verb}",
            Required.ALWAYS,
            text("displayName", Required.NO, "Carol", shown=True),
            text("memberId", Required.ALWAYS, CAROL, note="raw id"),
        ),
        time("createTime", Required.ALWAYS, 90_000),
        _version(),
        text("recipientId", Required.ALWAYS, BOB, note="raw id"),
        _TRANSACTION,
        _THREAD,
    )


# Names that lived only in the preview of 2020.
PREVIEW_TYPES = (
    _member_change("Added", "To", "Someone joins a thread of the recipient (preview of 2020)."),
    _member_change(
        "Removed", "From", "Someone leaves a thread of the recipient (preview of 2020)."
    ),
)

TYPES = (*_USER_LEVEL, *_THREAD_LEVEL)
