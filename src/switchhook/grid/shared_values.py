"""Which equal values of many event subscriptions can be one object?

The router and the resources read the same subscriptions from two places, and most subscriptions
have the same policies. What is frozen can be shared: 100,000 of them take half of the memory.
"""

from collections.abc import Hashable
from typing import Any, TypeVar

import msgspec

from switchhook.grid.subscriptions import EventSubscription, Filter

V = TypeVar("V", bound=Hashable)


class SharedValues:
    """What has been read so far at a start; it is forgotten when everything is read."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def of(self, value: V) -> V:
        """The first value that equals this one. Those of one type only are equal to each other."""
        known: V = self._known.setdefault(value, value)
        return known

    def filter(self, wanted: Filter) -> Filter:
        """The same for a filter, whose parts may equal those of others although it does not."""
        known: Filter | None = self._known.get(wanted)
        if known is not None:
            return known
        types = wanted.included_event_types
        return self.of(
            msgspec.structs.replace(
                wanted,
                included_event_types=None if types is None else self.of(types),
                advanced=self.of(wanted.advanced),
            )
        )

    def version(self, version: EventSubscription, from_position: int) -> EventSubscription:
        """A version that begins there, made of what is shared."""
        return msgspec.structs.replace(
            version,
            incarnation=self.of(version.incarnation),
            name=self.of(version.name),
            topic=self.of(version.topic),
            destination=self.of(version.destination),
            filter=self.filter(version.filter),
            retry_policy=self.of(version.retry_policy),
            dead_letter_destination=self.of(version.dead_letter_destination),
            from_position=from_position,
        )

    def forget(self) -> None:
        """Everything is read."""
        self._known.clear()
