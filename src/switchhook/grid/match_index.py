"""Which of many subscriptions want an event, without asking each?

A subscription is found by its event types and its subject prefix, and among many of one prefix by a
value that an advanced filter of it asks for; what the index has not decided is checked on the few
that are found.
"""

from collections.abc import Iterable
from typing import Generic

from switchhook.grid import filters
from switchhook.grid.event_values import EventValues
from switchhook.grid.events import Event
from switchhook.grid.letter_case import without_case
from switchhook.grid.match_entries import FEW, Entry, Key, MatchEntries, to_entry
from switchhook.grid.prefixes import Prefixes
from switchhook.grid.subscriptions import Filter

_ANY_TYPE = None  # no text: an event type can be any, the empty one too

# Of one prefix: some entries, each of which is asked, or many with an index of their own.
_Entries = tuple[Entry[Key], ...] | MatchEntries[Key]


class MatchIndex(Generic[Key]):
    """The filters of one topic's subscriptions."""

    def __init__(self, *, ignores_leading_slash: bool = False) -> None:
        self._ignores_leading_slash = ignores_leading_slash
        self._filters: dict[Key, Filter] = {}
        self._by_type: dict[str | None, Prefixes[_Entries[Key]]] = {}
        self._has_prefixes = False  # once it has: they cost the case of each subject

    def __len__(self) -> int:
        return len(self._filters)

    def put(self, key: Key, wanted: Filter) -> None:
        """Add a subscription, or replace its filter."""
        self.remove(key)
        self._filters[key] = wanted
        prefix = self._prefix(wanted)
        self._has_prefixes = self._has_prefixes or prefix != ""
        alone: tuple[Entry[Key], ...] = ()
        for name in _types(wanted):
            prefixes = self._by_type.setdefault(name, Prefixes())
            there = prefixes.get(prefix, ())
            if isinstance(there, MatchEntries):
                there.add(key, wanted)
                continue
            alone = alone or (to_entry(key, wanted, self._ignores_leading_slash),)
            few = there + alone if there else alone
            prefixes.put(prefix, few if len(few) <= FEW else self._index(few))

    def remove(self, key: Key) -> None:
        """Forget a subscription, if it is there."""
        wanted = self._filters.pop(key, None)
        if wanted is None:
            return
        prefix = self._prefix(wanted)
        for name in _types(wanted):
            prefixes = self._by_type[name]
            left = _without(prefixes.get(prefix, ()), key, wanted)
            if left:
                prefixes.put(prefix, left)
                continue
            prefixes.remove(prefix)
            if not prefixes:
                del self._by_type[name]

    def match(self, event: Event) -> list[Key]:
        """The subscriptions that want an event, each once."""
        found: list[Key] = []
        values = EventValues(event)
        begins = self._begins(event.subject) if self._has_prefixes else ""
        for name in (filters.type_key(event.type), _ANY_TYPE):
            prefixes = self._by_type.get(name)
            if prefixes is None:
                continue
            for entries in prefixes.of(begins):
                if isinstance(entries, tuple):
                    for key, residual, _ in entries:
                        if residual is None or residual(values):
                            found.append(key)
                else:
                    found += entries.match(values)
        return found

    def match_any(self) -> list[Key]:
        """The few that want every event, whatever it is; none where an event must be looked at."""
        prefixes = self._by_type.get(_ANY_TYPE)
        if prefixes is None or len(prefixes) != 1 or len(self._by_type) != 1:
            return []
        entries = prefixes.get("", None)
        if not isinstance(entries, tuple) or any(entry.residual for entry in entries):
            return []
        return [entry.key for entry in entries]

    def arrange(self) -> None:
        """Put what was added in order now, rather than when the next event comes."""
        for prefixes in self._by_type.values():
            prefixes.arrange()

    def _index(self, entries: Iterable[Entry[Key]]) -> MatchEntries[Key]:
        many = MatchEntries[Key](ignores_leading_slash=self._ignores_leading_slash)
        for key, _, wanted in entries:
            many.add(key, wanted)
        return many

    def _prefix(self, wanted: Filter) -> str:
        """Whether folded or not, one text is kept where both are the same."""
        text = wanted.subject_begins_with
        folded = self._begins(text)
        return text if folded == text else folded

    def _begins(self, text: str) -> str:
        return without_case(filters.without_slash(text, self._ignores_leading_slash))


def _without(there: _Entries[Key], key: Key, wanted: Filter) -> _Entries[Key]:
    if isinstance(there, tuple):
        return tuple(each for each in there if each.key != key)
    there.remove(key, wanted)
    return there


def _types(wanted: Filter) -> tuple[str | None, ...]:
    names = wanted.included_event_types
    return (_ANY_TYPE,) if names is None else tuple({filters.type_key(name) for name in names})
