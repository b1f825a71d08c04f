"""Which events have the id and source of an earlier one?

Event Grid detects no duplicates; a subscription of ours may ask for it. Whether an event is one is
a pure function of the log: how long before it an event of the same id and source was published to
the same topic. The few events that have such a predecessor are remembered by position.
"""

import hashlib
from collections import deque

from switchhook.grid.events import Event

_Key = bytes


class Duplicates:
    """What is known of the events of one topic that the log holds.

    It is read from the log once, and then follows what is published.
    """

    def __init__(self, window: int) -> None:
        """`window` nanoseconds is the longest that anybody asks for."""
        self.window = window
        self._last: dict[_Key, int] = {}
        self._order: deque[tuple[int, _Key]] = deque()
        self._gaps: dict[int, int] = {}

    def note(self, position: int, published_at: int, event: Event) -> None:
        """Events are noted once each, in the order of the log."""
        key = _key(event)
        before = self._last.get(key)
        if before is not None and published_at - before <= self.window:
            self._gaps[position] = published_at - before
        self._last[key] = published_at
        self._order.append((published_at, key))
        while self._order and self._order[0][0] < published_at - self.window:
            at, old = self._order.popleft()
            if self._last.get(old) == at:
                del self._last[old]

    def has_within(self, position: int, window: int) -> bool:
        """Whether the event at `position` repeats one of the `window` nanoseconds before it."""
        gap = self._gaps.get(position)
        return gap is not None and gap <= window

    def forget(self, before: int) -> None:
        """The log begins at `before` now."""
        for position in [each for each in self._gaps if each < before]:
            del self._gaps[position]


def _key(event: Event) -> _Key:
    text = f"{event.id}\n{event.source}\n{event.domain_topic}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
