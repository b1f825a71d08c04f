"""Which of many subscriptions want an event, without asking each?

A subscription is found by its event types and its subject prefix; what is left of its filter, the
residual, is checked on the few that are found. Prefixes are kept sorted: all prefixes of a subject
are among the ancestors of its predecessor in that order, so one bisection finds them.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from switchhook.grid import filters
from switchhook.grid.subscriptions import Filter

Key = TypeVar("Key", bound=Hashable)

_Residual = Callable[[str], bool] | None
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
        residual = _residual(wanted, self._ignores_leading_slash)
        for name in _types(wanted):
            self._by_type.setdefault(name, _Prefixes()).add(self._prefix(wanted), key, residual)

    def remove(self, key: Key) -> None:
        """Forget a subscription, if it is there."""
        wanted = self._filters.pop(key, None)
        if wanted is None:
            return
        for name in _types(wanted):
            prefixes = self._by_type[name]
            prefixes.remove(self._prefix(wanted), key)
            if not prefixes:
                del self._by_type[name]

    def match(self, event_type: str, subject: str) -> Iterator[Key]:
        """The subscriptions that want an event of this type and subject, each once."""
        begins = filters.without_case(filters.without_slash(subject, self._ignores_leading_slash))
        for name in (filters.type_key(event_type), _ANY_TYPE):
            prefixes = self._by_type.get(name)
            if prefixes is None:
                continue
            for key, residual in prefixes.of(begins):
                if residual is None or residual(subject):
                    yield key

    def _prefix(self, wanted: Filter) -> str:
        text = wanted.subject_begins_with
        return filters.without_case(filters.without_slash(text, self._ignores_leading_slash))


class _Prefixes(Generic[Key]):
    """Entries by prefix. `_parents` has the longest other prefix that each prefix begins with."""

    def __init__(self) -> None:
        self._sorted: list[str] = []
        self._parents: dict[str, str | None] = {}
        self._entries: dict[str, dict[Key, _Residual]] = {}

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, prefix: str, key: Key, residual: _Residual) -> None:
        entries = self._entries.get(prefix)
        if entries is None:
            entries = self._entries[prefix] = {}
            self._insert(prefix)
        entries[key] = residual

    def remove(self, prefix: str, key: Key) -> None:
        entries = self._entries[prefix]
        del entries[key]
        if not entries:
            del self._entries[prefix]
            self._cut(prefix)

    def of(self, text: str) -> Iterator[tuple[Key, _Residual]]:
        """The entries of every prefix that `text` begins with."""
        place = bisect_right(self._sorted, text)
        prefix = self._sorted[place - 1] if place else None
        while prefix is not None:
            if text.startswith(prefix):
                yield from self._entries[prefix].items()
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


def _residual(wanted: Filter, ignores_leading_slash: bool) -> _Residual:
    """What the index has not decided yet: the suffix, and the case of prefix and suffix."""
    suffix = wanted.subject_ends_with
    if not wanted.is_subject_case_sensitive:
        folded = filters.without_case(suffix)
        return (lambda subject: filters.without_case(subject).endswith(folded)) if folded else None
    prefix = filters.without_slash(wanted.subject_begins_with, ignores_leading_slash)

    def holds(subject: str) -> bool:
        begins = filters.without_slash(subject, ignores_leading_slash)
        return begins.startswith(prefix) and subject.endswith(suffix)

    return holds
