"""How do older documents write a value that the current ones write otherwise?

Each conversion leaves alone what it does not know: a value already in the old form passes.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any


def without_plus(value: Any) -> Any:
    """A phone number without its leading `+`."""
    return value[1:] if isinstance(value, str) and value.startswith("+") else value


def with_dashes(value: Any) -> Any:
    """A North American number as `555-555-0100`."""
    digits = without_plus(value)
    if not isinstance(digits, str) or not digits.isdecimal() or len(digits) not in (10, 11):
        return value
    return f"{digits[-10:-7]}-{digits[-7:-4]}-{digits[-4:]}"


def with_z(value: Any) -> Any:
    """An instant that ends in `Z` instead of `+00:00`."""
    if isinstance(value, str) and value.endswith("+00:00"):
        return value.removesuffix("+00:00") + "Z"
    return value


def as_text(value: Any) -> Any:
    """A number as a string of digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def as_seconds(value: Any) -> Any:
    """An RFC 3339 instant as seconds since the Unix epoch."""
    return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else value


def as_duration(value: Any) -> Any:
    """A number of seconds as an ISO 8601 duration."""
    if isinstance(value, str) or value is None:
        return value
    minutes, seconds = divmod(value, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    return "PT" + ("".join(f"{amount:g}{unit}" for amount, unit in parts if amount) or "0S")


def _draft_status(value: Any) -> Any:
    return "Success" if value == "Delivered" else value


def _draft_details(value: Any) -> Any:
    return "Message sent successfully" if value == "No error." else value


CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "plain": without_plus,
    "dashes": with_dashes,
    "zulu": with_z,
    "text": as_text,
    "seconds": as_seconds,
    "duration": as_duration,
    "draft-status": _draft_status,
    "draft-details": _draft_details,
}
