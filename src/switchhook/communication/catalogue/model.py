"""What is an event type, and what may stand in its data?

The families' modules state their types in these words. A field's name is the one of the current
documents (profile `GA`); older documents are differences from it and stand in `profiles`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Family(StrEnum):
    """The article that describes a type."""

    SMS = "SMS"
    CHAT = "Chat"
    CALLING = "Voice and video calling"
    PRESENCE = "Presence"
    EMAIL = "Email"
    ADVANCED_MESSAGING = "Advanced messaging"
    JOB_ROUTER = "Job Router"


class Kind(StrEnum):
    """The JSON type of a member."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    SCALAR = "string, number or boolean"
    OBJECT = "object"
    ARRAY = "array"
    MAP = "map"
    ANY = "any"


class Required(StrEnum):
    """How sure a reader can be to find a member."""

    YES = "yes"  # required by the specification (AzureCommunicationServices.json, 2018-01-01)
    ALWAYS = "always"  # not required there, yet part of every published event
    NO = "no"
    LEGACY = "legacy"  # published, but gone from the specification; older readers want it
    NEW = "new"  # only in the specification of 2026-04 or the article of 2026
    OBSERVED = "observed"  # seen in public captures only


class TimeForm(StrEnum):
    """How a family writes an instant."""

    ZULU = "Z"
    OFFSET = "+00:00"
    MILLISECONDS = "epoch milliseconds"
    MILLISECONDS_TEXT = "epoch milliseconds as text"
    SECONDS = "epoch seconds"


class Moment(msgspec.Struct, frozen=True):
    """An example instant: so many milliseconds before the event."""

    before: int
    form: TimeForm = TimeForm.ZULU


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One member of `data`, or of an object inside it.

    `item` is the kind of an array's items or a map's values; `fields` are the members of an object
    or of an array's objects. `sources` are other paths to read when the member itself was not
    given. `shown` members are part of the example event.
    """

    name: str
    kind: Kind
    required: Required = Required.NO
    example: Any = None
    shown: bool = False
    item: Kind | None = None
    fields: tuple["Field", ...] = ()
    allowed: tuple[str, ...] = ()
    nullable: bool = False
    time: TimeForm | None = None
    sources: tuple[str, ...] = ()
    note: str = ""
    is_identifier: bool = False


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of event as the current documents describe it, in the order of their samples.

    A variable of `subject` is filled from the data (`subjects.SOURCES` says from where);
    `subject_examples` holds what the data cannot tell.
    """

    name: str
    family: Family
    when: str
    subject: str
    fields: tuple[Field, ...]
    subject_examples: Mapping[str, str] = {}
    note: str = ""

    @property
    def short_name(self) -> str:
        """The last segment of the name."""
        return self.name.rpartition(".")[2]


_USUAL = (Required.YES, Required.ALWAYS)


def text(
    name: str,
    required: Required = Required.NO,
    example: str | Moment | None = "",
    *,
    shown: bool | None = None,
    allowed: tuple[str, ...] = (),
    nullable: bool = False,
    sources: tuple[str, ...] = (),
    note: str = "",
) -> Field:
    """A string."""
    return Field(
        name=name,
        kind=Kind.STRING,
        required=required,
        example=example,
        shown=required in _USUAL if shown is None else shown,
        allowed=allowed,
        nullable=nullable,
        sources=sources,
        note=note,
    )


def time(
    name: str,
    required: Required = Required.ALWAYS,
    before: int = 0,
    form: TimeForm = TimeForm.ZULU,
    *,
    shown: bool | None = None,
    note: str = "",
) -> Field:
    """An RFC 3339 date-time, or the count that `form` says."""
    counts = form in (TimeForm.MILLISECONDS, TimeForm.SECONDS)
    return Field(
        name=name,
        kind=Kind.INTEGER if counts else Kind.STRING,
        required=required,
        example=Moment(before, form),
        shown=required in _USUAL if shown is None else shown,
        time=form,
        note=note,
    )


def scalar(
    name: str,
    kind: Kind,
    required: Required,
    example: float | bool | str | None,
    *,
    shown: bool | None = None,
    nullable: bool = False,
    note: str = "",
) -> Field:
    """An integer, number, boolean, or any of them and strings."""
    return Field(
        name=name,
        kind=kind,
        required=required,
        example=example,
        shown=required in _USUAL if shown is None else shown,
        nullable=nullable,
        note=note,
    )


def group(
    name: str,
    required: Required,
    *fields: Field,
    shown: bool | None = None,
    nullable: bool = False,
    is_identifier: bool = False,
    note: str = "",
) -> Field:
    """An object with members of its own."""
    return Field(
        name=name,
        kind=Kind.OBJECT,
        required=required,
        shown=required in _USUAL if shown is None else shown,
        fields=fields,
        nullable=nullable,
        is_identifier=is_identifier,
        note=note,
    )


def items(
    name: str,
    required: Required,
    *fields: Field,
    shown: bool | None = None,
    sources: tuple[str, ...] = (),
    note: str = "",
) -> Field:
    """An array of objects."""
    return Field(
        name=name,
        kind=Kind.ARRAY,
        item=Kind.OBJECT,
        required=required,
        shown=required in _USUAL if shown is None else shown,
        fields=fields,
        sources=sources,
        note=note,
    )


def texts(
    name: str, required: Required, example: list[str], *, shown: bool | None = None, note: str = ""
) -> Field:
    """An array of strings."""
    return Field(
        name=name,
        kind=Kind.ARRAY,
        item=Kind.STRING,
        required=required,
        example=example,
        shown=required in _USUAL if shown is None else shown,
        note=note,
    )


def mapping(
    name: str,
    required: Required,
    example: dict[str, Any],
    item: Kind = Kind.STRING,
    *,
    shown: bool | None = None,
    note: str = "",
) -> Field:
    """An object whose member names are the user's own."""
    return Field(
        name=name,
        kind=Kind.MAP,
        item=item,
        required=required,
        example=example,
        shown=required in _USUAL if shown is None else shown,
        note=note,
    )
