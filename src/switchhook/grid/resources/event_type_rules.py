"""Which event types does a topic's owner describe? They are kept and shown, and restrict nothing.

Source: azure-mgmt-eventgrid 10.4.0, `EventTypeInfo`, `InlineEventProperties`.
"""

from typing import Any

from switchhook.grid.resources.body_rules import (
    Body,
    as_choice,
    as_object,
    as_text,
    check_members,
    refuse,
)

EVENT_TYPES = "eventTypeInfo"
MAX_INLINE_EVENT_TYPES = 1000  # assumed: no article names a number
_MEMBERS = ("description", "displayName", "documentationUrl", "dataSchemaUrl")
_KINDS = ("Inline",)
_NAME_LENGTH = 512


def read_event_types(properties: Body) -> dict[str, Any]:
    """What a body says of event types, in the spelling that reads show."""
    info = as_object(properties.get(EVENT_TYPES), EVENT_TYPES)
    if not info:
        return {}
    check_members(info, {"kind", "inlineEventTypes"}, EVENT_TYPES)
    types = as_object(info.get("inlineEventTypes"), f"{EVENT_TYPES}.inlineEventTypes")
    if len(types) > MAX_INLINE_EVENT_TYPES:
        refuse(f"'{EVENT_TYPES}' can have at most {MAX_INLINE_EVENT_TYPES} inline event types.")
    kind = as_choice(info.get("kind"), f"{EVENT_TYPES}.kind", _KINDS) or "Inline"
    inline = {name: _read_type(name, value) for name, value in types.items()}
    return {EVENT_TYPES: {"kind": kind, "inlineEventTypes": inline}}


def _read_type(name: str, value: object) -> dict[str, str]:
    where = f"{EVENT_TYPES}.inlineEventTypes"
    as_text(name, f"{where} (a name)", _NAME_LENGTH)
    described = as_object(value, f"{where}.{name}")
    check_members(described, _MEMBERS, f"{where}.{name}")
    given = {member: as_text(described.get(member), f"{where}.{member}") for member in _MEMBERS}
    return {member: text for member, text in given.items() if text}
