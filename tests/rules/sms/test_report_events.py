"""The events of delivery reports are what each would be if it were rendered alone."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import to_text
from switchhook.communication import catalogue
from switchhook.communication.resources import EventSettings
from switchhook.communication.sms import events, statuses
from switchhook.communication.sms.store import (
    DeliveryAttempt,
    DeliveryReport,
    Direction,
    SmsMessage,
)
from switchhook.grid.schemas.event_grid import AcceptedEvent
from tests.flow.sms.world import GEOGRAPHIC, NAME, SHORT_CODE, TOLL_FREE, a_resource

_PROFILES = [profile.name for profile in catalogue.profiles()]
_SWITCHES = list(itertools.product((None, "camel", "pascal"), (None, True, False), (True, False)))
_INSTANTS = st.integers(0, 4 * 10**18)
_SEGMENTS = st.integers(0, 20)
_TAGS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def _messages(draw: st.DrawFn) -> SmsMessage:
    return SmsMessage(
        message_id=draw(st.sampled_from(["", "Outgoing_20260101000000"])) + str(draw(st.uuids())),
        direction=Direction.OUTBOUND,
        from_=draw(st.sampled_from([TOLL_FREE, GEOGRAPHIC, SHORT_CODE, NAME])),
        to=draw(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)),
        message="hello",
        segments=1,
        accepted_at=0,
        enable_delivery_report=True,
        tag=draw(_TAGS),
    )


_ATTEMPTS = st.builds(
    DeliveryAttempt, timestamp=_INSTANTS, segments_succeeded=_SEGMENTS, segments_failed=_SEGMENTS
)
_REPORTS = st.builds(
    DeliveryReport,
    code=st.sampled_from(sorted(statuses.DETAILS)),
    details=st.sampled_from([*statuses.DETAILS.values(), statuses.BLOCKED_DETAILS]),
    received_at=_INSTANTS,
    attempts=st.lists(_ATTEMPTS, min_size=1, max_size=3).map(tuple),
)


def _alone(settings: EventSettings, message: SmsMessage, report: DeliveryReport) -> bytes:
    details = report.details
    if settings.status_code_in_details:
        details = statuses.with_code(report.code, details)
    tag = {} if message.tag is None else {"tag": message.tag}
    return catalogue.render_json(
        events.DELIVERY_REPORT_RECEIVED,
        resource_id=a_resource().resource_id,
        settings=settings,
        values={
            "messageId": message.message_id,
            "from": message.from_,
            "to": message.to,
            "deliveryStatus": statuses.delivery_status(report.code),
            "deliveryStatusDetails": details,
            "deliveryAttempts": [events.attempt_values(each) for each in report.attempts],
            "receivedTimestamp": to_text(report.received_at),
            **tag,
        },
        event_id="an-id",
        event_time=to_text(report.received_at, digits=0),
    )


_READ = AcceptedEvent.__struct_fields__


@pytest.mark.parametrize("profile", _PROFILES)
@given(data=st.data())
def test_report_is_as_if_rendered_alone(profile: str, data: st.DataObject) -> None:
    """Under every profile and every switch that touches it; two in turn share what is alike."""
    casing, plus, code = data.draw(st.sampled_from(_SWITCHES))
    settings = EventSettings(
        profile=profile,
        sms_key_casing=casing,
        plus_in_numbers=plus,
        leading_slash_in_sms_subjects=data.draw(st.sampled_from([None, True, False])),
        status_code_in_details=code,
    )
    resource = a_resource(events=settings)
    first = data.draw(_messages())
    second = msgspec.structs.replace(data.draw(_messages()), from_=first.from_)
    report = data.draw(_REPORTS)
    for message in (first, second):
        event = events.report_event(resource, message, report, "an-id")
        assert event.text == _alone(settings, message, report)
        read = msgspec.json.decode(event.text, type=AcceptedEvent)
        assert all(getattr(event, name) == getattr(read, name) for name in _READ)
