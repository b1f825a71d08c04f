"""What does a plausible event of a type contain? Values for `events emit` with nothing set."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from switchhook.clock import MILLISECOND, from_datetime, to_text
from switchhook.communication.catalogue import sms
from switchhook.communication.catalogue.lookup import find
from switchhook.communication.catalogue.model import Field, Kind, Moment, TimeForm
from switchhook.communication.catalogue.profiles import DEFAULT_PROFILE
from switchhook.communication.catalogue.render import message_id

EXAMPLE_INSTANT = from_datetime(datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)) + 700

_DIRECTIONS = {sms.RECEIVED: "Incoming", sms.DELIVERY_REPORT_RECEIVED: "Outgoing"}


def sample_values(
    type_name: str,
    profile: str = DEFAULT_PROFILE,
    *,
    now: int = EXAMPLE_INSTANT,
    guid: str | None = None,
) -> dict[str, Any]:
    """Values of a plausible event that happens at `now`; `guid` makes its SMS message a new one."""
    event_type = find(type_name)
    values = _example_members(event_type.fields, now)
    direction = _DIRECTIONS.get(event_type.name)
    if direction is not None:
        values["messageId"] = message_id(profile, direction, now, guid or values["messageId"])
    return values


def sample_subject_values(type_name: str) -> Mapping[str, str]:
    """Values for what the type's subject names and its data does not hold."""
    return find(type_name).subject_examples


def example_of(field: Field, now: int = EXAMPLE_INSTANT) -> Any:
    """The example value of one member; an array of objects has one item."""
    if field.kind is Kind.OBJECT:
        return _example_members(field.fields, now)
    if field.fields:
        return [_example_members(field.fields, now)]
    if isinstance(field.example, Moment):
        return _write(field.example, now)
    return copy.deepcopy(field.example)


def _example_members(fields: tuple[Field, ...], now: int) -> dict[str, Any]:
    return {field.name: example_of(field, now) for field in fields if field.shown}


def _write(moment: Moment, now: int) -> Any:
    instant = now - moment.before * MILLISECOND
    match moment.form:
        case TimeForm.ZULU:
            return to_text(instant)
        case TimeForm.OFFSET:
            return to_text(instant).replace("Z", "+00:00")
        case TimeForm.MILLISECONDS:
            return instant // MILLISECOND
        case TimeForm.MILLISECONDS_TEXT:
            return str(instant // MILLISECOND)
        case TimeForm.SECONDS:
            return instant // (1000 * MILLISECOND)
