"""Which subscriptions of one event type and subject prefix want an event, without asking each?

A subscription that asks for certain values of a key is found by the value that the event has there;
what is left of every filter, the residual, is checked on the few that are found.
"""

from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from switchhook.grid import filters
from switchhook.grid.advanced_filters import Equality, Lookup, Test, compile_filter, find_equality
from switchhook.grid.event_values import EventValues
from switchhook.grid.letter_case import without_case
from switchhook.grid.subscriptions import Filter

Key = TypeVar("Key", bound=Hashable)
Residual = Test | None

# So many subscriptions are asked one by one; more of them are worth an index.
FEW = 4
# How many tests are kept to be shared: 100,000 subscriptions mostly ask for the same.
_KEPT_TESTS = 4096


class Entry(NamedTuple, Generic[Key]):
    """A subscription, and the test of all of its filter but event types and prefix."""

    key: Key
    residual: Residual
    wanted: Filter


def to_entry(key: Key, wanted: Filter, ignores_leading_slash: bool) -> Entry[Key]:
    """The entry of a subscription that is asked itself."""
    return Entry(key, _residual(wanted, ignores_leading_slash, decided=None), wanted)


class MatchEntries(Generic[Key]):
    """Many subscriptions, each with an equality that it is found by, if its filter has one."""

    def __init__(self, *, ignores_leading_slash: bool = False) -> None:
        self._ignores_leading_slash = ignores_leading_slash
        self._sure: dict[Key, None] = {}
        self._tested: dict[Key, Test] = {}
        self._by_value: dict[Lookup, dict[Hashable, dict[Key, Residual]]] = {}

    def __bool__(self) -> bool:
        return bool(self._sure or self._tested or self._by_value)

    def add(self, key: Key, wanted: Filter) -> None:
        """Add a subscription that is not there."""
        decided, equality = _found_by(wanted)
        residual = _residual(wanted, self._ignores_leading_slash, decided)
        if equality is not None:
            by_term = self._by_value.setdefault(equality.lookup, {})
            for term in equality.terms:
                by_term.setdefault(term, {})[key] = residual
        elif residual is None:
            self._sure[key] = None
        else:
            self._tested[key] = residual

    def remove(self, key: Key, wanted: Filter) -> None:
        """Forget a subscription that is there."""
        _, equality = _found_by(wanted)
        if equality is None:
            self._sure.pop(key, None)
            self._tested.pop(key, None)
            return
        by_term = self._by_value[equality.lookup]
        for term in equality.terms:
            del by_term[term][key]
            if not by_term[term]:
                del by_term[term]
        if not by_term:
            del self._by_value[equality.lookup]

    def match(self, values: EventValues) -> list[Key]:
        """The subscriptions that want the event, each once."""
        found = list(self._sure)
        found += [key for key, residual in self._tested.items() if residual(values)]
        for key, residual in self.candidates(values) if self._by_value else ():
            if residual is None or residual(values):
                found.append(key)
        return found

    def candidates(self, values: EventValues) -> Iterator[tuple[Key, Residual]]:
        """The subscriptions that are found by the values of an event, each once."""
        for lookup, by_term in self._by_value.items():
            found = [by_term[term] for term in lookup.terms(values) if term in by_term]
            if len(found) == 1:
                yield from found[0].items()
            elif found:
                yield from {key: test for each in found for key, test in each.items()}.items()


def _found_by(wanted: Filter) -> tuple[int | None, Equality | None]:
    """The advanced filter by which a subscription is found, and its place."""
    on_arrays = wanted.enable_advanced_filtering_on_arrays
    return find_equality(wanted.advanced, on_arrays=on_arrays) or (None, None)


# --- residuals -----------------------------------------------------------------------------------


def _residual(wanted: Filter, ignores_leading_slash: bool, decided: int | None) -> Residual:
    """The test of the filter but for event types, prefix and the advanced filter at `decided`."""
    undecided = tuple(each for n, each in enumerate(wanted.advanced) if n != decided)
    regards_case = wanted.is_subject_case_sensitive
    rest = Filter(
        subject_begins_with=wanted.subject_begins_with if regards_case else "",
        subject_ends_with=wanted.subject_ends_with,
        is_subject_case_sensitive=regards_case,
        advanced=undecided,
        enable_advanced_filtering_on_arrays=wanted.enable_advanced_filtering_on_arrays,
    )
    return None if rest == _NOTHING else _compile(rest, ignores_leading_slash)


_NOTHING = Filter()


@lru_cache(maxsize=_KEPT_TESTS)
def _compile(rest: Filter, ignores_leading_slash: bool) -> Residual:
    """The test of what is left of a filter; equal ones share it."""
    on_arrays = rest.enable_advanced_filtering_on_arrays
    subject = _compile_subject(rest, ignores_leading_slash)
    tests = [] if subject is None else [subject]
    tests += [compile_filter(each, on_arrays=on_arrays) for each in rest.advanced]
    if len(tests) < 2:
        return tests[0] if tests else None
    if len(tests) == 2:
        first, second = tests
        return lambda values: first(values) and second(values)
    return lambda values: all(test(values) for test in tests)


def _compile_subject(rest: Filter, ignores_leading_slash: bool) -> Residual:
    """The suffix, and the case of prefix and suffix."""
    suffix = rest.subject_ends_with
    if not rest.is_subject_case_sensitive:
        folded = without_case(suffix)
        if not folded:
            return None
        return lambda values: without_case(values.event.subject).endswith(folded)
    prefix = filters.without_slash(rest.subject_begins_with, ignores_leading_slash)
    if not prefix and not suffix:
        return None

    def holds(values: EventValues) -> bool:
        subject = values.event.subject
        begins = filters.without_slash(subject, ignores_leading_slash)
        return begins.startswith(prefix) and subject.endswith(suffix)

    return holds
