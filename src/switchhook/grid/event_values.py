"""What value has an event for a key of an advanced filter?

Source: event-filtering.md (Sep 2022), "Filter by values in event data"; edge/advanced-filtering.md.
A dot steps into an object and nothing escapes it; an array is a value, never a step. What an event
does not have is `ABSENT`, which is not null.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

from switchhook.grid.events import Event, EventSchema
from switchhook.grid.json_values import decode

# Whether the names below `data` regard case is not documented. They are names of the publisher's
# own JSON, where `a` and `A` are two members; the envelope's names and `data` itself are written in
# several casings by the articles, so these do not regard it.
PATHS_REGARD_CASE = True
# cloud-event-schema.md filters a number-valued attribute with StringBeginsWith ["5","1"]: read as
# "the string operators compare the text of a CloudEvent's attribute, whatever its JSON type".
ATTRIBUTES_HAVE_TEXT = True
# An include of 2023 lists eventid, eventtype and eventtypeversion as keys of CloudEvents; these are
# attributes of the draft 0.1, so here they are the names of extensions like any other.
_CLOUD_ATTRIBUTES: dict[str, Callable[[Event], str]] = {
    "id": lambda event: event.id,
    "source": lambda event: event.source,
    "type": lambda event: event.type,
    "subject": lambda event: event.subject,
    "specversion": lambda event: "1.0",
}
_ENVELOPE: dict[str, Callable[[Event], str]] = {
    "id": lambda event: event.id,
    "topic": lambda event: event.source,
    "subject": lambda event: event.subject,
    "eventtype": lambda event: event.type,
    "dataversion": lambda event: event.data_version,
}
_OPAQUE = "data_base64"  # bytes: there is nothing in them to filter by


class Absent:
    """The type of `ABSENT`."""


ABSENT: Final = Absent()


class FilterKey(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """A key as the names it steps through; `name` is the first in lower case."""

    steps: tuple[str, ...]
    name: str


@lru_cache(maxsize=1024)
def to_key(text: str) -> FilterKey:
    """The key that a filter spells as `text`."""
    steps = tuple(text.split("."))
    return FilterKey(steps, steps[0].lower())


class EventValues:
    """The values of one event. Its JSON is decoded when the first key asks for it, and once; each
    key is looked up once, however many filters ask."""

    __slots__ = ("_found", "_root", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self._root: dict[str, Any] | None = None
        self._found: dict[FilterKey, Any] | None = None

    def find(self, key: FilterKey) -> Any:
        """What the event has for `key`: a JSON value, numbers as int or Decimal, or `ABSENT`."""
        if self._found is None:
            self._found = {}
        elif key in self._found:
            return self._found[key]
        value = self._found[key] = _FINDERS[self.event.schema](self, key)
        return value

    def find_text(self, key: FilterKey) -> Any:
        """The same for the operators on strings: the text of an attribute, if it is one."""
        value = self.find(key)
        is_attribute = self.event.schema is EventSchema.CLOUD_EVENTS and key.name != "data"
        return _text(value) if ATTRIBUTES_HAVE_TEXT and is_attribute else value

    @property
    def root(self) -> dict[str, Any]:
        """The event as it was published; empty when it cannot be decoded."""
        if self._root is None:
            value = decode(self.event.json)
            self._root = value if isinstance(value, dict) else {}
        return self._root


# --- keys, by the schema of the event ------------------------------------------------------------


def _find_in_event_grid(values: EventValues, key: FilterKey) -> Any:
    if key.name == "data":
        return _walk(values.root.get("data", ABSENT), key.steps[1:])
    return _attribute(_ENVELOPE, values, key)


def _find_in_cloud_event(values: EventValues, key: FilterKey) -> Any:
    if key.name == "data":
        return _walk(values.root.get("data", ABSENT), key.steps[1:])
    if key.name in _CLOUD_ATTRIBUTES:
        # Attributes are never empty (CloudEvents 1.0): without a subject, the router has "".
        return _attribute(_CLOUD_ATTRIBUTES, values, key) or ABSENT
    if len(key.steps) > 1 or key.name == _OPAQUE:
        return ABSENT
    return values.root.get(key.name, ABSENT)


def _find_in_custom(values: EventValues, key: FilterKey) -> Any:
    """Any path from the root (edge/advanced-filtering.md); `data.` and the names of the envelope,
    which the cloud's articles have, find the event as it is delivered in the Event Grid schema:
    there the whole object is `data`."""
    value = _walk(values.root, key.steps)
    if value is not ABSENT:
        return value
    if key.name == "data":
        return _walk(values.root.get("data", values.root), key.steps[1:])
    return _attribute(_ENVELOPE, values, key)


_FINDERS = {
    EventSchema.EVENT_GRID: _find_in_event_grid,
    EventSchema.CLOUD_EVENTS: _find_in_cloud_event,
    EventSchema.CUSTOM: _find_in_custom,
}


def _attribute(
    names: dict[str, Callable[[Event], str]], values: EventValues, key: FilterKey
) -> str | Absent:
    read = names.get(key.name)
    return ABSENT if read is None or len(key.steps) > 1 else read(values.event)


def _walk(value: Any, steps: tuple[str, ...]) -> Any:
    for name in steps:
        if not isinstance(value, dict):
            return ABSENT
        value = _member(value, name)
    return value


def _member(value: dict[str, Any], name: str) -> Any:
    if PATHS_REGARD_CASE:
        return value.get(name, ABSENT)
    return next((v for n, v in value.items() if n.lower() == name.lower()), ABSENT)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | Decimal) else value
