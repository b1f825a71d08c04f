"""Does an event have a value that an advanced filter wants?

Source: event-filtering.md (Sep 2022), "Advanced filtering" and the notes on arrays and missing
keys; edge/advanced-filtering.md: numbers are compared as decimals. The values of one filter are
alternatives; an operator with Not in its name wants none of them. Strings are compared without
regard to case, which no setting changes.
"""

from collections.abc import Callable, Collection, Hashable
from functools import lru_cache
from typing import Any, NamedTuple

from switchhook.grid.event_values import ABSENT, EventValues, FilterKey, to_key
from switchhook.grid.filter_comparisons import POSITIVE, kinds_of, to_comparison
from switchhook.grid.json_values import to_number
from switchhook.grid.letter_case import without_case
from switchhook.grid.subscriptions import AdvancedFilter, FilterOperator

# event-filtering.md names NumberNotIn and StringNotIn as matched when the key is missing, and
# StringNotContains, StringNotBeginsWith and StringNotEndsWith as not matched. NumberNotInRange is
# not named: read like NumberNotIn, the only other operator of its kind.
MATCH_MISSING_KEY = frozenset(
    {
        FilterOperator.NUMBER_NOT_IN,
        FilterOperator.STRING_NOT_IN,
        FilterOperator.NUMBER_NOT_IN_RANGE,
        FilterOperator.IS_NULL_OR_UNDEFINED,
    }
)
# A null is documented for the two null operators only: read as a missing key for the others too.
NULL_IS_MISSING = True
# A value of another JSON type is "ignored" in the pseudo-code of the article on arrays. Read alike
# for a single value: nothing of the kind was found, which is what a Not-operator wants.
NOT_OPERATORS_MATCH_OTHER_TYPES = True

Test = Callable[[EventValues], bool]


def compile_filter(wanted: AdvancedFilter, *, on_arrays: bool) -> Test:
    """The test of one filter; it never raises, whatever the event has.

    With `on_arrays` off an array fails every operator; with it on, any element decides.
    """
    find, key = finder(wanted.operator), to_key(wanted.key)
    if wanted.operator is FilterOperator.IS_NOT_NULL:
        return lambda values: _is_something(find(values, key), on_arrays)
    if wanted.operator is FilterOperator.IS_NULL_OR_UNDEFINED:
        return lambda values: find(values, key) in (ABSENT, None)
    negated = wanted.operator in POSITIVE
    when_missing = wanted.operator in MATCH_MISSING_KEY
    when_other = negated and NOT_OPERATORS_MATCH_OTHER_TYPES
    kinds, compare = kinds_of(wanted.operator), to_comparison(wanted)

    def holds(values: EventValues) -> bool:
        value = find(values, key)
        kind = type(value)
        if kind in kinds:
            return compare(value) is not negated
        if kind is list:
            found = on_arrays and any(type(item) in kinds and compare(item) for item in value)
            return on_arrays and found is not negated
        return when_missing if _is_missing(value) else when_other

    return holds


@lru_cache(maxsize=1024)
def compile_all(wanted: tuple[AdvancedFilter, ...], *, on_arrays: bool) -> tuple[Test, ...]:
    """The test of each filter. Those of the latest subscriptions are kept."""
    return tuple(compile_filter(each, on_arrays=on_arrays) for each in wanted)


def finder(operator: FilterOperator) -> Callable[[EventValues, FilterKey], Any]:
    """How the values for an operator are found."""
    return EventValues.find_text if str in kinds_of(operator) else EventValues.find


def _is_missing(value: object) -> bool:
    return value is ABSENT or (value is None and NULL_IS_MISSING)


def _is_something(value: object, on_arrays: bool) -> bool:
    return value is not ABSENT and value is not None and (on_arrays or type(value) is not list)


# --- equality: by which values can a filter be looked up? ----------------------------------------


class Lookup(NamedTuple):
    """What to look up in an event to find the filters of one key and operator."""

    operator: FilterOperator
    key: FilterKey
    on_arrays: bool

    def terms(self, values: EventValues) -> Collection[Hashable]:
        """The terms of the event, each once."""
        value = finder(self.operator)(values, self.key)
        kinds = kinds_of(self.operator)
        if type(value) is list and self.on_arrays:
            return {_term(item) for item in value if type(item) in kinds}
        return (_term(value),) if type(value) in kinds else ()


class Equality(NamedTuple):
    """A filter that holds just when the event has one of `terms` for `lookup`."""

    lookup: Lookup
    terms: frozenset[Hashable]


_EQUALITIES = (FilterOperator.STRING_IN, FilterOperator.NUMBER_IN, FilterOperator.BOOL_EQUALS)


def find_equality(
    wanted: tuple[AdvancedFilter, ...], *, on_arrays: bool
) -> tuple[int, Equality] | None:
    """The filter that is such an equality, and its place: of several the one that tells most."""
    for operator in _EQUALITIES:
        for place, each in enumerate(wanted):
            if each.operator is operator:
                terms = frozenset(map(_TERMS[operator], each.values))
                return place, Equality(Lookup(operator, to_key(each.key), on_arrays), terms)
    return None


def _term(value: Any) -> Hashable:
    return without_case(value) if isinstance(value, str) else value


_TERMS: dict[FilterOperator, Callable[[str], Hashable]] = {
    FilterOperator.STRING_IN: without_case,
    FilterOperator.NUMBER_IN: to_number,
    FilterOperator.BOOL_EQUALS: lambda text: text == "true",
}
