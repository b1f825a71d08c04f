"""Whose numbers are there? The counters of every topic and event subscription, and their labels."""

from switchhook.grid.counters import (
    OTHER,
    Histogram,
    Labels,
    PerDomainTopic,
    SubscriptionCounters,
    TopicCounters,
)
from switchhook.grid.subscriptions import EventSubscription
from switchhook.grid.topics import Topic, TopicKind

# Label sets (topics, domain topics and subscriptions) that are counted apart. Those that come later
# are counted together as `OTHER`: a domain alone may have 100 000 topics.
MAX_LABEL_SETS = 5_000
# Label sets beyond the cap that are told apart in order to say how many there are.
MAX_FOLDED = 100_000

_Key = frozenset[tuple[str, str]]


class Metrics:
    """The counters of every topic and subscription that anything has happened to."""

    def __init__(self, max_label_sets: int = MAX_LABEL_SETS) -> None:
        self._max_label_sets = max_label_sets
        self._topics: dict[_Key, TopicCounters] = {}
        self._subscriptions: dict[_Key, SubscriptionCounters] = {}
        self._folded: set[int] = set()
        self._other_topic = TopicCounters({"resource": OTHER}, Histogram())
        self._other_subscription = SubscriptionCounters({"resource": OTHER})

    # --- counting ---------------------------------------------------------------------------------

    def topic(self, topic: Topic) -> TopicCounters:
        """The counters of a topic, made at the first call; look them up once and keep them."""
        labels, latency = resource_labels(topic), Histogram()

        def open_inner(domain_topic: str) -> TopicCounters:
            return self._topic(labels | {"Topic": domain_topic}, latency)

        is_domain = topic.kind is TopicKind.DOMAIN
        return self._topic(labels, latency, PerDomainTopic(open_inner) if is_domain else None)

    def _topic(
        self,
        labels: dict[str, str],
        latency: Histogram,
        domain: PerDomainTopic[TopicCounters] | None = None,
    ) -> TopicCounters:
        key = frozenset(labels.items())
        found = self._topics.get(key)
        if found is None:
            if self._is_full(key):
                return self._other_topic
            found = self._topics[key] = TopicCounters(labels, latency, domain)
        return found

    def subscription(self, topic: Topic, subscription: EventSubscription) -> SubscriptionCounters:
        """The counters of a subscription, made at the first call; look them up once and keep them.

        For one of a whole domain, `of` tells its topics apart.
        """
        labels = subscription_labels(topic, subscription)

        def open_inner(domain_topic: str) -> SubscriptionCounters:
            return self._subscription(labels | {"Topic": domain_topic})

        is_split = topic.kind is TopicKind.DOMAIN and not subscription.domain_topic
        return self._subscription(labels, PerDomainTopic(open_inner) if is_split else None)

    def _subscription(
        self, labels: dict[str, str], domain: PerDomainTopic[SubscriptionCounters] | None = None
    ) -> SubscriptionCounters:
        key = frozenset(labels.items())
        found = self._subscriptions.get(key)
        if found is None:
            if self._is_full(key):
                return self._other_subscription
            found = self._subscriptions[key] = SubscriptionCounters(labels, domain)
        return found

    def _is_full(self, key: _Key) -> bool:
        if len(self._topics) + len(self._subscriptions) < self._max_label_sets:
            return False
        if len(self._folded) < MAX_FOLDED:
            self._folded.add(hash(key))
        return True

    # --- forgetting -------------------------------------------------------------------------------

    def forget_topic(self, topic: Topic) -> None:
        """The topic is deleted, and its subscriptions with it."""
        gone = resource_labels(topic)
        self._topics = {k: each for k, each in self._topics.items() if not _is_of(each, gone)}
        self._forget_subscriptions(gone)

    def forget_subscription(self, topic: Topic, subscription: EventSubscription) -> None:
        """The subscription is deleted; one of the same name made later starts from zero."""
        self._forget_subscriptions(subscription_labels(topic, subscription))

    def _forget_subscriptions(self, gone: Labels) -> None:
        kept = {k: each for k, each in self._subscriptions.items() if not _is_of(each, gone)}
        self._subscriptions = kept

    # --- reading ----------------------------------------------------------------------------------

    @property
    def folded(self) -> int:
        """How many label sets are counted together as `OTHER`."""
        return len(self._folded)

    def topics(self) -> list[TopicCounters]:
        """Every topic's counters, those of the others last if there are any."""
        own = list(self._topics.values())
        return [*own, self._other_topic] if self._folded else own

    def subscriptions(self) -> list[SubscriptionCounters]:
        """Every subscription's counters, those of the others last if there are any."""
        own = list(self._subscriptions.values())
        return [*own, self._other_subscription] if self._folded else own


def resource_labels(topic: Topic) -> dict[str, str]:
    """Which resource a number belongs to: a name is unique within its kind, and short to write."""
    return {"kind": topic.kind.value, "resource": topic.name}


def subscription_labels(topic: Topic, subscription: EventSubscription) -> dict[str, str]:
    """Azure's dimensions of a subscription: a whole domain's has its name in another one."""
    labels = resource_labels(topic)
    if topic.kind is not TopicKind.DOMAIN:
        return labels | {"EventSubscriptionName": subscription.name}
    if subscription.domain_topic:
        return labels | {
            "EventSubscriptionName": subscription.name,
            "Topic": subscription.domain_topic,
        }
    return labels | {"DomainEventSubscriptionName": subscription.name}


def _is_of(counters: TopicCounters | SubscriptionCounters, gone: Labels) -> bool:
    return gone.items() <= counters.labels.items()
