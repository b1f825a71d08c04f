"""The SMS family: article "Telephony and SMS events", revisions of 2022-12 and 2025-01."""

from switchhook.communication.catalogue.model import (
    EventType,
    Family,
    Kind,
    Required,
    items,
    scalar,
    text,
    time,
)

RECEIVED = "Microsoft.Communication.SMSReceived"
DELIVERY_REPORT_RECEIVED = "Microsoft.Communication.SMSDeliveryReportReceived"

# Where the articles' samples write numbers without `+`: never in the recipient of a report.
NUMBERS_WITHOUT_PLUS = {RECEIVED: ("from", "to"), DELIVERY_REPORT_RECEIVED: ("from",)}

TYPES = (
    EventType(
        name=RECEIVED,
        family=Family.SMS,
        when="A text message comes in for one of the resource's numbers; one event a message, "
        "however many segments it had.",
        subject="/phonenumber/{recipientNumber}",
        fields=(
            text(
                "messageId",
                Required.YES,
                "5a1f0000-0000-4000-8000-000000000101",
                note="the same as the event's `id`",
            ),
            text("from", Required.YES, "+15555550123", note="who sent the message"),
            text("to", Required.YES, "+15555550100", note="the resource's own number"),
            text("message", Required.YES, "Is table 7 free at noon?"),
            time("receivedTimestamp", Required.ALWAYS, before=2000),
            scalar("segmentCount", Kind.INTEGER, Required.YES, 1),
        ),
    ),
    EventType(
        name=DELIVERY_REPORT_RECEIVED,
        family=Family.SMS,
        when="The final fate of a sent message is known, and the send had asked for delivery "
        "reports; one event a recipient.",
        subject="/phonenumber/{senderNumber}",
        fields=(
            text(
                "messageId",
                Required.YES,
                "5a1f0000-0000-4000-8000-000000000102",
                note="the same as the event's `id`; the send call returned it for this recipient",
            ),
            text("from", Required.YES, "+15555550100", note="the resource's own sender"),
            text("to", Required.YES, "+15555550123"),
            text("deliveryStatus", Required.YES, "Delivered", allowed=("Delivered", "Failed")),
            text("deliveryStatusDetails", Required.YES, "No error."),
            time("receivedTimestamp", Required.ALWAYS, before=500),
            items(
                "deliveryAttempts",
                Required.YES,
                time("timestamp", Required.ALWAYS, before=6000),
                scalar("segmentsSucceeded", Kind.INTEGER, Required.ALWAYS, 1),
                scalar("segmentsFailed", Kind.INTEGER, Required.ALWAYS, 0),
            ),
            text("tag", Required.NO, "order 1042", shown=True, note="`tag` of the send options"),
        ),
    ),
)
