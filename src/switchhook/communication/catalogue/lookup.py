"""Which event types and profiles are there, and which type stands for which?"""

from collections.abc import Mapping

from switchhook.communication.catalogue import drafts
from switchhook.communication.catalogue.forms import Form, Profile
from switchhook.communication.catalogue.model import EventType
from switchhook.communication.catalogue.profiles import CURRENT_TYPES, DEFAULT_PROFILE, PROFILES
from switchhook.errors import RequestError

_OLD_TYPES = tuple(own for profile in PROFILES.values() for own in profile.own_types)
_BY_NAME: Mapping[str, EventType] = {
    event_type.name.lower(): event_type for event_type in (*CURRENT_TYPES, *_OLD_TYPES)
}
# Three short names are those of a draft's type, too; the current one wins.
_BY_SHORT_NAME: Mapping[str, EventType] = {
    event_type.short_name.lower(): event_type
    for event_type in (*drafts.FIRST_DRAFT, *_OLD_TYPES, *CURRENT_TYPES)
}
_CURRENT = frozenset(event_type.name for event_type in CURRENT_TYPES)
_HOME = {own.name: profile for profile in PROFILES.values() for own in profile.own_types}


def all_types() -> tuple[EventType, ...]:
    """Every event type ever published or announced, the current ones first."""
    return (*CURRENT_TYPES, *_OLD_TYPES)


def profiles() -> tuple[Profile, ...]:
    """Every profile, newest first."""
    return tuple(PROFILES.values())


def find(name: str) -> EventType:
    """The type of that full name or last segment, in any casing.

    Raises RequestError when there is none.
    """
    key = name.strip().lower()
    found = _BY_NAME.get(key) or _BY_SHORT_NAME.get(key)
    if found is None:
        message = f"The event type '{name}' is not one of Communication Services."
        raise RequestError(400, "InvalidRequest", message)
    return found


def find_profile(name: str) -> Profile:
    """The profile of that name.

    Raises RequestError when there is none.
    """
    found = PROFILES.get(name)
    if found is None:
        message = f"The event profile '{name}' is not known; it is one of {', '.join(PROFILES)}."
        raise RequestError(400, "InvalidRequest", message)
    return found


def types_of(profile: str) -> tuple[EventType, ...]:
    """The types that the documents of `profile` describe, under the names they had there."""
    return tuple(_BY_NAME[name.lower()] for name in find_profile(profile).types)


def profiles_of(event_type: EventType) -> tuple[str, ...]:
    """The profiles whose documents describe `event_type`, newest first."""
    return tuple(name for name, profile in PROFILES.items() if event_type.name in profile.types)


def name_in(profile: str, name: str) -> str | None:
    """What a resource with `profile` calls the current type `name`; None when it lacks it.

    A family that the profile's documents do not describe is as in GA.
    """
    described = find_profile(profile)
    event_type = find(name)
    form = described.forms.get(event_type.name)
    if form is not None:
        return form.name or event_type.name
    if event_type.name in described.types:
        return event_type.name
    if event_type.name not in _CURRENT or event_type.family in described.families:
        return None
    return event_type.name


def form_of(event_type: EventType, profile: str) -> tuple[Profile, Form]:
    """How `event_type` looks under `profile`, and the profile that says so.

    A type that the profile lacks looks as in GA, or, when it lived in one older profile only, as
    there: each type can be emitted from each resource.
    """
    described = find_profile(profile)
    form = described.forms.get(event_type.name)
    if form is not None or event_type.name in described.types:
        return described, form or Form()
    home = _HOME.get(event_type.name, PROFILES[DEFAULT_PROFILE])
    return home, home.forms.get(event_type.name, Form())
