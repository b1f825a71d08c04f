"""What do sending, editing and deleting a message come to?

Only its sender may change or delete a message (concept article about chat).
"""

import msgspec
from msgspec import UNSET

from switchhook.communication.chat.happenings import MessageDeleted, MessageEdited, MessageSent
from switchhook.communication.chat.history import append, milliseconds, next_message_id
from switchhook.communication.chat.html import sanitize
from switchhook.communication.chat.metadata import merge
from switchhook.communication.chat.model import Message, MessageKind, Participant
from switchhook.communication.chat.permissions import check_participant, forbidden
from switchhook.communication.chat.request_values import (
    MAX_CONTENT_BYTES,
    MAX_MESSAGE_METADATA_BYTES,
)
from switchhook.communication.chat.requests import SendMessage, UpdateMessage
from switchhook.communication.chat.state import Step, ThreadState
from switchhook.communication.json_requests import bad_request
from switchhook.errors import RequestError

# What an edit of a deleted message is answered is not documented (assumed).
EDIT_OF_DELETED = 404
# Of sanitized HTML: what it is when every character had to be escaped, as `&amp;` (assumed).
MAX_SANITIZED_BYTES = 5 * MAX_CONTENT_BYTES


def not_found(message_id: int | str) -> RequestError:
    """The answer where a thread has no such message, or none that the caller may see."""
    return RequestError(404, "NotFound", f"The message '{message_id}' was not found.")


def is_visible(participant: Participant, message: Message) -> bool:
    """Whether the history that is shared with a participant reaches back to a message."""
    return message.created_at >= participant.share_history_time


def check_visible(participant: Participant, message: Message) -> None:
    """Refuse to tell of a message outside of the history that is shared with a participant.

    Raises:
        RequestError: 404 `NotFound`.
    """
    if not is_visible(participant, message):
        raise not_found(message.id)


def send(state: ThreadState, caller_id: str, request: SendMessage, now: int) -> Step:
    """A new message of the caller; `now` in nanoseconds, its id and version in milliseconds.

    Raises:
        RequestError: 403 `Forbidden`, the caller is not a participant; 400, its HTML becomes too
            large.
    """
    check_participant(state, caller_id)
    message_id = next_message_id(state.head, now)
    message = Message(
        id=message_id,
        kind=request.kind,
        sequence=state.head.sequence + 1,
        version=message_id,
        created_at=now,
        sender=caller_id,
        sender_display_name=request.sender_display_name,
        content=_content(request.kind, request.content),
        metadata=request.metadata,
    )
    return Step(
        state=append(state, message),
        messages=(message,),
        happening=MessageSent(thread=state.thread, message=message),
    )


def edit(
    state: ThreadState, message: Message, caller_id: str, request: UpdateMessage, now: int
) -> Step:
    """The message with other content or metadata; a request that names neither changes nothing.

    Raises:
        RequestError: 403 `Forbidden`, the caller is not its sender or not a participant; 404, it is
            deleted or too old to be seen; 400, its metadata or its HTML becomes too large.
    """
    _check_sender(state, message, caller_id)
    if message.deleted_at is not None:
        raise RequestError(EDIT_OF_DELETED, "NotFound", f"The message '{message.id}' was deleted.")
    if request.content is None and request.metadata in (UNSET, {}):
        return Step(state=state)
    edited = msgspec.structs.replace(
        message,
        content=message.content
        if request.content is None
        else _content(message.kind, request.content),
        metadata=merge(message.metadata, request.metadata, MAX_MESSAGE_METADATA_BYTES),
        version=_next_version(message, now),
        edited_at=now,
    )
    return Step(
        state=state,
        messages=(edited,),
        happening=MessageEdited(thread=state.thread, message=edited),
    )


def delete(state: ThreadState, message: Message, caller_id: str, now: int) -> Step:
    """The message without content and metadata; deleting it again changes nothing (assumed).

    Raises:
        RequestError: 403 `Forbidden`, the caller is not its sender or not a participant; 404, it is
            too old to be seen.
    """
    _check_sender(state, message, caller_id)
    if message.deleted_at is not None:
        return Step(state=state)
    deleted = msgspec.structs.replace(
        message,
        content=None,
        metadata={},
        version=_next_version(message, now),
        deleted_at=now,
    )
    return Step(
        state=state,
        messages=(deleted,),
        happening=MessageDeleted(thread=state.thread, message=deleted),
    )


def _content(kind: MessageKind, content: str) -> str:
    if kind is not MessageKind.HTML:
        return content
    sanitized = sanitize(content)
    if len(sanitized.encode()) > MAX_SANITIZED_BYTES:
        raise bad_request(
            f"'content' has over {MAX_SANITIZED_BYTES} bytes as soon as its elements are closed."
        )
    return sanitized


def _check_sender(state: ThreadState, message: Message, caller_id: str) -> None:
    """Messages of the service have no sender: nobody may change them."""
    check_visible(check_participant(state, caller_id), message)
    if message.sender != caller_id:
        raise forbidden()


def _next_version(message: Message, now: int) -> int:
    """The millisecond of the change; versions rise even within one."""
    return max(milliseconds(now), message.version + 1)
