"""Which delivery of a key may go next, when a subscription wants its events in order?

A key is the subject, or a value in the event's data. The first delivery of a key holds it; those
behind it are blocked until it is delivered or given up. Waiting for a retry it goes on holding.
"""

import json
from collections import deque

from switchhook.grid import json_values
from switchhook.grid.delivery import Delivery
from switchhook.grid.events import Event

_Key = str


class KeyOrder:
    """The keys that are held, and the deliveries that wait behind them."""

    def __init__(self, ordered_by: str) -> None:
        self._ordered_by = ordered_by
        self._path = ordered_by.split(".")
        self._holders: dict[_Key, int] = {}
        self._blocked: dict[_Key, deque[Delivery]] = {}
        self.blocked_count = 0

    def enter(self, delivery: Delivery) -> bool:
        """Whether the delivery may go now; if not, it is blocked behind one of the same key."""
        key = self.key_of(delivery.event)
        if key in self._holders:
            self._blocked.setdefault(key, deque()).append(delivery)
            self.blocked_count += 1
            return False
        self._holders[key] = 1
        return True

    def hold(self, event: Event) -> None:
        """A delivery that waits for a retry holds its key, as it did before a restart."""
        key = self.key_of(event)
        self._holders[key] = self._holders.get(key, 0) + 1

    def leave(self, event: Event) -> Delivery | None:
        """The holder of a key is finished: answer the one whose turn it is now, which holds it."""
        key = self.key_of(event)
        left = self._holders.get(key, 0) - 1
        if left > 0:
            self._holders[key] = left
            return None
        blocked = self._blocked.get(key)
        if not blocked:
            self._holders.pop(key, None)
            return None
        following = blocked.popleft()
        self.blocked_count -= 1
        if not blocked:
            del self._blocked[key]
        self._holders[key] = 1
        return following

    def unblock_all(self) -> list[Delivery]:
        """Every blocked delivery, in the order of the log: there is no order any more."""
        blocked = [each for queue in self._blocked.values() for each in queue]
        self._blocked.clear()
        self.blocked_count = 0
        return sorted(blocked, key=lambda each: each.position)

    def blocked_at(self, position: int) -> Delivery | None:
        """The delivery of the event at `position`, if it is blocked."""
        every = (each for queue in self._blocked.values() for each in queue)
        return next((each for each in every if each.position == position), None)

    def key_of(self, event: Event) -> _Key:
        """What the event is ordered by; events without it share one key."""
        if self._ordered_by == "subject":
            return event.subject
        # Publishing leaves the data unread: any number of digits, half of a surrogate pair.
        value: object = json_values.decode(event.json)
        for step in self._path:
            value = value.get(step) if isinstance(value, dict) else None
        return _text(value)


def _text(value: object) -> _Key:
    if isinstance(value, str):
        return f'"{value}"'
    try:
        return json.dumps(value, default=str)
    except RecursionError:  # no key that anybody would order by
        return ""
