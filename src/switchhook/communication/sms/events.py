"""Which events does SMS publish, and with which values?

The telephony and SMS events article; the shapes are the catalogue's.
"""

from functools import lru_cache
from typing import Any

import msgspec

from switchhook.clock import to_text
from switchhook.communication import catalogue
from switchhook.communication.resources import CommunicationResource, EventSettings
from switchhook.communication.sms.statuses import delivery_status, with_code
from switchhook.communication.sms.store import DeliveryAttempt, DeliveryReport, SmsMessage
from switchhook.communication.sms.templates import Template, mark
from switchhook.grid.schemas.event_grid import ServiceEvent

RECEIVED = "Microsoft.Communication.SMSReceived"
DELIVERY_REPORT_RECEIVED = "Microsoft.Communication.SMSDeliveryReportReceived"

OUTGOING = "Outgoing"
INCOMING = "Incoming"

_ANY_NUMBER = "+" + mark(2)

_encode = msgspec.json.encode


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
    return catalogue.render_json(
        RECEIVED,
        resource_id=resource.resource_id,
        settings=resource.events,
        values=values,
        event_id=event_id,
        event_time=_event_time(message.accepted_at),
    )


def report_event(
    resource: CommunicationResource, message: SmsMessage, report: DeliveryReport, event_id: str
) -> ServiceEvent:
    """SMSDeliveryReportReceived; its tag is left out when the send gave none."""
    settings = resource.events
    template = _report_template(
        resource.resource_id,
        settings,
        message.from_,
        message.to if _has_dashes(settings.profile) else _ANY_NUMBER,
        report.code,
        report.details,
        tuple([(each.segments_succeeded, each.segments_failed) for each in report.attempts]),
        has_tag=message.tag is not None,
    )
    received_at, event_time = _texts_of(report.received_at)
    return template.fill(
        (
            event_id,
            message.message_id,
            message.to[1:],
            _encode(message.tag)[1:-1].decode(),
            received_at,
            event_time,
            *[to_text(attempt.timestamp) for attempt in report.attempts],
        )
    )


@lru_cache(maxsize=64)
def _has_dashes(profile: str) -> bool:
    """Whether a number, as the profile has it in events, is no longer the text that it was."""
    return catalogue.find_profile(profile).is_first_draft


# The reports of a pass are of one instant.
@lru_cache(maxsize=16)
def _texts_of(received_at: int) -> tuple[str, str]:
    return to_text(received_at), _event_time(received_at)


# Most reports of a resource say the same but for their ids, numbers, tags and times.
@lru_cache(maxsize=256)
def _report_template(
    resource_id: str,
    settings: EventSettings,
    from_: str,
    to: str,
    code: int,
    details: str,
    attempts: tuple[tuple[int, int], ...],
    *,
    has_tag: bool,
) -> Template:
    event_id, message_id, _, tag, received_at, event_time = map(mark, range(6))
    values: dict[str, Any] = {
        "messageId": message_id,
        "from": from_,
        "to": to,
        "deliveryStatus": delivery_status(code),
        "deliveryStatusDetails": with_code(code, details)
        if settings.status_code_in_details
        else details,
        "deliveryAttempts": [
            _attempt_values(mark(number), *segments) for number, segments in enumerate(attempts, 6)
        ],
        "receivedTimestamp": received_at,
    }
    if has_tag:
        values["tag"] = tag
    return Template(
        catalogue.render_json(
            DELIVERY_REPORT_RECEIVED,
            resource_id=resource_id,
            settings=settings,
            values=values,
            event_id=event_id,
            event_time=event_time,
        )
    )


def attempt_values(attempt: DeliveryAttempt) -> dict[str, Any]:
    """One of `deliveryAttempts`, in events and in the reply of `GET /deliveryReports`."""
    return _attempt_values(
        to_text(attempt.timestamp), attempt.segments_succeeded, attempt.segments_failed
    )


def _attempt_values(timestamp: str, succeeded: int, failed: int) -> dict[str, Any]:
    return {"timestamp": timestamp, "segmentsSucceeded": succeeded, "segmentsFailed": failed}


def _event_time(instant: int) -> str:
    # The samples give the event's own time in whole seconds, unlike the times in their data.
    return to_text(instant, digits=0)
