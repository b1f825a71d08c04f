"""How do the JSON bodies of chat requests look?

The OpenAPI's definitions of the same names; members are read as they come, limits are elsewhere.
"""

import msgspec
from msgspec import UNSET, UnsetType

from switchhook.communication.identifiers import Identifier

MetadataPatchBody = dict[str, str | None] | UnsetType | None


class ParticipantBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A participant of a request."""

    communication_identifier: Identifier
    display_name: str | None = None
    share_history_time: str | None = None
    metadata: dict[str, str] | None = None


class RetentionPolicyBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`retentionPolicy`."""

    kind: str
    delete_thread_after_days: int | None = None


class CreateThreadBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`CreateChatThreadRequest`."""

    topic: str
    participants: list[ParticipantBody] | None = None
    metadata: dict[str, str] | None = None
    retention_policy: RetentionPolicyBody | None = None


class UpdateThreadBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`UpdateChatThreadRequest`, a merge patch."""

    topic: str | UnsetType | None = UNSET
    metadata: MetadataPatchBody = UNSET
    retention_policy: RetentionPolicyBody | UnsetType | None = UNSET


class AddParticipantsBody(msgspec.Struct, frozen=True, kw_only=True):
    """`AddChatParticipantsRequest`."""

    participants: list[ParticipantBody]


class SendMessageBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`SendChatMessageRequest`."""

    content: str
    sender_display_name: str | None = None
    type: str | None = None
    metadata: dict[str, str] | None = None


class UpdateMessageBody(msgspec.Struct, frozen=True, kw_only=True):
    """`UpdateChatMessageRequest`, a merge patch."""

    content: str | UnsetType | None = UNSET
    metadata: MetadataPatchBody = UNSET


class TypingBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`SendTypingNotificationRequest`."""

    sender_display_name: str | None = None


class ReadReceiptBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`SendReadReceiptRequest`."""

    chat_message_id: str


create_thread_decoder = msgspec.json.Decoder(CreateThreadBody)
update_thread_decoder = msgspec.json.Decoder(UpdateThreadBody)
add_participants_decoder = msgspec.json.Decoder(AddParticipantsBody)
identifier_decoder = msgspec.json.Decoder(Identifier)
send_message_decoder = msgspec.json.Decoder(SendMessageBody)
update_message_decoder = msgspec.json.Decoder(UpdateMessageBody)
typing_decoder = msgspec.json.Decoder(TypingBody | None)
read_receipt_decoder = msgspec.json.Decoder(ReadReceiptBody)
