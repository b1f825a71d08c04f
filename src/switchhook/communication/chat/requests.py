"""What do the requests of chat ask, and which limits do they keep?

Shapes: Chat OpenAPI 2024-03-07 and 2025-03-15, and what azure-communication-chat 1.3.0 and
@azure/communication-chat 1.6.0 send. Limits: the article about service limits. Updates are merge
patches: a member that is absent stays as it is, and null clears it; for metadata see `metadata`.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from switchhook.communication.chat import bodies
from switchhook.communication.chat.metadata import MetadataPatch
from switchhook.communication.chat.model import WHOLE_HISTORY, MessageKind, RetentionPolicy
from switchhook.communication.chat.request_values import (
    MAX_MESSAGE_METADATA_BYTES,
    MAX_METADATA_BYTES,
    MAX_ROWS,
    as_instant,
    as_message_id,
    as_row_count,
    check_content,
    check_display_name,
    check_metadata,
    check_topic,
)
from switchhook.communication.chat.retention import parse_retention_policy
from switchhook.communication.identifiers import raw_id_of
from switchhook.communication.json_requests import bad_request, decode

# "Batch of participants" of CreateThread and AddParticipant.
MAX_PARTICIPANTS_PER_REQUEST = 200
# The largest page of messages; that of the other lists is not documented (assumed the same), nor is
# the size of a page where the request names none (assumed the largest).
MAX_PAGE_SIZE = 200
DEFAULT_PAGE_SIZE = MAX_PAGE_SIZE
# Where a link to a next page carries our token; the service calls its own so.
TOKEN_PARAMETER = "syncState"  # noqa: S105 - the name of a parameter
_SENDABLE_KINDS = {kind.value: kind for kind in MessageKind if not kind.is_system}


class NewParticipant(msgspec.Struct, frozen=True, kw_only=True):
    """A user to add; `share_history_time` is None where the request leaves it open."""

    raw_id: str
    display_name: str | None = None
    share_history_time: int | None = None
    metadata: dict[str, str] = {}


class CreateThread(msgspec.Struct, frozen=True, kw_only=True):
    """The thread that `POST /chat/threads` asks for."""

    topic: str
    participants: tuple[NewParticipant, ...] = ()
    metadata: dict[str, str] = {}
    retention_policy: RetentionPolicy | None = None


class UpdateThread(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a thread; a topic of None and what is unset stay as they are.

    `metadata` is for `metadata.merge`. A `retention_policy` of None takes the policy away.
    """

    topic: str | None = None
    metadata: MetadataPatch = UNSET
    retention_policy: RetentionPolicy | UnsetType | None = UNSET


class SendMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The message that a user sends."""

    content: str
    kind: MessageKind = MessageKind.TEXT
    sender_display_name: str | None = None
    metadata: dict[str, str] = {}


class UpdateMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a message; content of None stays as it is. `metadata` is for its `merge`."""

    content: str | None = None
    metadata: MetadataPatch = UNSET


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A page of threads or messages, not older than `start_time` (nanoseconds since the epoch).

    `token` is what the link to this page carries, "" for the first page.
    """

    size: int = DEFAULT_PAGE_SIZE
    start_time: int = WHOLE_HISTORY
    token: str = ""


class SkipRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A page of participants or read receipts, after the first `skip` of them."""

    size: int = DEFAULT_PAGE_SIZE
    skip: int = 0


def parse_create_thread(body: bytes) -> CreateThread:
    """The request of `POST /chat/threads`.

    Raises:
        RequestError: 400; so do all functions here.
    """
    request = decode(body, bodies.create_thread_decoder)
    check_topic(request.topic)
    check_metadata(request.metadata)
    return CreateThread(
        topic=request.topic,
        participants=_participants(request.participants or []),
        metadata=request.metadata or {},
        retention_policy=parse_retention_policy(request.retention_policy),
    )


def parse_update_thread(body: bytes) -> UpdateThread:
    """The request of `PATCH /chat/threads/{id}`; a topic of null clears it (assumed)."""
    request = decode(body, bodies.update_thread_decoder)
    topic = None if request.topic is UNSET else request.topic or ""
    check_topic(topic or "")
    policy = request.retention_policy
    return UpdateThread(
        topic=topic,
        metadata=_metadata_patch(request.metadata, MAX_METADATA_BYTES),
        retention_policy=UNSET if policy is UNSET else parse_retention_policy(policy),
    )


def parse_participants(body: bytes) -> tuple[NewParticipant, ...]:
    """The request of `POST .../participants/:add`; it names at least one (assumed)."""
    request = decode(body, bodies.add_participants_decoder)
    if not request.participants:
        raise bad_request("'participants' must name at least one participant.")
    return _participants(request.participants)


def parse_identifier(body: bytes) -> str:
    """The raw id that the request of `POST .../participants/:remove` names."""
    return raw_id_of(decode(body, bodies.identifier_decoder))


def parse_send_message(body: bytes) -> SendMessage:
    """The request of `POST .../messages`; the `type` is `text` where none is given.

    Letter case of the type does not count (assumed); the service's own kinds are refused.
    """
    request = decode(body, bodies.send_message_decoder)
    kind = _SENDABLE_KINDS.get((request.type or MessageKind.TEXT).lower())
    if kind is None:
        raise bad_request(f"'type' must be one of {', '.join(_SENDABLE_KINDS)}.")
    check_content(request.content)
    check_display_name(request.sender_display_name, "senderDisplayName")
    check_metadata(request.metadata, limit=MAX_MESSAGE_METADATA_BYTES)
    return SendMessage(
        content=request.content,
        kind=kind,
        sender_display_name=request.sender_display_name,
        metadata=request.metadata or {},
    )


def parse_update_message(body: bytes) -> UpdateMessage:
    """The request of `PATCH .../messages/{id}`; content of null is refused (assumed)."""
    request = decode(body, bodies.update_message_decoder)
    if request.content is None:
        raise bad_request("'content' must not be null.")
    if request.content is not UNSET:
        check_content(request.content)
    return UpdateMessage(
        content=None if request.content is UNSET else request.content,
        metadata=_metadata_patch(request.metadata, MAX_MESSAGE_METADATA_BYTES),
    )


def parse_typing(body: bytes) -> str | None:
    """The `senderDisplayName` of `POST .../typing`; there need be no body."""
    request = decode(body, bodies.typing_decoder) if body.strip() else None
    name = request.sender_display_name if request else None
    check_display_name(name, "senderDisplayName")
    return name


def parse_read_receipt(body: bytes) -> int:
    """The id of the message that the request of `POST .../readReceipts` names."""
    return as_message_id(decode(body, bodies.read_receipt_decoder).chat_message_id, "chatMessageId")


def parse_page(query: Mapping[str, str]) -> PageRequest:
    """Which page of threads or messages the decoded query asks for."""
    text = query.get("startTime")
    return PageRequest(
        size=_page_size(query),
        start_time=as_instant(text, "startTime") if text else WHOLE_HISTORY,
        token=query.get(TOKEN_PARAMETER, ""),
    )


def parse_skip(query: Mapping[str, str]) -> SkipRequest:
    """Which page of participants or read receipts the decoded query asks for."""
    text = query.get("skip")
    skip = as_row_count(text, "skip", (0, MAX_ROWS)) if text else 0
    return SkipRequest(size=_page_size(query), skip=skip)


def _page_size(query: Mapping[str, str]) -> int:
    """The size of a page; one over the largest means the largest (assumed)."""
    text = query.get("maxPageSize")
    if not text:
        return DEFAULT_PAGE_SIZE
    return min(as_row_count(text, "maxPageSize", (1, MAX_ROWS)), MAX_PAGE_SIZE)


def _metadata_patch(patch: bodies.MetadataPatchBody, limit: int) -> MetadataPatch:
    if patch is None or isinstance(patch, UnsetType):
        return patch
    pairs = {name: value or "" for name, value in patch.items()}
    check_metadata(pairs, limit=limit)
    return pairs


def _participants(participants: list[bodies.ParticipantBody]) -> tuple[NewParticipant, ...]:
    if len(participants) > MAX_PARTICIPANTS_PER_REQUEST:
        raise bad_request(
            f"'participants' must not name more than {MAX_PARTICIPANTS_PER_REQUEST} participants."
        )
    return tuple(
        _new_participant(each, f"participants[{index}]") for index, each in enumerate(participants)
    )


def _new_participant(participant: bodies.ParticipantBody, where: str) -> NewParticipant:
    text = participant.share_history_time
    check_display_name(participant.display_name, f"{where}.displayName")
    check_metadata(participant.metadata, f"{where}.metadata")
    return NewParticipant(
        raw_id=raw_id_of(participant.communication_identifier),
        display_name=participant.display_name,
        share_history_time=as_instant(text, f"{where}.shareHistoryTime") if text else None,
        metadata=participant.metadata or {},
    )
