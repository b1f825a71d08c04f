"""Where can an event be published to?"""

import msgspec

from switchhook.grid.events import Event
from switchhook.grid.topics import Topic


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A topic, a system topic or a domain; or a topic of a domain, by its lower-case name."""

    topic: Topic
    domain_topic: str = ""

    def holds(self, topic: str, event: Event) -> bool:
        """Whether the event was published here, to the topic of that incarnation."""
        return topic == self.topic.incarnation and self.domain_topic in ("", event.domain_topic)
