"""The email family: article "Email events" and the specification since 2024-12."""

from switchhook.communication.catalogue.model import (
    EventType,
    Family,
    Required,
    TimeForm,
    group,
    text,
    time,
)

_SUBJECT = "sender/{senderAddress}/message/{messageId}"
_MESSAGE_ID = "5a1f0000-0000-4000-8000-0000000e3a11"
_SENDER = text("sender", Required.ALWAYS, "DoNotReply@mail.example.com")
_INTERNET_MESSAGE_ID = "<booking-1042@mail.example.com>"

TYPES = (
    EventType(
        name="Microsoft.Communication.EmailDeliveryReportReceived",
        family=Family.EMAIL,
        when="The final fate of a mail to one recipient is known; one event a recipient.",
        subject=_SUBJECT,
        fields=(
            text("sender", Required.YES, "DoNotReply@mail.example.com"),
            text("recipient", Required.YES, "guest@example.com"),
            text(
                "internetMessageId",
                Required.NO,
                _INTERNET_MESSAGE_ID,
                shown=True,
                note="absent when the mail was suppressed",
            ),
            text("messageId", Required.ALWAYS, _MESSAGE_ID),
            text(
                "status",
                Required.ALWAYS,
                "Delivered",
                allowed=(
                    "Delivered",
                    "Suppressed",
                    "Bounced",
                    "Quarantined",
                    "FilteredSpam",
                    "Failed",
                    "Expanded",
                ),
            ),
            group(
                "deliveryStatusDetails",
                Required.YES,
                text("statusMessage", Required.ALWAYS, ""),
                text("recipientMailServerHostName", Required.NO, "mx.example.com", shown=True),
            ),
            time("deliveryAttemptTimestamp", Required.ALWAYS, 120_000, TimeForm.OFFSET),
        ),
    ),
    EventType(
        name="Microsoft.Communication.EmailEngagementTrackingReportReceived",
        family=Family.EMAIL,
        when="A reader opens a tracked mail or follows a tracked link in it.",
        subject=_SUBJECT,
        fields=(
            _SENDER,
            text("recipient", Required.NO, "guest@example.com", shown=True),
            text("messageId", Required.ALWAYS, _MESSAGE_ID),
            text("internetMessageId", Required.NO, _INTERNET_MESSAGE_ID),
            time("userActionTimestamp", Required.ALWAYS, 500, TimeForm.OFFSET),
            text("engagementContext", Required.ALWAYS, "", note="the link of a click"),
            text("userAgent", Required.ALWAYS, "example-mail-reader/1.0"),
            text("engagementType", Required.ALWAYS, "view", allowed=("view", "click")),
        ),
    ),
)
