"""The advanced messaging family (WhatsApp): articles of 2024-07 and, for user names, 2026-04."""

from switchhook.communication.catalogue.model import (
    EventType,
    Family,
    Kind,
    Required,
    TimeForm,
    group,
    scalar,
    text,
    texts,
    time,
)

_CHANNEL_ID = "5a1f0000-0000-4000-8000-0000000c4a11"
_MESSAGE_ID = "5a1f0000-0000-4000-8000-000000005e17"
_WHATSAPP_USER = "15555550123"
_USER_NAME_ID = "US.10000000000000000001"
_RECEIVED = time("receivedTimestamp", Required.ALWAYS, 1000, TimeForm.OFFSET)
_CHANNEL_TYPE = text("channelType", Required.ALWAYS, "whatsapp")
_BETWEEN = "advancedMessage/sender/{senderId}/recipient/{recipientId}"
_ERROR = group(
    "error",
    Required.NO,
    text("channelCode", Required.NO, "131026", shown=True),
    text("channelMessage", Required.NO, "The message could not be delivered.", shown=True),
)
_MESSAGE_TYPES = (
    "text",
    "image",
    "document",
    "video",
    "audio",
    "sticker",
    "reaction",
    "button",
    "interactive",
)

_MEDIA = group(
    "media",
    Required.NO,
    text("mimeType", Required.YES, "image/png"),
    text("id", Required.YES, "5a1f0000-0000-4000-8000-000000003ed1"),
    text("fileName", Required.NO, "menu.png"),
    text("caption", Required.NO, "Today's menu"),
    scalar("animated", Kind.BOOLEAN, Required.NO, False, note="of stickers"),
)
_INTERACTIVE = group(
    "interactive",
    Required.NO,
    text("type", Required.ALWAYS, "buttonReply", allowed=("buttonReply", "listReply", "unknown")),
    group(
        "buttonReply",
        Required.NO,
        text("id", Required.NO, "confirm", shown=True),
        text("title", Required.NO, "Confirm", shown=True),
    ),
    group(
        "listReply",
        Required.NO,
        text("id", Required.NO, "table-7", shown=True),
        text("title", Required.NO, "Table 7", shown=True),
        text("description", Required.NO, "By the window", shown=True),
    ),
)

TYPES = (
    EventType(
        name="Microsoft.Communication.AdvancedMessageReceived",
        family=Family.ADVANCED_MESSAGING,
        when="A WhatsApp user writes to a channel of the resource.",
        subject=_BETWEEN,
        fields=(
            text("content", Required.NO, "Is table 7 free?", shown=True, note="of text messages"),
            _CHANNEL_TYPE,
            text("messageId", Required.NO, _MESSAGE_ID),
            text("messageType", Required.YES, "text", allowed=_MESSAGE_TYPES),
            _MEDIA,
            group(
                "reaction",
                Required.NO,
                text("messageId", Required.YES, _MESSAGE_ID),
                text("emoji", Required.NO, "\N{GRINNING FACE}", shown=True),
            ),
            group(
                "context",
                Required.NO,
                text("from", Required.NO, "15555550100", shown=True),
                text("id", Required.NO, _MESSAGE_ID, shown=True),
                note="the message that this one answers",
            ),
            group(
                "button",
                Required.NO,
                text("text", Required.NO, "Yes", shown=True),
                text("payload", Required.NO, "booking confirmed", shown=True),
            ),
            _INTERACTIVE,
            text(
                "from",
                Required.YES,
                _WHATSAPP_USER,
                note="a number without `+`; empty when the user hides it",
            ),
            text("fromBSUID", Required.NEW, _USER_NAME_ID),
            text("to", Required.YES, _CHANNEL_ID, note="the channel"),
            _RECEIVED,
            _ERROR,
        ),
    ),
    EventType(
        name="Microsoft.Communication.AdvancedMessageDeliveryStatusUpdated",
        family=Family.ADVANCED_MESSAGING,
        when="WhatsApp tells how a message that was sent is getting on.",
        subject="advancedMessage/{messageId}/status/{status}",
        fields=(
            text("messageId", Required.ALWAYS, _MESSAGE_ID),
            text(
                "status",
                Required.ALWAYS,
                "Sent",
                allowed=("Sent", "Delivered", "Read", "Failed", "Warning", "Unknown"),
            ),
            _CHANNEL_TYPE,
            text("from", Required.YES, _CHANNEL_ID, note="the channel"),
            text("to", Required.YES, _WHATSAPP_USER, note="empty when sent to a user name"),
            text("toBSUID", Required.NEW, _USER_NAME_ID),
            _RECEIVED,
            _ERROR,
        ),
    ),
    EventType(
        name="Microsoft.Communication.AdvancedMessageAnalysisCompleted",
        family=Family.ADVANCED_MESSAGING,
        when="The analysis of a received message is there, on channels that asked for it.",
        subject=_BETWEEN,
        note="Still a preview; azure-eventgrid 4.22.1 does not list it.",
        fields=(
            text("originalMessage", Required.ALWAYS, "Is table 7 free at noon?"),
            _CHANNEL_TYPE,
            group(
                "languageDetection",
                Required.NO,
                text("language", Required.NO, "English", shown=True),
                scalar("confidenceScore", Kind.NUMBER, Required.NO, 0.97, shown=True),
                text("translation", Required.NO, "Is table 7 free at noon?"),
                shown=True,
            ),
            text("intentAnalysis", Required.NO, "The guest wants to book a table.", shown=True),
            texts("extractedKeyPhrases", Required.NO, ["table 7", "noon"], shown=True),
            text("from", Required.ALWAYS, _WHATSAPP_USER),
            text("to", Required.ALWAYS, _CHANNEL_ID),
            _RECEIVED,
        ),
    ),
)
