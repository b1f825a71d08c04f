"""Step 2: which event subscriptions want an event?

Nothing here is durable. What was routed before a crash is matched again from the cursors.
"""

import logging
from collections.abc import Callable, Iterator

from switchhook.grid import filters
from switchhook.grid.access_keys import TopicDirectory
from switchhook.grid.duplicates import Duplicates
from switchhook.grid.events import Envelope, Event
from switchhook.grid.hand_over import HandOver, Offer
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Appended
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import DEFAULT_SETTINGS, DeliverySettings, EventSubscription
from switchhook.grid.topic_route import TopicRoute
from switchhook.grid.topics import Topic
from switchhook.grid.unrouted import WORK_IN_A_TURN, Unrouted

log = logging.getLogger(__name__)


class Router:
    """The topics and the subscriptions in force, and the position up to which all is routed."""

    def __init__(
        self,
        offer: Offer,
        *,
        fall_behind: Callable[[SubscriptionQueue, int], None],
        removed: Callable[[SubscriptionQueue], None],
        reconfigured: Callable[[SubscriptionQueue, DeliverySettings], None],
        caught_up: Callable[[], None],
        observation: Observation,
        work_in_a_turn: int = WORK_IN_A_TURN,
    ) -> None:
        """`reconfigured` is told the settings before, `caught_up` that nothing is unrouted any more
        where something had to wait."""
        self.head = 0
        self.topics = TopicDirectory()
        self.queues: dict[str, SubscriptionQueue] = {}
        self.duplicates: dict[str, Duplicates] = {}
        # Told whenever the log has grown.
        self.watchers: list[Callable[[], None]] = []
        self._hand_over = HandOver(
            offer,
            fall_behind=fall_behind,
            is_duplicate=self.is_duplicate,
            observation=observation,
        )
        self._fall_behind = fall_behind
        self._removed = removed
        self._reconfigured = reconfigured
        self._observation = observation
        self._routes: dict[str, TopicRoute] = {}
        self._settings: dict[str, DeliverySettings] = {}
        self._unrouted = Unrouted(self._steps, caught_up=caught_up, work_in_a_turn=work_in_a_turn)

    def route(self, appended: Appended) -> None:
        """Hand each event of a batch to the live queues that want it; batches come in log order.

        What is much for one turn of the event loop is routed in several: `head` says how far.
        """
        batch, unrouted = appended.batch, self._unrouted
        topic, count = batch.topic, batch.count
        route = self._routes.get(topic)
        if unrouted.batches:
            unrouted.add(appended)
        elif route is None or not route.has_subscriptions:
            self._end(appended, count, route.topic if route else None)
        elif count * route.most_for_each <= unrouted.left and topic not in self.duplicates:
            self._route_whole(route, appended)
        else:
            unrouted.add(appended)

    def _route_whole(self, route: TopicRoute, appended: Appended) -> None:
        """Route a batch before which nothing waits, and which is not too much for this turn."""
        try:
            share = route.take_whole(appended)
        except Exception:  # noqa: BLE001 - raised once more when those before it are handed over
            self._unrouted.add(appended)
            return
        topic: Topic | None = route.topic
        try:
            self._hand_over.hand_over(route.topic, appended.batch, share)
        except Exception as error:  # noqa: BLE001 - logged
            self._fail(route.topic, appended, error)
            topic = None
        self._unrouted.spend(share.cost)
        self._end(appended, share.count - share.matched, topic)

    @property
    def is_routing(self) -> bool:
        """Whether something is durable that is not routed yet."""
        return bool(self._unrouted.batches)

    def finish(self) -> None:
        """Route what is durable before anything else happens."""
        self._unrouted.finish()

    def _steps(self, appended: Appended) -> Iterator[int]:
        """Route some events of a batch at each step; answers what they cost."""
        batch = appended.batch
        route = self._routes.get(batch.topic)
        unmatched = batch.count
        if route is not None and route.has_subscriptions:
            try:
                known = self.duplicates.get(batch.topic)
                if known is not None:
                    self.note_events(known, appended)
                events = route.read(appended)
                reached = appended.first
                while reached < appended.end:
                    share = route.take(events, self._unrouted.left)
                    self._hand_over.hand_over(route.topic, batch, share)
                    reached += share.count
                    unmatched -= share.matched
                    self.head = reached
                    if share.failure is not None:
                        raise share.failure
                    if not share.count:
                        break
                    yield share.cost
            except Exception as error:  # noqa: BLE001 - logged; it stays in the log
                self._fail(route.topic, appended, error)
                route = None
        self._end(appended, unmatched, route.topic if route else None)

    def _end(self, appended: Appended, unmatched: int, topic: Topic | None) -> None:
        """All of a batch is routed; it counts unless its topic is gone or it is read again."""
        count = appended.batch.count
        self.head = appended.first + count
        if topic is not None and topic.incarnation in self._routes:
            self._observation.routed(topic, count, unmatched)
        for watcher in self.watchers:
            watcher()

    def _fail(self, topic: Topic, appended: Appended, error: Exception) -> None:
        """Let the topic's subscriptions, which have all events that are routed, read on from the
        one that cannot be read or matched: they wait where it goes wrong, and lose nothing."""
        position = max(self.head, appended.first)
        fields = {"topic": topic.name, "position": position}
        log.error("route.failed", exc_info=error, extra=fields)
        for queue in self.queues.values():
            if queue.subscription.topic == topic.incarnation and not queue.is_behind:
                self._fall_behind(queue, position)

    def wanted(
        self, appended: Appended, positions: range
    ) -> Iterator[tuple[Envelope, list[SubscriptionQueue]]]:
        """The events of a batch at these positions that any subscription in force wants, with those
        that want it."""
        batch = appended.batch
        route = self._routes.get(batch.topic)
        if route is None or not route.has_subscriptions:
            return
        for position, event in route.read(appended):
            if position in positions and (queues := route.takers or route.match(event)):
                yield Envelope(position, batch.published_at, event, batch.traceparent), queues

    def wanted_by(
        self, queue: SubscriptionQueue, appended: Appended
    ) -> Iterator[tuple[Envelope, EventSubscription]]:
        """The events of a batch that one subscription wants, by the version in force for each."""
        for envelope in self.events_for(queue, appended):
            version = queue.version_at(envelope.position)
            if version and self.matches(version, envelope.event):
                yield envelope, version

    def events_for(self, queue: SubscriptionQueue, appended: Appended) -> Iterator[Envelope]:
        """The events of a batch that were published to what the subscription is a child of."""
        batch = appended.batch
        route = self._routes.get(batch.topic)
        if route is None or queue.subscription.topic != batch.topic:
            return
        for position, event in route.read(appended):
            if queue.subscription.domain_topic in ("", event.domain_topic):
                yield Envelope(position, batch.published_at, event, batch.traceparent)

    def matches(self, version: EventSubscription, event: Event) -> bool:
        """Whether a version of a subscription wants an event of its topic."""
        topic = self._routes[version.topic].topic
        ignores = topic.ignores_leading_slash
        return filters.matches(version.filter, event, ignores_leading_slash=ignores)

    # --- duplicates ------------------------------------------------------------

    def is_duplicate(self, queue: SubscriptionQueue, position: int) -> bool:
        """Whether the subscription does not want the event because it had it before."""
        window = queue.settings.deduplication_window
        known = self.duplicates.get(queue.subscription.topic) if window else None
        return known is not None and known.has_within(position, window)

    def note_events(self, known: Duplicates, appended: Appended) -> None:
        """Let what is known of duplicates follow the log by a batch."""
        for position, event in self._routes[appended.batch.topic].read(appended):
            known.note(position, appended.batch.published_at, event)

    def forget_duplicates(self, before: int) -> None:
        """The log begins at `before` now; what nobody asks for any more is not followed."""
        queues = self.queues.values()
        asking = {
            queue.subscription.topic for queue in queues if queue.settings.deduplication_window
        }
        self.duplicates = {t: known for t, known in self.duplicates.items() if t in asking}
        for known in self.duplicates.values():
            known.forget(before)

    # --- what is in force ------------------------------------------------------------------------

    def add_topic(self, topic: Topic) -> None:
        """Take a topic into force, or a change of one."""
        self.finish()
        route = self._routes.get(topic.incarnation)
        changed = TopicRoute(topic)
        if route is not None:
            for queue in self.queues.values():
                if queue.subscription.topic == topic.incarnation:
                    changed.put(queue)
        self._routes[topic.incarnation] = changed
        self.topics.put(topic)

    def remove_topic(self, incarnation: str) -> None:
        """Forget a topic; its subscriptions are removed by their own calls."""
        route = self._routes.pop(incarnation, None)
        if route is not None:
            self._observation.forget_topic(route.topic)
        self.duplicates.pop(incarnation, None)
        self.topics.remove(incarnation)

    def is_read(self, incarnation: str) -> bool:
        """Whether the events of a topic are read because somebody subscribes to it."""
        route = self._routes.get(incarnation)
        return route is not None and route.has_subscriptions

    def topic(self, incarnation: str) -> Topic | None:
        """The topic of this incarnation, if it is in force."""
        route = self._routes.get(incarnation)
        return route.topic if route else None

    def activate(self, subscription: EventSubscription) -> None:
        """Bring a version into force for the events from its position on.

        Called in the order of the log: what is not routed yet came before it.
        """
        self.finish()
        queue = self.queues.get(subscription.incarnation)
        if queue is None:
            queue = SubscriptionQueue(subscription)
            self.queues[subscription.incarnation] = queue
            self._apply_settings(queue)
        else:
            queue.upgrade(subscription)
        self._routes[subscription.topic].put(queue)

    def configure(self, incarnation: str, settings: DeliverySettings) -> None:
        """The delivery settings of a subscription that is in force, or will be."""
        if settings == DEFAULT_SETTINGS:
            self._settings.pop(incarnation, None)
        else:
            self._settings[incarnation] = settings
        queue = self.queues.get(incarnation)
        if queue is not None:
            self._apply_settings(queue)

    def _apply_settings(self, queue: SubscriptionQueue) -> None:
        before = queue.settings
        queue.configure(self._settings.get(queue.subscription.incarnation, DEFAULT_SETTINGS))
        if queue.settings != before:
            self._reconfigured(queue, before)

    def restore(self, versions: list[EventSubscription], read_position: int | None) -> None:
        """Bring a subscription back that was in force before a restart, oldest version first."""
        queue = SubscriptionQueue(versions[0], read_position)
        for version in versions[1:]:
            queue.upgrade(version)
        self.queues[queue.subscription.incarnation] = queue
        self._routes[queue.subscription.topic].put(queue)

    def arrange(self) -> None:
        """All that was in force before a restart is restored: be ready for the first event."""
        for route in self._routes.values():
            route.arrange()

    def renew_queues(self) -> None:
        """Let every subscription begin anew at the head of the log, as if nothing had happened.

        Called when everything is routed.
        """
        self.duplicates.clear()
        for incarnation, queue in list(self.queues.items()):
            settings = self._settings.get(incarnation)
            versions = queue.versions
            self.remove_subscription(incarnation)
            self.restore(list(versions), None)
            if settings is not None:
                self.configure(incarnation, settings)

    def rest(self) -> list[SubscriptionQueue]:
        """Let idle queues give back the memory of busier times; those with older versions."""
        updated = []
        for queue in self.queues.values():
            queue.rest()
            if queue.has_older_versions:
                updated.append(queue)
        return updated

    def remove_subscription(self, incarnation: str) -> None:
        """Drop a subscription and all that it has pending."""
        self._settings.pop(incarnation, None)
        queue = self.queues.pop(incarnation, None)
        if queue is None:
            return
        queue.is_removed = True
        route = self._routes.get(queue.subscription.topic)
        if route is not None:
            route.remove(queue)
            self._observation.forget_subscription(route.topic, queue)
        self._removed(queue)
