"""What exactly does an event of a type look like under given settings?

`shape_of` works it out once for each type and settings; rendering then only follows it.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from switchhook.communication.catalogue import calling, chat, sms
from switchhook.communication.catalogue.conversions import CONVERSIONS
from switchhook.communication.catalogue.forms import Casing, Form, Profile
from switchhook.communication.catalogue.lookup import find, form_of
from switchhook.communication.catalogue.model import EventType, Family, Field, Kind
from switchhook.communication.catalogue.subjects import Pattern, parse_pattern
from switchhook.communication.resources import EventSettings
from switchhook.errors import RequestError

EVENT_TIME = "$time"

ENVELOPE = (
    "id",
    "topic",
    "subject",
    "data",
    "eventType",
    "dataVersion",
    "metadataVersion",
    "eventTime",
)
FIRST_DRAFT_ENVELOPE = (
    "topic",
    "subject",
    "eventType",
    "eventTime",
    "id",
    "data",
    "dataVersion",
    "metadataVersion",
)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One member to write: its name, where its value is read, and what is done to it.

    `paths` are tried in turn; `key` is the first of them where it leads to a value at once.
    `constant` needs no value. `members` are those of an object, or of
    each object of an array (`is_array`).
    """

    name: str
    key: str | None = None
    paths: tuple[tuple[str, ...], ...] = ()
    constant: str | None = None
    convert: Callable[[Any], Any] | None = None
    conversion: str = ""
    members: tuple["Member", ...] = ()
    is_array: bool = False


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """One type of event, ready to be rendered."""

    event_type: str
    subject: Pattern
    members: tuple[Member, ...]
    data_version: str
    envelope: tuple[str, ...]
    has_first_draft_topic: bool
    id_is_message_id: bool


class Switches(msgspec.Struct, frozen=True):
    """The points in which documents contradict each other, decided for one type."""

    casing: Casing
    without_plus: tuple[str, ...] = ()
    version_is_text: bool = False
    spellings: Mapping[str, str] = {}


@lru_cache(maxsize=1024)
def shape_of(type_name: str, settings: EventSettings) -> Shape:
    """The shape of a type, given by full name or last segment, under `settings`.

    Raises RequestError for an unknown type, profile or casing.
    """
    event_type = find(type_name)
    profile, form = form_of(event_type, settings.profile)
    switches = _decide(event_type, profile, settings)
    return Shape(
        event_type=form.name or event_type.name,
        subject=parse_pattern(_subject(event_type, form, settings)),
        members=_compile(event_type.fields, form.members, "", form, switches),
        data_version="" if profile.is_first_draft else "1.0",
        envelope=FIRST_DRAFT_ENVELOPE if profile.is_first_draft else ENVELOPE,
        has_first_draft_topic=profile.is_first_draft,
        id_is_message_id=profile.id_is_message_id and event_type.family is Family.SMS,
    )


def _decide(event_type: EventType, profile: Profile, settings: EventSettings) -> Switches:
    casing = Casing.CAMEL
    without_plus: tuple[str, ...] = ()
    if event_type.name in sms.NUMBERS_WITHOUT_PLUS:
        casing = _casing(settings) or profile.sms_key_casing
        if not _answer(settings.plus_in_numbers, profile.plus_in_numbers):
            without_plus = sms.NUMBERS_WITHOUT_PLUS[event_type.name]
    version_is_text = event_type.name in chat.MESSAGES_IN_THREAD and _answer(
        settings.versions_as_text, profile.versions_as_text
    )
    is_calling = event_type.family is Family.CALLING
    doubled = calling.ARTICLE_SPELLINGS if is_calling and settings.both_call_spellings else {}
    return Switches(casing, without_plus, version_is_text, doubled)


def _casing(settings: EventSettings) -> Casing | None:
    if settings.sms_key_casing is None:
        return None
    try:
        return Casing(settings.sms_key_casing)
    except ValueError:
        message = f"The key casing '{settings.sms_key_casing}' is neither 'camel' nor 'pascal'."
        raise RequestError(400, "InvalidRequest", message) from None


def _answer(setting: bool | None, of_profile: bool) -> bool:
    return of_profile if setting is None else setting


def _subject(event_type: EventType, form: Form, settings: EventSettings) -> str:
    subject = form.subject or event_type.subject
    slash = settings.leading_slash_in_sms_subjects
    bare = subject.removeprefix("/")
    if slash is None or not bare.startswith("phonenumber/"):
        return subject
    return f"/{bare}" if slash else bare


def _compile(
    fields: tuple[Field, ...], words: str, path: str, form: Form, switches: Switches
) -> tuple[Member, ...]:
    members = []
    for word in words.split() or [field.name for field in fields]:
        name, _, rest = word.rpartition("=")
        source, _, conversion = rest.partition("|")
        name = name or source
        if source.startswith("'"):
            members.append(Member(name=name, constant=source.strip("'")))
            continue
        member = _member(fields, name, source, conversion, path, form, switches)
        members.append(member)
        if not path and source in switches.spellings and name == source:
            members.append(msgspec.structs.replace(member, name=switches.spellings[source]))
    return tuple(members)


def _member(
    fields: tuple[Field, ...],
    name: str,
    source: str,
    conversion: str,
    path: str,
    form: Form,
    switches: Switches,
) -> Member:
    if switches.casing is Casing.PASCAL:
        name = name[0].upper() + name[1:]
    if not path and source in switches.without_plus:
        conversion = "plain"
    if not path and source == "version" and switches.version_is_text:
        conversion = "text"
    field = None if source == EVENT_TIME else _field_at(fields, source)
    inner = f"{path}{source}"
    children = field.fields if field else ()
    return Member(
        name=name,
        key=None if "." in source else source,
        paths=tuple(tuple(one.split(".")) for one in (source, *(field.sources if field else ()))),
        convert=CONVERSIONS[conversion] if conversion else None,
        conversion=conversion,
        members=_compile(children, form.inside.get(inner, ""), f"{inner}.", form, switches)
        if children
        else (),
        is_array=field is not None and field.kind is Kind.ARRAY,
    )


def _field_at(fields: tuple[Field, ...], path: str) -> Field:
    """The field at a path of which this catalogue's own data is sure."""
    first, _, rest = path.partition(".")
    field = next(field for field in fields if field.name == first)
    return _field_at(field.fields, rest) if rest else field
