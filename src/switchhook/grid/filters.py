"""Does a subscription want an event, and if not, why not?

Source: event-filtering.md (Sep 2022). All parts of a filter must hold. Subjects are compared
without regard to case unless `isSubjectCaseSensitive`; there are no wildcards. Advanced filters are
in `advanced_filters`.
"""

from collections.abc import Iterator

import msgspec

from switchhook.grid.advanced_filters import compile_all, finder
from switchhook.grid.event_values import ABSENT, EventValues, to_key
from switchhook.grid.events import Event
from switchhook.grid.json_values import to_short_text
from switchhook.grid.letter_case import without_case
from switchhook.grid.subscriptions import AdvancedFilter, Filter

# Whether event types are compared with regard to case is not documented; "exact match" is read
# literally.
EVENT_TYPES_REGARD_CASE = True


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """The first part of a filter that does not hold, by its name, such as `advancedFilters[2]`.

    `operator` is that of an advanced filter, otherwise "". `found` is the value of the event as
    JSON, shortened if it is long, or `absent`. `text` says it all to people.
    """

    clause: str
    key: str
    wanted: tuple[str, ...]
    found: str
    text: str
    operator: str = ""


def matches(wanted: Filter, event: Event, *, ignores_leading_slash: bool = False) -> bool:
    """Whether the filter selects the event."""
    return (
        _has_type(wanted, event.type)
        and _begins(wanted, event.subject, ignores_leading_slash)
        and _ends(wanted, event.subject)
        and next(_failing(wanted, event), None) is None
    )


def explain(
    wanted: Filter, event: Event, *, ignores_leading_slash: bool = False
) -> Mismatch | None:
    """The first part of the filter that does not select the event; None when all of them do."""
    if not _has_type(wanted, event.type):
        types = wanted.included_event_types or ()
        return _explain("includedEventTypes", "eventType", types, event.type, "is not one of")
    if not _begins(wanted, event.subject, ignores_leading_slash):
        prefix = (wanted.subject_begins_with,)
        return _explain(
            "subjectBeginsWith", "subject", prefix, event.subject, "does not begin with"
        )
    if not _ends(wanted, event.subject):
        suffix = (wanted.subject_ends_with,)
        return _explain("subjectEndsWith", "subject", suffix, event.subject, "does not end with")
    place = next(_failing(wanted, event), None)
    return None if place is None else _explain_advanced(wanted, place, event)


def type_key(event_type: str) -> str:
    """The text by which event types are compared."""
    return event_type if EVENT_TYPES_REGARD_CASE else event_type.lower()


def without_slash(subject: str, ignores_leading_slash: bool) -> str:
    """The text whose beginning is compared: one leading slash may not count."""
    return subject[1:] if ignores_leading_slash and subject.startswith("/") else subject


def needs_ignored_slash(wanted: Filter, subject_prefixes: tuple[str, ...]) -> bool:
    """Whether the filter can select subjects that begin with one of `subject_prefixes` only because
    a leading slash does not count."""
    begins = wanted.subject_begins_with.lower()
    if not begins or begins.startswith("/"):
        return False
    slashed = (prefix.lower() for prefix in subject_prefixes if prefix.startswith("/"))
    return any(p[1:].startswith(begins) or begins.startswith(p[1:]) for p in slashed)


def _has_type(wanted: Filter, event_type: str) -> bool:
    types = wanted.included_event_types
    return types is None or type_key(event_type) in map(type_key, types)


def _begins(wanted: Filter, subject: str, ignores_leading_slash: bool) -> bool:
    subject = without_slash(subject, ignores_leading_slash)
    prefix = without_slash(wanted.subject_begins_with, ignores_leading_slash)
    if wanted.is_subject_case_sensitive:
        return subject.startswith(prefix)
    return without_case(subject).startswith(without_case(prefix))


def _ends(wanted: Filter, subject: str) -> bool:
    if wanted.is_subject_case_sensitive:
        return subject.endswith(wanted.subject_ends_with)
    return without_case(subject).endswith(without_case(wanted.subject_ends_with))


def _failing(wanted: Filter, event: Event) -> Iterator[int]:
    """The places of the advanced filters that do not hold."""
    if not wanted.advanced:
        return
    values = EventValues(event)
    tests = compile_all(wanted.advanced, on_arrays=wanted.enable_advanced_filtering_on_arrays)
    yield from (place for place, test in enumerate(tests) if not test(values))


# --- explanations --------------------------------------------------------------------------------


def _explain(clause: str, key: str, wanted: tuple[str, ...], found: str, how: str) -> Mismatch:
    value = to_short_text(found)
    operands = ", ".join(map(to_short_text, wanted))
    return Mismatch(
        clause=clause,
        key=key,
        wanted=wanted,
        found=value,
        text=f"{clause}: the {key} {value} {how} {operands or 'none'}.",
    )


def _explain_advanced(wanted: Filter, place: int, event: Event) -> Mismatch:
    advanced = wanted.advanced[place]
    value = finder(advanced.operator)(EventValues(event), to_key(advanced.key))
    found = "absent" if value is ABSENT else to_short_text(value)
    clause = f"advancedFilters[{place}]"
    why = f"the event has {found}" if value is not ABSENT else "the event has no such value"
    if isinstance(value, list) and not wanted.enable_advanced_filtering_on_arrays:
        why += ", an array, and enableAdvancedFilteringOnArrays is false"
    return Mismatch(
        clause=clause,
        operator=advanced.operator.value,
        key=advanced.key,
        wanted=advanced.values,
        found=found,
        text=f"{clause}: {_sentence(advanced)} does not hold: {why}.",
    )


def _sentence(advanced: AdvancedFilter) -> str:
    operands = ", ".join(_operands(advanced))
    return f"{advanced.operator} of '{advanced.key}'" + (f" with {operands}" if operands else "")


def _operands(advanced: AdvancedFilter) -> Iterator[str]:
    values = advanced.values
    if advanced.operator.endswith("InRange"):
        ends = zip(values[::2], values[1::2], strict=True)
        return (f"{low} to {high}" for low, high in ends)
    if advanced.operator.startswith("String"):
        return map(to_short_text, values)
    return iter(values)
