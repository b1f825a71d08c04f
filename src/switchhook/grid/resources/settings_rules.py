"""How does the body of delivery settings become their values, and back?

The settings are Switchhook's own: `Switchhook.EventGrid/deliverySettings/default` of an event
subscription. A PUT replaces them as a whole.
"""

import re
from typing import Any

from switchhook.clock import DAY, HOUR, MINUTE, SECOND
from switchhook.grid.resources.body_rules import (
    Body,
    as_flag,
    as_instant,
    as_object,
    as_text,
    check_members,
    refuse,
)
from switchhook.grid.resources.records import DeliverySettingsRecord
from switchhook.grid.subscriptions import DeliverySettings, TimeProfile

MAX_DEDUPLICATION_WINDOW = DAY

_MAX_PATH = 512
_READ_ONLY = {"lastValidationError", "validationAttempts", "warnings"}
_SETTABLE = {
    "validateEndpoint",
    "isPaused",
    "profile",
    "orderedBy",
    "deduplicationWindow",
    "marksReplays",
}
_WHERE = "deliverySettings"
_DURATION = re.compile(
    r"P(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?"
    r"(?:(?P<seconds>\d{1,9})(?:\.(?P<fraction>\d{1,9}))?S)?)?"
)
_UNITS = (("days", DAY), ("hours", HOUR), ("minutes", MINUTE), ("seconds", SECOND))


def read_settings(body: Body) -> DeliverySettingsRecord:
    """The settings that the body of a PUT asks for; what it leaves out is as in Azure."""
    check_members(body, {"id", "name", "type", "properties"}, _WHERE)
    properties = as_object(body.get("properties"), "properties")
    check_members(properties, _SETTABLE | _READ_ONLY, f"{_WHERE}.properties")
    return DeliverySettingsRecord(
        validate_endpoint=_flag(properties, "validateEndpoint", default=True),
        is_paused=_flag(properties, "isPaused", default=False),
        profile=_profile(properties.get("profile")),
        ordered_by=_path(properties.get("orderedBy")),
        deduplication_window=_window(properties.get("deduplicationWindow")),
        marks_replays=_flag(properties, "marksReplays", default=True),
    )


def render_settings(settings: DeliverySettings) -> dict[str, Any]:
    """The settings as reads show them."""
    window = settings.deduplication_window
    return {
        "validateEndpoint": settings.validate_endpoint,
        "isPaused": settings.is_paused,
        "profile": settings.profile.value if settings.profile else None,
        "orderedBy": settings.ordered_by or None,
        "deduplicationWindow": to_duration(window) if window else None,
        "marksReplays": settings.marks_replays,
    }


def from_duration(text: str) -> int | None:
    """Nanoseconds of an ISO 8601 duration of days and smaller units, or None."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    whole = sum(int(found[unit] or 0) * size for unit, size in _UNITS)
    return whole + int((found["fraction"] or "").ljust(9, "0"))


def as_moment(value: object, where: str, now: int) -> int | None:
    """A time as nanoseconds since the epoch; a duration is so long before `now`."""
    text = as_text(value, where, 64)
    if not text.upper().startswith("P"):
        return as_instant(text, where)
    span = from_duration(text.upper())
    if span is None:
        refuse(f"The value of '{where}' must be a time, or a duration such as PT1H.")
    return max(now - span, 0)


def to_duration(span: int) -> str:
    """A span of at most days in nanoseconds, as ISO 8601 has it."""
    hours, rest = divmod(span, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, fraction = divmod(rest, SECOND)
    tail = f".{fraction:09d}".rstrip("0") if fraction else ""
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else ""]
    parts.append(f"{seconds}{tail}S" if seconds or tail or not span else "")
    return "PT" + "".join(parts)


def _flag(properties: Body, name: str, *, default: bool) -> bool:
    value = properties.get(name)
    return default if value is None else as_flag(value, name)


def _profile(value: object) -> TimeProfile | None:
    text = as_text(value, "profile")
    if not text:
        return None
    try:
        return TimeProfile(text.lower())
    except ValueError:
        refuse(f"The value of 'profile' must be one of {', '.join(TimeProfile)}, not '{text}'.")


def _path(value: object) -> str:
    path = as_text(value, "orderedBy", _MAX_PATH)
    if path and ("" in path.split(".") or not path.isprintable()):
        refuse("The value of 'orderedBy' must be 'subject', or a path such as 'data.orderId'.")
    return path


def _window(value: object) -> int:
    text = as_text(value, "deduplicationWindow", 64)
    if not text or text == "0":
        return 0
    window = from_duration(text.upper())
    if window is None or window > MAX_DEDUPLICATION_WINDOW:
        refuse(
            "The value of 'deduplicationWindow' must be an ISO 8601 duration of at most 24 hours, "
            "such as PT10M."
        )
    return window
