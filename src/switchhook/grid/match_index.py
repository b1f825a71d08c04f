"""Which of many subscriptions want an event, without asking each?

A subscription is found by its event types and its subject prefix, and among those of one prefix by
a value that an advanced filter of it asks for; what is left of its filter, the residual, is checked
on the few that are found. Prefixes are kept sorted: all prefixes of a subject are among the
ancestors of its predecessor in that order, so one bisection finds them.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Generic

from switchhook.grid import filters
from switchhook.grid.advanced_filters import Equality, compile_filter, find_equality
from switchhook.grid.event_values import EventValues
from switchhook.grid.events import Event
from switchhook.grid.letter_case import without_case
from switchhook.grid.match_entries import Key, MatchEntries, Residual
from switchhook.grid.subscriptions import Filter

_ANY_TYPE = None  # no text: an event type can be any, the empty one too


class MatchIndex(Generic[Key]):
    """The filters of one topic's subscriptions."""

    def __init__(self, *, ignores_leading_slash: bool = False) -> None:
        self._ignores_leading_slash = ignores_leading_slash
        self._filters: dict[Key, Filter] = {}
        self._by_type: dict[str | None, _Prefixes[Key]] = {}

    def __len__(self) -> int:
        return len(self._filters)

    def put(self, key: Key, wanted: Filter) -> None:
        """Add a subscription, or replace its filter."""
        self.remove(key)
        self._filters[key] = wanted
        prefix, (_, equality) = self._prefix(wanted), _found_by(wanted)
        residual = _residual(wanted, self._ignores_leading_slash)
        for name in _types(wanted):
            entries = self._by_type.setdefault(name, _Prefixes()).put(prefix)
            entries.add(key, equality, residual)

    def remove(self, key: Key) -> None:
        """Forget a subscription, if it is there."""
        wanted = self._filters.pop(key, None)
        if wanted is None:
            return
        prefix, (_, equality) = self._prefix(wanted), _found_by(wanted)
        for name in _types(wanted):
            prefixes = self._by_type[name]
            prefixes.remove(prefix, key, equality)
            if not prefixes:
                del self._by_type[name]

    def match(self, event: Event) -> list[Key]:
        """The subscriptions that want an event, each once."""
        values = EventValues(event)
        begins = without_case(filters.without_slash(event.subject, self._ignores_leading_slash))
        found = []
        for name in (filters.type_key(event.type), _ANY_TYPE):
            prefixes = self._by_type.get(name)
            if prefixes is None:
                continue
            for entries in prefixes.of(begins):
                for key, residual in entries.of(values):
                    if residual is None or residual(values):
                        found.append(key)
        return found

    def _prefix(self, wanted: Filter) -> str:
        text = wanted.subject_begins_with
        return without_case(filters.without_slash(text, self._ignores_leading_slash))


class _Prefixes(Generic[Key]):
    """Entries by prefix. `_parents` has the longest other prefix that each prefix begins with."""

    def __init__(self) -> None:
        self._sorted: list[str] = []
        self._parents: dict[str, str | None] = {}
        self._entries: dict[str, MatchEntries[Key]] = {}

    def __len__(self) -> int:
        return len(self._sorted)

    def put(self, prefix: str) -> MatchEntries[Key]:
        """The entries of a prefix, to add to."""
        entries = self._entries.get(prefix)
        if entries is None:
            entries = self._entries[prefix] = MatchEntries()
            self._insert(prefix)
        return entries

    def remove(self, prefix: str, key: Key, equality: Equality | None) -> None:
        entries = self._entries[prefix]
        entries.remove(key, equality)
        if not entries:
            del self._entries[prefix]
            self._cut(prefix)

    def of(self, text: str) -> Iterator[MatchEntries[Key]]:
        """The entries of every prefix that `text` begins with."""
        place = bisect_right(self._sorted, text)
        prefix = self._sorted[place - 1] if place else None
        while prefix is not None:
            if text.startswith(prefix):
                yield self._entries[prefix]
            prefix = self._parents[prefix]

    def _insert(self, prefix: str) -> None:
        place = bisect_right(self._sorted, prefix)
        parent = self._sorted[place - 1] if place else None
        while parent is not None and not prefix.startswith(parent):
            parent = self._parents[parent]
        self._parents[prefix] = parent
        insort(self._sorted, prefix)
        for longer in self._longer(prefix):
            if self._parents[longer] == parent:
                self._parents[longer] = prefix

    def _cut(self, prefix: str) -> None:
        parent = self._parents.pop(prefix)
        for longer in self._longer(prefix):
            if self._parents[longer] == prefix:
                self._parents[longer] = parent
        del self._sorted[bisect_left(self._sorted, prefix)]

    def _longer(self, prefix: str) -> Iterator[str]:
        """The other prefixes that begin with `prefix`: they stand behind it, in one run."""
        for place in range(bisect_right(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[place].startswith(prefix):
                return
            yield self._sorted[place]


def _types(wanted: Filter) -> tuple[str | None, ...]:
    names = wanted.included_event_types
    return (_ANY_TYPE,) if names is None else tuple({filters.type_key(name) for name in names})


def _found_by(wanted: Filter) -> tuple[int | None, Equality | None]:
    """The advanced filter by which a subscription is found, and its place."""
    on_arrays = wanted.enable_advanced_filtering_on_arrays
    return find_equality(wanted.advanced, on_arrays=on_arrays) or (None, None)


def _residual(wanted: Filter, ignores_leading_slash: bool) -> Residual:
    """What the index has not decided yet."""
    decided, _ = _found_by(wanted)
    on_arrays = wanted.enable_advanced_filtering_on_arrays
    subject = _subject_residual(wanted, ignores_leading_slash)
    tests = [] if subject is None else [subject]
    for place, advanced in enumerate(wanted.advanced):
        if place != decided:
            tests.append(compile_filter(advanced, on_arrays=on_arrays))
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda values: all(test(values) for test in tests)


def _subject_residual(wanted: Filter, ignores_leading_slash: bool) -> Residual:
    """The suffix, and the case of prefix and suffix."""
    suffix = wanted.subject_ends_with
    if not wanted.is_subject_case_sensitive:
        folded = without_case(suffix)
        if not folded:
            return None
        return lambda values: without_case(values.event.subject).endswith(folded)
    prefix = filters.without_slash(wanted.subject_begins_with, ignores_leading_slash)

    def holds(values: EventValues) -> bool:
        subject = values.event.subject
        begins = filters.without_slash(subject, ignores_leading_slash)
        return begins.startswith(prefix) and subject.endswith(suffix)

    return holds
