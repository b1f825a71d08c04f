"""How do bodies of Communication Services resources become records, and records bodies?"""

import re
from typing import Any

import msgspec

from switchhook.communication.resources import (
    CommunicationResource,
    EventSettings,
    NumberKind,
    OwnedNumber,
)
from switchhook.grid.resources.body_rules import (
    Body,
    as_object,
    as_text,
    check_fixed,
    check_members,
    read_echoed,
    read_location,
    read_tags,
    refuse,
)
from switchhook.grid.resources.ids import COMMUNICATION

RESOURCE_TYPE = f"{COMMUNICATION}/CommunicationServices"
TOPIC_TYPE = "Microsoft.Communication.CommunicationServices"
DEFAULT_LOCATION = "global"
DEFAULT_DATA_LOCATION = "United States"
VERSION = "2023-04-01"

# Subjects that begin with a slash in the published samples: SMS (also of the draft of 2020),
# incoming calls, recordings. The table of subjects and the filter example leave it out for SMS.
_SLASHED_SMS = ("phonenumber", "phone_number")
_SLASHED_CALLS = ("caller", "recording")

_FIXED: dict[str, object] = {"publicNetworkAccess": "Enabled", "disableLocalAuth": False}
_READ_ONLY = {
    "provisioningState",
    "hostName",
    "notificationHubId",
    "version",
    "immutableResourceId",
}
_ENVELOPE = {"id", "name", "type", "systemData", "location", "tags", "identity", "properties"}

# Toll-free prefixes of the North American Numbering Plan.
_TOLL_FREE = re.compile(r"\+1(800|833|844|855|866|877|888)\d{7}")
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SHORT_CODE = re.compile(r"\d{4,6}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")


class CommunicationRecord(msgspec.Struct, frozen=True, kw_only=True, tag="communicationService"):
    """A Communication Services resource as it is written down."""

    resource: CommunicationResource
    location: str
    data_location: str
    tags: dict[str, str] = {}
    echoed: dict[str, Any] = {}


def read_resource(
    body: Body, *, resource: CommunicationResource, before: CommunicationRecord | None
) -> CommunicationRecord:
    """The record after a PUT of `body`."""
    check_members(body, _ENVELOPE, "communicationService")
    properties = as_object(body.get("properties"), "properties")
    _check_properties(properties, _READ_ONLY | {"dataLocation"})
    asked = as_text(properties.get("dataLocation"), "properties.dataLocation", 64)
    if before is not None and asked and asked.lower() != before.data_location.lower():
        refuse("The dataLocation of a communication service cannot be changed.")
    data_location = before.data_location if before else asked or DEFAULT_DATA_LOCATION
    return CommunicationRecord(
        resource=resource,
        location=read_location(body.get("location"), DEFAULT_LOCATION),
        data_location=data_location,
        tags=read_tags(body.get("tags")),
        echoed=read_echoed(body, ("identity",)),
    )


def update_resource(record: CommunicationRecord, body: Body) -> CommunicationRecord:
    """The record after a PATCH: only what is present changes, `tags` as a whole."""
    check_members(body, _ENVELOPE - {"location"}, "communicationService")
    _check_properties(as_object(body.get("properties"), "properties"), _READ_ONLY)
    return msgspec.structs.replace(
        record,
        tags=read_tags(body["tags"]) if "tags" in body else record.tags,
        echoed={**record.echoed, **read_echoed(body, ("identity",))},
    )


def render_resource(record: CommunicationRecord, host_name: str) -> dict[str, Any]:
    """A resource as a GET shows it."""
    resource = record.resource
    return {
        "id": resource.resource_id,
        "name": resource.name,
        "type": RESOURCE_TYPE,
        "location": record.location,
        "tags": record.tags,
        **record.echoed,
        "properties": {
            "provisioningState": "Succeeded",
            "hostName": host_name,
            "dataLocation": record.data_location,
            "immutableResourceId": resource.immutable_id,
            "version": VERSION,
            "linkedDomains": [],
            **_FIXED,
        },
    }


def render_keys(keys: tuple[str, str], endpoint: str) -> dict[str, str]:
    """What `listKeys` answers; `endpoint` is the https URL of the data plane."""
    primary, secondary = keys
    return {
        "primaryKey": primary,
        "secondaryKey": secondary,
        "primaryConnectionString": f"endpoint={endpoint}/;accesskey={primary}",
        "secondaryConnectionString": f"endpoint={endpoint}/;accesskey={secondary}",
    }


def read_number(name: str, body: Body) -> OwnedNumber:
    """A sender named in a URL, `+` optional; its kind follows from its form unless it is given."""
    check_members(body, {"id", "name", "type", "properties"}, "phoneNumber")
    properties = as_object(body.get("properties"), "properties")
    check_members(properties, {"kind", "value"}, "phoneNumber.properties")
    value = normalize_number(name)
    asked = as_text(properties.get("kind"), "properties.kind", 32)
    return OwnedNumber(value=value, kind=_read_kind(asked) if asked else kind_of(value))


def normalize_number(name: str) -> str:
    """`+` and digits, a short code's digits, or a text of at most 11 characters."""
    text = name.strip()
    if _SHORT_CODE.fullmatch(text) or _ALPHANUMERIC.fullmatch(text):
        return text
    digits = text if text.startswith("+") else f"+{text}"
    if not _E164.fullmatch(digits):
        refuse(
            f"The phone number '{name}' is neither a number in E.164 form, nor a short code of 4 "
            "to 6 digits, nor a text of at most 11 letters, digits and spaces."
        )
    return digits


def kind_of(value: str) -> NumberKind:
    """What a sender looks like."""
    if value.startswith("+"):
        return NumberKind.TOLL_FREE if _TOLL_FREE.fullmatch(value) else NumberKind.GEOGRAPHIC
    return NumberKind.SHORT_CODE if value.isdigit() else NumberKind.ALPHANUMERIC


def number_name(number: OwnedNumber) -> str:
    """How a number stands in a URL: without `+`."""
    return number.value.lstrip("+")


def read_event_settings(body: Body, profiles: frozenset[str]) -> EventSettings:
    """Event settings from the body of a PUT; `profiles` are the known names."""
    check_members(body, {"id", "name", "type", "properties"}, "eventSettings")
    properties = as_object(body.get("properties"), "properties")
    check_members(properties, _SETTINGS.keys(), "eventSettings.properties")
    given = {name: properties.get(name) for name in _SETTINGS}
    for name in _SWITCHES:
        if not isinstance(given[name], bool | None):
            refuse(f"The value of '{name}' must be true or false.")
    values = {_SETTINGS[name]: value for name, value in given.items() if value is not None}
    try:
        settings = msgspec.convert(values, EventSettings)
    except msgspec.ValidationError as error:
        refuse(f"The event settings are not valid: {_in_their_names(str(error))}.")
    if settings.profile not in profiles:
        refuse(
            f"There is no event profile '{settings.profile}': "
            f"use one of {', '.join(sorted(profiles))}."
        )
    if settings.sms_key_casing not in (None, "camel", "pascal"):
        refuse("The value of 'smsKeyCasing' must be 'camel' or 'pascal'.")
    return settings


def _in_their_names(problem: str) -> str:
    """What is wrong with a value, with the setting's name as a request has it."""
    for name, field in _SETTINGS.items():
        problem = problem.replace(f"`$.{field}`", f"`properties.{name}`")
    return problem


def slashed_subjects(settings: EventSettings) -> tuple[str, ...]:
    """How the subjects begin that follow a leading slash."""
    sms_is_plain = settings.leading_slash_in_sms_subjects is False
    return _SLASHED_CALLS if sms_is_plain else _SLASHED_SMS + _SLASHED_CALLS


def render_event_settings(settings: EventSettings) -> dict[str, Any]:
    """Event settings as a GET shows them."""
    return {name: getattr(settings, field) for name, field in _SETTINGS.items()}


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


_SETTINGS = {_camel(field): field for field in EventSettings.__struct_fields__}
_SWITCHES = [
    _camel(field.name)
    for field in msgspec.structs.fields(EventSettings)
    if field.type in (bool, bool | None)
]


def _check_properties(properties: Body, known: set[str]) -> None:
    check_members(properties, {*known, *_FIXED}, "communicationService.properties")
    check_fixed(properties, _FIXED, "properties")


def _read_kind(text: str) -> NumberKind:
    kind = {kind.value.lower(): kind for kind in NumberKind}.get(text.lower())
    if kind is None:
        refuse(f"The kind '{text}' is not one of {', '.join(kind.value for kind in NumberKind)}.")
    return kind
