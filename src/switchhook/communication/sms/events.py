"""Which events does SMS publish, and with which values?

The telephony and SMS events article; the shapes are the catalogue's.
"""

from collections.abc import Mapping
from typing import Any

from switchhook.clock import to_text
from switchhook.communication import catalogue
from switchhook.communication.resources import CommunicationResource
from switchhook.communication.sms.statuses import delivery_status, with_code
from switchhook.communication.sms.store import DeliveryAttempt, DeliveryReport, SmsMessage

RECEIVED = "Microsoft.Communication.SMSReceived"
DELIVERY_REPORT_RECEIVED = "Microsoft.Communication.SMSDeliveryReportReceived"

OUTGOING = "Outgoing"
INCOMING = "Incoming"


def new_message_id(resource: CommunicationResource, direction: str, now: int, guid: object) -> str:
    """The id of a message, as the documents of the resource's profile write it."""
    return catalogue.message_id(resource.events.profile, direction, now, str(guid))


def received_event(resource: CommunicationResource, message: SmsMessage, event_id: str) -> bytes:
    """SMSReceived, as JSON."""
    values = {
        "messageId": message.message_id,
        "from": message.from_,
        "to": message.to,
        "message": message.message,
        "receivedTimestamp": to_text(message.accepted_at),
        "segmentCount": message.segments,
    }
    return _render(RECEIVED, resource, values, event_id, message.accepted_at)


def report_event(
    resource: CommunicationResource, message: SmsMessage, report: DeliveryReport, event_id: str
) -> bytes:
    """SMSDeliveryReportReceived, as JSON; its tag is left out when the send gave none."""
    details = report.details
    if resource.events.status_code_in_details:
        details = with_code(report.code, details)
    values: dict[str, Any] = {
        "messageId": message.message_id,
        "from": message.from_,
        "to": message.to,
        "deliveryStatus": delivery_status(report.code),
        "deliveryStatusDetails": details,
        "deliveryAttempts": [attempt_values(attempt) for attempt in report.attempts],
        "receivedTimestamp": to_text(report.received_at),
    }
    if message.tag is not None:
        values["tag"] = message.tag
    return _render(DELIVERY_REPORT_RECEIVED, resource, values, event_id, report.received_at)


def attempt_values(attempt: DeliveryAttempt) -> dict[str, Any]:
    """One of `deliveryAttempts`, in events and in the reply of `GET /deliveryReports`."""
    return {
        "timestamp": to_text(attempt.timestamp),
        "segmentsSucceeded": attempt.segments_succeeded,
        "segmentsFailed": attempt.segments_failed,
    }


def _render(
    type_name: str,
    resource: CommunicationResource,
    values: Mapping[str, Any],
    event_id: str,
    event_time: int,
) -> bytes:
    # The samples give the event's own time in whole seconds, unlike the times in their data.
    return catalogue.render_json(
        type_name,
        resource_id=resource.resource_id,
        settings=resource.events,
        values=values,
        event_id=event_id,
        event_time=to_text(event_time, digits=0),
    )
