"""From `data.from=+15555550123` on a command line to an event's values.

A text becomes the member's type; objects, arrays and maps are given as JSON, an identifier also as
its raw id. Items are numbered (`data.deliveryAttempts[0].segmentsFailed=1`) from 0; the number
after the last adds one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from switchhook.communication.catalogue.identifiers import identifier_of
from switchhook.communication.catalogue.lookup import find
from switchhook.communication.catalogue.model import EventType, Family, Field, Kind
from switchhook.communication.catalogue.subjects import parse_pattern
from switchhook.communication.catalogue.validation import check_value, unknown_member
from switchhook.errors import RequestError

_ITEM = re.compile(r"(?P<name>.+)\[(?P<index>\d{1,4})\]")
_ENVELOPE = ("id", "subject", "eventTime")


class Assignments(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of assignments makes of an event; None where it said nothing."""

    values: dict[str, Any]
    subject_values: dict[str, str] = {}
    subject: str | None = None
    event_id: str | None = None
    event_time: str | None = None


def apply_assignments(
    type_name: str, values: Mapping[str, Any], assignments: Iterable[str]
) -> Assignments:
    """Apply `path=text` in turn: `data...`, `subject`, `subject.{variable}`, `id`, `eventTime`.

    Raises RequestError that names what is wrong and what is allowed.
    """
    event_type = find(type_name)
    data = dict(values)
    envelope: dict[str, str] = {}
    subject_values: dict[str, str] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise _refuse(f"'{assignment}' is not of the form path=value.")
        if path in _ENVELOPE:
            envelope[path] = text
        elif path.startswith("subject."):
            variable = path.removeprefix("subject.")
            subject_values[_variable(event_type, variable)] = text
        else:
            data = set_value(event_type.name, data, path, text)
    return Assignments(
        values=data,
        subject_values=subject_values,
        subject=envelope.get("subject"),
        event_id=envelope.get("id"),
        event_time=envelope.get("eventTime"),
    )


def set_value(type_name: str, values: Mapping[str, Any], path: str, text: str) -> dict[str, Any]:
    """A copy of `values` with the member at `path`, such as `data.from`, set to `text`.

    Raises RequestError that names an unknown member or the type that its value must have.
    """
    event_type = find(type_name)
    first, _, rest = path.partition(".")
    if first != "data" or not rest:
        raise _refuse(
            f"'{path}' cannot be set; a path is 'data.' and a member, 'subject.' and a variable "
            f"of the subject, or one of {', '.join(_ENVELOPE)}."
        )
    setter = _Setter(event_type, text)
    return setter.set_member(event_type.fields, values, rest.split("."), "data")


class _Setter:
    """Carries the type and the text through the levels of one path."""

    def __init__(self, event_type: EventType, text: str) -> None:
        self._type_name = event_type.name
        self._has_kind = event_type.family is Family.CALLING
        self._text = text

    def set_member(
        self, fields: tuple[Field, ...], values: Mapping[str, Any], path: list[str], where: str
    ) -> dict[str, Any]:
        match = _ITEM.fullmatch(path[0])
        name = match["name"] if match else path[0]
        field = next((field for field in fields if field.name == name), None)
        if field is None:
            raise unknown_member(f"{where}.{name}", fields, self._type_name)
        here = f"{where}.{path[0]}"
        current = values.get(name)
        if match:
            value = self._with_item(field, current, int(match["index"]), path[1:], here)
        elif len(path) == 1:
            value = self._convert(field, here)
        else:
            value = self._with_inner(field, current, path[1:], here)
        return {**values, name: value}

    def _with_inner(self, field: Field, current: Any, path: list[str], where: str) -> Any:
        if field.kind is Kind.MAP:
            value = {**(current or {}), ".".join(path): self._scalar(field.item)}
            check_value(field, value, where, self._type_name)
            return value
        if field.kind is not Kind.OBJECT:
            raise unknown_member(f"{where}.{path[0]}", (), self._type_name)
        return self.set_member(field.fields, current or {}, path, where)

    def _with_item(
        self, field: Field, current: Any, index: int, path: list[str], where: str
    ) -> list[Any]:
        if field.kind is not Kind.ARRAY:
            raise _refuse(f"'{where}' of {self._type_name} is not an array.")
        items = list(current or [])
        if index > len(items):
            raise _refuse(
                f"'{where}' of {self._type_name} leaves a gap; it has {len(items)} items."
            )
        if path and field.item is Kind.OBJECT:
            old = items[index] if index < len(items) else {}
            value: Any = self.set_member(field.fields, old, path, where)
        elif path:
            raise unknown_member(f"{where}.{path[0]}", (), self._type_name)
        else:
            value = self._json(where) if field.item is Kind.OBJECT else self._scalar(field.item)
        items[index : index + 1] = [value]
        if not path:
            check_value(field, items, where.rpartition("[")[0], self._type_name)
        return items

    def _convert(self, field: Field, where: str) -> Any:
        value: Any = self._text
        if field.nullable and self._text == "null":
            return None
        if field.is_identifier and not self._text.lstrip().startswith("{"):
            value = identifier_of(self._text, kind=self._has_kind)
        elif field.kind is Kind.STRING:
            value = self._text
        elif field.kind in (Kind.OBJECT, Kind.ARRAY, Kind.MAP):
            value = self._json(where)
        else:
            value = self._scalar(field.kind)
        check_value(field, value, where, self._type_name)
        return value

    def _scalar(self, kind: Kind | None) -> Any:
        """The text as the number or boolean that it spells, or as it is; the check follows."""
        if kind is Kind.STRING:
            return self._text
        try:
            value = msgspec.json.decode(self._text)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return self._text
        return value if kind is Kind.ANY or not isinstance(value, dict | list) else self._text

    def _json(self, where: str) -> Any:
        try:
            return msgspec.json.decode(self._text)
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise _refuse(
                f"'{where}' of {self._type_name} must be given as JSON, not '{self._text[:80]}'."
            ) from None


def _variable(event_type: EventType, variable: str) -> str:
    variables = parse_pattern(event_type.subject).variables
    if variable not in variables:
        allowed = ", ".join(variables) or "none"
        raise _refuse(
            f"'subject.{variable}' is not a variable of the subject of {event_type.name}; "
            f"allowed: {allowed}."
        )
    return variable


def _refuse(message: str) -> RequestError:
    return RequestError(400, "InvalidRequest", message)
