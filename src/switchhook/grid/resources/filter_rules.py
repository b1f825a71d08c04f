"""How does the `filter` of an event subscription's body become a filter, and a filter a body?

Source: event-filtering.md (Sep 2022); azure-mgmt-eventgrid 10.4.0, `EventSubscriptionFilter` and
its `AdvancedFilter` models.
"""

from typing import Any, NoReturn

from switchhook.grid.resources.advanced_filter_rules import (
    read_advanced_filter,
    render_advanced_filter,
    values_of,
)
from switchhook.grid.resources.body_rules import (
    as_flag,
    as_object,
    as_text,
    as_texts,
    check_members,
    refuse,
)
from switchhook.grid.subscriptions import AdvancedFilter, Filter

# event-filtering.md, "Limitations": per event subscription.
MAX_ADVANCED_FILTERS = 25
MAX_FILTER_VALUES = 25  # of all its advanced filters together
ALL_TYPES = "All"  # the sole entry of includedEventTypes in API versions before 2019

_MEMBERS = {
    "subjectBeginsWith",
    "subjectEndsWith",
    "includedEventTypes",
    "isSubjectCaseSensitive",
    "enableAdvancedFilteringOnArrays",
    "advancedFilters",
}


def read_filter(value: object, *, event_types: frozenset[str] | None) -> Filter:
    """The filter that a body asks for; `event_types` of None allows every event type.

    Raises:
        RequestError: 400 naming the member that is wrong.
    """
    body = as_object(value, "filter")
    check_members(body, _MEMBERS, "filter")
    return Filter(
        subject_begins_with=as_text(body.get("subjectBeginsWith"), "filter.subjectBeginsWith"),
        subject_ends_with=as_text(body.get("subjectEndsWith"), "filter.subjectEndsWith"),
        included_event_types=_read_types(body.get("includedEventTypes"), event_types),
        is_subject_case_sensitive=as_flag(
            body.get("isSubjectCaseSensitive"), "filter.isSubjectCaseSensitive"
        ),
        enable_advanced_filtering_on_arrays=as_flag(
            body.get("enableAdvancedFilteringOnArrays"), "filter.enableAdvancedFilteringOnArrays"
        ),
        advanced=_read_advanced(body.get("advancedFilters")),
    )


def render_filter(filter_: Filter) -> dict[str, Any]:
    """The filter as reads show it."""
    types = filter_.included_event_types
    return {
        "subjectBeginsWith": filter_.subject_begins_with,
        "subjectEndsWith": filter_.subject_ends_with,
        "includedEventTypes": list(types) if types is not None else None,
        "isSubjectCaseSensitive": filter_.is_subject_case_sensitive,
        "enableAdvancedFilteringOnArrays": filter_.enable_advanced_filtering_on_arrays,
        "advancedFilters": [render_advanced_filter(each) for each in filter_.advanced],
    }


def _read_types(value: object, known: frozenset[str] | None) -> tuple[str, ...] | None:
    types = as_texts(value, "filter.includedEventTypes")
    if types is None or [name.lower() for name in types] == [ALL_TYPES.lower()]:
        return None
    for name in types:
        if known is not None and name not in known:
            _refuse(f"the event type '{name}' is not one that the source of this topic publishes.")
    return types or None


def _read_advanced(value: object) -> tuple[AdvancedFilter, ...]:
    where = "filter.advancedFilters"
    if value is None:
        return ()
    if not isinstance(value, list):
        refuse(f"The value of '{where}' must be an array of objects.")
    if len(value) > MAX_ADVANCED_FILTERS:
        _refuse(f"'{where}' has {len(value)} filters; the maximum is {MAX_ADVANCED_FILTERS}.")
    found = tuple(read_advanced_filter(each, f"{where}[{n}]") for n, each in enumerate(value))
    total = sum(map(values_of, found))
    if total > MAX_FILTER_VALUES:
        _refuse(
            f"the filters of '{where}' have {total} values together; "
            f"the maximum is {MAX_FILTER_VALUES}."
        )
    return found


def _refuse(rule: str) -> NoReturn:
    refuse(f"Invalid event subscription request: {rule}")
