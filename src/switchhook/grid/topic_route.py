"""Which subscriptions of one topic want an event?"""

from collections.abc import Iterator

from switchhook.grid.events import Event
from switchhook.grid.match_index import MatchIndex
from switchhook.grid.ports import Appended
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.topics import Topic


class TopicRoute:
    """A topic and the filters of its subscriptions; a domain has some for each of its topics."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self._index = self._new_index()
        self._by_domain_topic: dict[str, MatchIndex[SubscriptionQueue]] = {}
        # Whether anybody can want an event.
        self.has_subscriptions = False
        # Those that want every event, where all do: nothing is to be matched then.
        self.takers: list[SubscriptionQueue] = []

    def _new_index(self) -> MatchIndex[SubscriptionQueue]:
        return MatchIndex(ignores_leading_slash=self.topic.ignores_leading_slash)

    def put(self, queue: SubscriptionQueue) -> None:
        """Go by the filter of a subscription, or by a change of it."""
        name = queue.subscription.domain_topic
        index = self._by_domain_topic.setdefault(name, self._new_index()) if name else self._index
        index.put(queue, queue.subscription.filter)
        self._changed()

    def remove(self, queue: SubscriptionQueue) -> None:
        """Forget a subscription, if it is there."""
        name = queue.subscription.domain_topic
        index = self._by_domain_topic.get(name) if name else self._index
        if index is not None:
            index.remove(queue)
            if name and not index:
                del self._by_domain_topic[name]
        self._changed()

    def _changed(self) -> None:
        self.has_subscriptions = bool(self._index) or bool(self._by_domain_topic)
        self.takers = [] if self._by_domain_topic else self._index.match_any()

    def match(self, event: Event) -> list[SubscriptionQueue]:
        """The subscriptions that want an event, each once."""
        found = self._index.match(event)
        if event.domain_topic and (index := self._by_domain_topic.get(event.domain_topic)):
            found += index.match(event)
        return found

    def arrange(self) -> None:
        """Be ready for the first event."""
        for index in (self._index, *self._by_domain_topic.values()):
            index.arrange()

    def read(self, appended: Appended) -> Iterator[tuple[int, Event]]:
        """The events of a batch by their positions."""
        batch, first = appended.batch, appended.first
        events = read(
            batch.body,
            batch.schema,
            self.topic,
            first=first,
            published_at=batch.published_at,
            checked=batch.checked,
        )
        return enumerate(events, first)
