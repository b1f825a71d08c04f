"""How are the members of a resource's JSON body read?

A member is settable, read-only (ignored, because `az resource update` sends back what it got) or
refused by name: nothing that this release does not do is stored and then ignored.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from switchhook.clock import from_datetime
from switchhook.errors import RequestError

MAX_TAGS = 50  # Resource Manager: 50 tags, names of 512 and values of 256 characters
_TAG_NAME_LENGTH = 512
_TAG_VALUE_LENGTH = 256
_LOCATION = re.compile(r"[A-Za-z0-9 ()-]{1,64}")

Body = Mapping[str, Any]


def refuse(message: str) -> NoReturn:
    """Answer 400 `InvalidRequest`."""
    raise RequestError(400, "InvalidRequest", message)


def as_object(value: object, where: str) -> dict[str, Any]:
    """`value` as a JSON object; absent counts as empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        refuse(f"The value of '{where}' must be a JSON object.")
    return value


def as_text(value: object, where: str, limit: int = 2048) -> str:
    """`value` as a string; absent counts as empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        refuse(f"The value of '{where}' must be a string.")
    if len(value) > limit:
        refuse(f"The value of '{where}' must not be longer than {limit} characters.")
    return value


def as_texts(value: object, where: str, limit: int = 512) -> tuple[str, ...] | None:
    """`value` as strings; None when it is absent."""
    if value is None:
        return None
    if not isinstance(value, list):
        refuse(f"The value of '{where}' must be an array of strings.")
    texts = tuple(as_text(item, where, limit) for item in value)
    if "" in texts or None in value:
        refuse(f"The values of '{where}' must not be empty.")
    return texts


def as_flag(value: object, where: str) -> bool:
    """`value` as a truth value; absent counts as false."""
    if value is None:
        return False
    if not isinstance(value, bool):
        refuse(f"The value of '{where}' must be true or false.")
    return value


def as_choice(value: object, where: str, choices: Collection[str]) -> str:
    """`value` as one of `choices`, in their spelling; case does not matter, absent is ""."""
    text = as_text(value, where)
    known = {choice.lower(): choice for choice in choices}
    if text and text.lower() not in known:
        refuse(f"The value '{text}' of '{where}' is not one of {', '.join(choices)}.")
    return known.get(text.lower(), "")


def as_count(value: object, where: str, bounds: tuple[int, int], default: int) -> int:
    """`value` as a whole number within `bounds`."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        refuse(f"The value of '{where}' must be a whole number.")
    low, high = bounds
    if not low <= value <= high:
        refuse(f"The value of '{where}' must be between {low} and {high}.")
    if value != int(value):
        refuse(f"The value of '{where}' must be a whole number.")
    return int(value)


def as_instant(value: object, where: str) -> int | None:
    """`value` as nanoseconds since the epoch; a time without offset is UTC."""
    text = as_text(value, where, 64)
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return from_datetime(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        refuse(f"The value of '{where}' must be a time such as 2030-01-01T00:00:00Z.")


def check_members(body: Body, known: Collection[str], where: str, hint: str = "") -> None:
    """Refuse the first member of `body` that nobody reads; null and empty ones say nothing."""
    for member, value in body.items():
        if member not in known and value not in (None, [], {}):
            refuse(f"The property '{member}' of '{where}' is not supported{hint}.")


def check_fixed(body: Body, fixed: Mapping[str, object], where: str) -> None:
    """Refuse values other than the one that this release has for a member."""
    for member, only in fixed.items():
        value = body.get(member)
        same = isinstance(value, str) and isinstance(only, str) and value.lower() == only.lower()
        if value is not None and value != only and not same:
            refuse(
                f"The value of '{where}.{member}' is not supported: "
                f"this release has only {_json(only)}."
            )


def read_tags(value: object) -> dict[str, str]:
    """Resource tags."""
    tags = as_object(value, "tags")
    if len(tags) > MAX_TAGS:
        refuse(f"A resource can have at most {MAX_TAGS} tags.")
    for name in tags:
        if len(name) > _TAG_NAME_LENGTH:
            refuse(f"The name of a tag must not be longer than {_TAG_NAME_LENGTH} characters.")
    return {name: as_text(text, f"tags.{name}", _TAG_VALUE_LENGTH) for name, text in tags.items()}


def read_location(value: object, default: str) -> str:
    """A location as Azure normalizes it: `West US 2` is `westus2`."""
    text = as_text(value, "location", 64)
    if text and not _LOCATION.fullmatch(text):
        refuse("The value of 'location' is not the name of a location.")
    return text.replace(" ", "").lower() or default


def read_echoed(body: Body, members: Collection[str]) -> dict[str, Any]:
    """Members of the envelope that are kept and shown, such as `identity` and `sku`."""
    return {name: as_object(body[name], name) for name in members if body.get(name) is not None}


def _json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"'{value}'"
