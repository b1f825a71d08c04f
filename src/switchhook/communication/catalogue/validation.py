"""Are these values what the type's documents allow?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from switchhook.communication.catalogue.lookup import find
from switchhook.communication.catalogue.model import Field, Kind, Required, TimeForm
from switchhook.communication.catalogue.profiles import DEFAULT_PROFILE
from switchhook.communication.catalogue.shapes import Member, shape_of
from switchhook.communication.resources import EventSettings
from switchhook.errors import RequestError

_EXPECTED = (Required.YES, Required.ALWAYS)
_ARTICLES = {
    Kind.STRING: "a string",
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.SCALAR: "a string, number or boolean",
    Kind.OBJECT: "an object",
    Kind.ARRAY: "an array",
    Kind.MAP: "an object",
}
_PYTHON_TYPES: Mapping[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
    Kind.SCALAR: (str, int, float, bool),
    Kind.OBJECT: (dict,),
    Kind.ARRAY: (list,),
    Kind.MAP: (dict,),
}


def validate(type_name: str, values: Mapping[str, Any], profile: str = DEFAULT_PROFILE) -> None:
    """Check canonical `values`, of which an event of `profile` is to be made.

    A member that the profile's documents lack may be absent.

    Raises RequestError that names the first wrong member: unknown, of another type, or missing.
    """
    event_type = find(type_name)
    members = shape_of(event_type.name, EventSettings(profile=profile)).members
    used = _sources(members, values)
    _check_members(event_type.fields, values, "data", event_type.name, used)


def check_value(field: Field, value: Any, where: str, type_name: str) -> None:
    """Check one member's value, and all inside it.

    Raises RequestError that names the first wrong member.
    """
    if value is None and (field.nullable or field.kind is Kind.ANY):
        return
    _check_kind(field.kind, value, where, type_name)
    if field.allowed and value not in field.allowed:
        raise _wrong(where, type_name, f"must be one of {', '.join(field.allowed)}", value)
    if field.time in (TimeForm.ZULU, TimeForm.OFFSET) and not _is_instant(value):
        raise _wrong(where, type_name, "must be an RFC 3339 date-time with its offset", value)
    if field.kind is Kind.MAP:
        for key, item in value.items():
            _check_kind(field.item or Kind.ANY, item, f"{where}.{key}", type_name)
    elif field.kind is Kind.ARRAY:
        for index, item in enumerate(value):
            inside = f"{where}[{index}]"
            _check_kind(field.item or Kind.ANY, item, inside, type_name)
            if field.fields:
                _check_members(field.fields, item, inside, type_name)
    elif field.kind is Kind.OBJECT:
        _check_members(field.fields, value, where, type_name)


def unknown_member(where: str, fields: tuple[Field, ...], type_name: str) -> RequestError:
    """The refusal of a member that the type does not have."""
    allowed = ", ".join(field.name for field in fields) or "no member"
    message = f"'{where}' is not a member of {type_name}; allowed here: {allowed}."
    return RequestError(400, "InvalidRequest", message)


def _check_members(
    fields: tuple[Field, ...],
    values: Mapping[str, Any],
    where: str,
    type_name: str,
    used: frozenset[str] | None = None,
) -> None:
    by_name = {field.name: field for field in fields}
    for name, value in values.items():
        field = by_name.get(name)
        if field is None:
            raise unknown_member(f"{where}.{name}", fields, type_name)
        check_value(field, value, f"{where}.{name}", type_name)
    for field in fields:
        is_used = used is None or field.name in used
        if field.required in _EXPECTED and is_used and field.name not in values:
            message = f"'{where}.{field.name}' of {type_name} is missing; it is required."
            raise RequestError(400, "InvalidRequest", message)


def _check_kind(kind: Kind, value: Any, where: str, type_name: str) -> None:
    if kind is Kind.ANY:
        return
    is_boolean = isinstance(value, bool)
    accepts_boolean = kind in (Kind.BOOLEAN, Kind.SCALAR)
    if not isinstance(value, _PYTHON_TYPES[kind]) or (is_boolean and not accepts_boolean):
        raise _wrong(where, type_name, f"must be {_ARTICLES[kind]}", value)


def _is_instant(value: str) -> bool:
    try:
        return "T" in value and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _wrong(where: str, type_name: str, rule: str, value: Any) -> RequestError:
    shown = str(value) if len(str(value)) <= 80 else f"{str(value)[:77]}..."
    return RequestError(400, "InvalidRequest", f"'{where}' of {type_name} {rule}, not '{shown}'.")


def _sources(members: tuple[Member, ...], values: Mapping[str, Any]) -> frozenset[str]:
    """The members that rendering reads; those that only stand in for a given one do not count."""
    read = set()
    for member in members:
        names = [path[0] for path in member.paths]
        read.update(names[:1] if names and names[0] in values else names)
    return frozenset(read)
