"""Which subscriptions of one topic want an event?"""

import sys
from collections.abc import Iterator

import msgspec

from switchhook.grid.events import Event
from switchhook.grid.match_index import MatchIndex
from switchhook.grid.ports import Appended
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.topics import Topic


class Share(msgspec.Struct):
    """Some events of a batch, with their positions, as each queue wants them: `count` of them, of
    which somebody wants `matched`.

    Routing them counts as `cost`. The one behind them is a `failure`.
    """

    wanted: dict[SubscriptionQueue, list[tuple[int, Event]]]
    count: int = 0
    matched: int = 0
    cost: int = 0
    failure: Exception | None = None


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
        # What routing an event costs at most: as one, and as one for each subscription.
        self.most_for_each = 1

    def _new_index(self) -> MatchIndex[SubscriptionQueue]:
        return MatchIndex(ignores_leading_slash=self.topic.ignores_leading_slash)

    def put(self, queue: SubscriptionQueue) -> None:
        """Go by the filter of a subscription, or by a change of it."""
        name = queue.subscription.domain_topic
        index = self._by_domain_topic.setdefault(name, self._new_index()) if name else self._index
        before = len(index)
        index.put(queue, queue.subscription.filter)
        self.most_for_each += len(index) - before
        self._changed()

    def remove(self, queue: SubscriptionQueue) -> None:
        """Forget a subscription, if it is there."""
        name = queue.subscription.domain_topic
        index = self._by_domain_topic.get(name) if name else self._index
        if index is not None:
            before = len(index)
            index.remove(queue)
            self.most_for_each += len(index) - before
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

    def take_whole(self, appended: Appended) -> Share:
        """Match all events of a batch."""
        events = list(self.read(appended))
        count, takers = len(events), self.takers
        if takers:
            wanted = dict.fromkeys(takers, events)
            return Share(wanted, count, count, count * (1 + len(takers)))
        share = Share({})
        self._take_by_filters(iter(events), sys.maxsize, share)
        return share

    def take(self, events: Iterator[tuple[int, Event]], work: int) -> Share:
        """Match the next events, as many as the cost `work` allows, but at least one."""
        share = Share({})
        try:
            if self.takers:
                self._take_for_all(events, work, share)
            else:
                self._take_by_filters(events, work, share)
        except Exception as error:  # noqa: BLE001 - raised when those before it are handed over
            share.failure = error
        return share

    def _take_for_all(self, events: Iterator[tuple[int, Event]], work: int, share: Share) -> None:
        taken: list[tuple[int, Event]] = []
        each = 1 + len(self.takers)
        try:
            for event in events:
                taken.append(event)
                if len(taken) * each >= work:
                    break
        finally:
            if taken:
                share.wanted = dict.fromkeys(self.takers, taken)
            share.count = share.matched = len(taken)
            share.cost = len(taken) * each

    def _take_by_filters(
        self, events: Iterator[tuple[int, Event]], work: int, share: Share
    ) -> None:
        for event in events:
            queues = self.match(event[1])
            for queue in queues:
                share.wanted.setdefault(queue, []).append(event)
            share.count += 1
            share.matched += bool(queues)
            share.cost += 1 + len(queues)
            if share.cost >= work:
                break

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
