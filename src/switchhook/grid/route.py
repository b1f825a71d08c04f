"""Step 2: which event subscriptions want an event?

Nothing here is durable. What was routed before a crash is matched again from the cursors.
"""

from collections.abc import Callable, Iterator

from switchhook.grid import filters
from switchhook.grid.access_keys import TopicDirectory
from switchhook.grid.events import Envelope, Event
from switchhook.grid.match_index import MatchIndex
from switchhook.grid.ports import Appended
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import EventSubscription
from switchhook.grid.topics import Topic

Offer = Callable[[SubscriptionQueue, Envelope], None]


class _Route:
    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.index = MatchIndex[SubscriptionQueue](
            ignores_leading_slash=topic.ignores_leading_slash
        )


class Router:
    """The topics and the subscriptions in force, and the position up to which all is routed."""

    def __init__(self, offer: Offer, removed: Callable[[SubscriptionQueue], None]) -> None:
        self.head = 0
        self.topics = TopicDirectory()
        self.queues: dict[str, SubscriptionQueue] = {}
        self._offer = offer
        self._removed = removed
        self._routes: dict[str, _Route] = {}

    def route(self, appended: Appended) -> None:
        """Hand each event of a batch to the live queues that want it; batches come in log order."""
        self.head = appended.end
        for envelope, queues in self.wanted(appended):
            for queue in queues:
                self._offer(queue, envelope)

    def wanted(self, appended: Appended) -> Iterator[tuple[Envelope, list[SubscriptionQueue]]]:
        """The events of a batch that any subscription in force wants, with those that want it."""
        batch = appended.batch
        route = self._routes.get(batch.topic)
        if route is None or not route.index:
            return
        for position, event in enumerate(_events(appended, route.topic), appended.first):
            queues = list(route.index.match(event.type, event.subject))
            if queues:
                yield Envelope(position, batch.published_at, event), queues

    def wanted_by(
        self, queue: SubscriptionQueue, appended: Appended
    ) -> Iterator[tuple[Envelope, EventSubscription]]:
        """The events of a batch that one subscription wants, by the version in force for each."""
        batch = appended.batch
        route = self._routes.get(batch.topic)
        if route is None or queue.subscription.topic != batch.topic:
            return
        ignores = route.topic.ignores_leading_slash
        for position, event in enumerate(_events(appended, route.topic), appended.first):
            version = queue.version_at(position)
            if version and filters.matches(
                version.filter, event.type, event.subject, ignores_leading_slash=ignores
            ):
                yield Envelope(position, batch.published_at, event), version

    # --- what is in force ------------------------------------------------------------------------

    def add_topic(self, topic: Topic) -> None:
        """Take a topic into force, or a change of one."""
        route = self._routes.get(topic.incarnation)
        changed = _Route(topic)
        if route is not None:
            for queue in self.queues.values():
                if queue.subscription.topic == topic.incarnation:
                    changed.index.put(queue, queue.subscription.filter)
        self._routes[topic.incarnation] = changed
        self.topics.put(topic)

    def remove_topic(self, incarnation: str) -> None:
        """Forget a topic; its subscriptions are removed by their own calls."""
        self._routes.pop(incarnation, None)
        self.topics.remove(incarnation)

    def topic(self, incarnation: str) -> Topic | None:
        """The topic of this incarnation, if it is in force."""
        route = self._routes.get(incarnation)
        return route.topic if route else None

    def activate(self, subscription: EventSubscription) -> None:
        """Bring a version into force for the events from its position on.

        Called in the order of the log, so that its position is the present head.
        """
        queue = self.queues.get(subscription.incarnation)
        if queue is None:
            queue = SubscriptionQueue(subscription)
            self.queues[subscription.incarnation] = queue
        else:
            queue.upgrade(subscription)
        self._routes[subscription.topic].index.put(queue, subscription.filter)

    def restore(self, versions: list[EventSubscription], read_position: int | None) -> None:
        """Bring a subscription back that was in force before a restart, oldest version first."""
        queue = SubscriptionQueue(versions[0], read_position)
        for version in versions[1:]:
            queue.upgrade(version)
        self.queues[queue.subscription.incarnation] = queue
        self._routes[queue.subscription.topic].index.put(queue, queue.subscription.filter)

    def remove_subscription(self, incarnation: str) -> None:
        """Drop a subscription and all that it has pending."""
        queue = self.queues.pop(incarnation, None)
        if queue is None:
            return
        queue.is_removed = True
        route = self._routes.get(queue.subscription.topic)
        if route is not None:
            route.index.remove(queue)
        self._removed(queue)


def _events(appended: Appended, topic: Topic) -> Iterator[Event]:
    batch = appended.batch
    return read(
        batch.body, batch.schema, topic, first=appended.first, published_at=batch.published_at
    )
