"""How are spans of time written on the command line? As `24h`, `90s`, `1d12h`, or as ISO 8601."""

import re

from switchhook.errors import StartError

# What an option that takes a time or a span says of it.
TIME_OR_SPAN = "a time or a span such as 2030-01-01T00:00:00Z, or 10m for so long ago"

_TIME = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SHORT = re.compile(
    r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?",
    re.IGNORECASE | re.ASCII,
)


def to_iso(text: str, name: str) -> str:
    """The span as ISO 8601 has it.

    Raises:
        StartError: it is no span of time; `name` says where it was given.
    """
    if text[:1] in ("P", "p"):
        return text.upper()  # the server knows whether it is right
    found = _short_to_iso(text)
    if found is None:
        raise StartError(f"{name} must be a span of time such as 24h, 90s or 1d12h, not '{text}'")
    return found


def to_seconds(text: str, name: str) -> float:
    """A short span in seconds.

    Raises:
        StartError: it is none; `name` says where it was given.
    """
    found = _SHORT.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise StartError(f"{name} must be a span of time such as 30s or 2m, not '{text}'")
    amounts = (float(amount or 0) for amount in found.groups())
    return sum(amount * unit for amount, unit in zip(amounts, (86400, 3600, 60, 1), strict=True))


def to_moment(text: str | None, name: str) -> str | None:
    """A time as it is, or a span, which is so long ago, as ISO 8601 has it.

    Raises:
        StartError: it is neither; `name` says where it was given.
    """
    if text is None or _TIME.match(text):
        return text  # the server knows whether there is such a time
    try:
        return to_iso(text, name)
    except StartError:
        raise StartError(f"{name} must be {TIME_OR_SPAN}: not '{text}'") from None


def to_server(text: str | None) -> str | None:
    """A short span as ISO 8601 has it; anything else is for the server to read."""
    return _short_to_iso(text or "") or text


def _short_to_iso(text: str) -> str | None:
    found = _SHORT.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = found.groups()
    date = f"{days}D" if days else ""
    time = "".join(
        f"{amount}{unit}"
        for amount, unit in ((hours, "H"), (minutes, "M"), (seconds, "S"))
        if amount
    )
    return f"P{date}T{time}" if time else f"P{date}"
