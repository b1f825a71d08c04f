"""An event that counts how often its JSON is read."""

import json
from typing import Any

from switchhook.grid.events import Event


class WatchedEvent(Event, frozen=True, kw_only=True):
    """An event with a count."""

    count: list[None]

    def __getattribute__(self, name: str) -> Any:
        """Note each read of the JSON."""
        if name == "json":
            self.count.append(None)
        return super().__getattribute__(name)

    @property
    def reads(self) -> int:
        """How often the JSON was read."""
        return len(self.count)


def a_watched_event(published: object) -> WatchedEvent:
    """An event that was not read yet."""
    return WatchedEvent("e1", "t", "s", "", json.dumps(published).encode(), count=[])
