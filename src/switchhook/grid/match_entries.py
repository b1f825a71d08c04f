"""Which subscriptions of one event type and subject prefix want an event, without asking each?

A subscription that asks for certain values of a key is found by the value that the event has there;
what is left of every filter, the residual, is checked on the few that are found.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from switchhook.grid.advanced_filters import Equality, Lookup, Test
from switchhook.grid.event_values import EventValues

Key = TypeVar("Key", bound=Hashable)
Residual = Test | None


class MatchEntries(Generic[Key]):
    """Subscriptions, each with an equality that it is found by, if its filter has one."""

    def __init__(self) -> None:
        self._plain: dict[Key, Residual] = {}
        self._by_value: dict[Lookup, dict[Hashable, dict[Key, Residual]]] = {}

    def __bool__(self) -> bool:
        return bool(self._plain or self._by_value)

    def add(self, key: Key, equality: Equality | None, residual: Residual) -> None:
        """Add a subscription that is not there."""
        if equality is None:
            self._plain[key] = residual
            return
        by_term = self._by_value.setdefault(equality.lookup, {})
        for term in equality.terms:
            by_term.setdefault(term, {})[key] = residual

    def remove(self, key: Key, equality: Equality | None) -> None:
        """Forget a subscription that is there with this equality."""
        if equality is None:
            del self._plain[key]
            return
        by_term = self._by_value[equality.lookup]
        for term in equality.terms:
            del by_term[term][key]
            if not by_term[term]:
                del by_term[term]
        if not by_term:
            del self._by_value[equality.lookup]

    def of(self, values: EventValues) -> Iterable[tuple[Key, Residual]]:
        """The subscriptions that are found by the values of an event, each once."""
        return self._of(values) if self._by_value else self._plain.items()

    def _of(self, values: EventValues) -> Iterator[tuple[Key, Residual]]:
        yield from self._plain.items()
        for lookup, by_term in self._by_value.items():
            found = [by_term[term] for term in lookup.terms(values) if term in by_term]
            if len(found) == 1:
                yield from found[0].items()
            elif found:
                yield from {key: test for each in found for key, test in each.items()}.items()
