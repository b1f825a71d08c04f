"""What does a reply of Chat look like?

Shapes of the Chat OpenAPI (2024-03-07, 2025-03-15); what is empty, and how times are written, as in
recorded sessions of the clients for .NET and JavaScript (`SessionRecords` of azure-sdk-for-net,
`recordings` of azure-sdk-for-js). Members that have no value are left out.
"""

from collections.abc import Iterable
from typing import Any

from switchhook.clock import to_text
from switchhook.communication.chat.model import (
    Message,
    MessageKind,
    Participant,
    ReadReceipt,
    Thread,
)
from switchhook.communication.chat.retention import render_retention_policy
from switchhook.communication.identifiers import is_user_of, render_identifier
from switchhook.communication.resources import CommunicationResource

# The two errors that the OpenAPI's examples have for participants who could not be added. Which
# reason has which is not said: 404 for unknown users of the resource, 403 for all others (assumed).
NOT_FOUND = {"code": "404", "message": "Not found"}
NOT_PERMITTED = {"code": "403", "message": "Permissions check failed"}


def thread_reply(thread: Thread) -> dict[str, Any]:
    """`ChatThreadProperties`."""
    return _with_values(
        id=thread.id,
        topic=thread.topic,
        createdOn=_time(thread.created_at),
        createdByCommunicationIdentifier=render_identifier(thread.created_by),
        deletedOn=_time_or_none(thread.deleted_at),
        metadata=thread.metadata or None,
        retentionPolicy=render_retention_policy(thread.retention_policy),
    )


def thread_item_reply(thread: Thread, last_message_at: int | None) -> dict[str, Any]:
    """`ChatThreadItem`; `last_message_at` is that of the last of its messages."""
    return _with_values(
        id=thread.id,
        topic=thread.topic,
        deletedOn=_time_or_none(thread.deleted_at),
        lastMessageReceivedOn=_time_or_none(last_message_at),
    )


def created_reply(
    thread: Thread, rejected: Iterable[str], resource: CommunicationResource
) -> dict[str, Any]:
    """`CreateChatThreadResult`; `rejected` are the raw ids that could not be added."""
    return {"chatThread": thread_reply(thread)} | added_reply(rejected, resource)


def added_reply(rejected: Iterable[str], resource: CommunicationResource) -> dict[str, Any]:
    """`AddChatParticipantsResult`: empty where everybody was added."""
    errors = [
        {"target": raw_id} | (NOT_FOUND if is_user_of(raw_id, resource) else NOT_PERMITTED)
        for raw_id in rejected
    ]
    return {"invalidParticipants": errors} if errors else {}


def participant_reply(participant: Participant) -> dict[str, Any]:
    """`ChatParticipant`; whoever sees the whole history sees it since 1970."""
    return _with_values(
        communicationIdentifier=render_identifier(participant.raw_id),
        displayName=participant.display_name,
        shareHistoryTime=_time(participant.share_history_time),
        metadata=participant.metadata or None,
    )


def message_reply(message: Message) -> dict[str, Any]:
    """`ChatMessage`; a deleted one has an empty text, a sender without a name an empty name."""
    name = message.sender_display_name
    return _with_values(
        id=str(message.id),
        type=message.kind.value,
        sequenceId=str(message.sequence),
        version=str(message.version),
        content=_content(message),
        senderDisplayName=name if message.kind.is_system else name or "",
        createdOn=_time(message.created_at),
        senderCommunicationIdentifier=_identifier_or_none(message.sender),
        deletedOn=_time_or_none(message.deleted_at),
        editedOn=_time_or_none(message.edited_at),
        metadata=message.metadata or None,
    )


def receipt_reply(receipt: ReadReceipt) -> dict[str, Any]:
    """`ChatMessageReadReceipt`."""
    return {
        "senderCommunicationIdentifier": render_identifier(receipt.sender),
        "chatMessageId": str(receipt.message_id),
        "readOn": _time(receipt.read_at),
    }


def page_reply(items: list[dict[str, Any]], next_link: str) -> dict[str, Any]:
    """One page of a list; `next_link` is empty on the last."""
    return {"value": items} | ({"nextLink": next_link} if next_link else {})


def _content(message: Message) -> dict[str, Any]:
    match message.kind:
        case MessageKind.TEXT | MessageKind.HTML:
            return {"message": message.content or ""}
        case MessageKind.TOPIC_UPDATED:
            said: dict[str, Any] = {"topic": message.topic or ""}
        case MessageKind.PARTICIPANT_ADDED | MessageKind.PARTICIPANT_REMOVED:
            said = {"participants": [participant_reply(each) for each in message.participants]}
    initiator = _identifier_or_none(message.initiator)
    return said | _with_values(initiatorCommunicationIdentifier=initiator)


def _identifier_or_none(raw_id: str | None) -> dict[str, Any] | None:
    return None if raw_id is None else render_identifier(raw_id)


def _time(instant: int) -> str:
    """Cut to the second: `yyyy-MM-ddTHH:mm:ssZ`."""
    return to_text(instant, digits=0)


def _time_or_none(instant: int | None) -> str | None:
    return None if instant is None else _time(instant)


def _with_values(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
