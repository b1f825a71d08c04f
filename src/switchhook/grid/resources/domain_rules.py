"""When does a domain's topic come, when does it go, and who may subscribe to it?

Source: event-domains.md; azure-mgmt-eventgrid 10.4.0, `Domain`.
"""

import msgspec

from switchhook.grid.resources.ids import key_of
from switchhook.grid.resources.names import (
    MAX_DOMAIN_EVENT_SUBSCRIPTIONS,
    MAX_DOMAIN_TOPICS,
    MAX_EVENT_SUBSCRIPTIONS,
    check_domain_topic_name,
    quota_reached,
)
from switchhook.grid.resources.records import (
    DomainRecord,
    DomainTopicRecord,
    SubscriptionRecord,
    subscriptions_prefix,
)
from switchhook.grid.resources.sources import EventSource
from switchhook.grid.resources.view import ResourceView
from switchhook.grid.topics import TopicKind

Edits = dict[str, msgspec.Struct | None]


def domain_topic_id(domain: DomainRecord, name: str) -> str:
    """The id of a topic of the domain."""
    return f"{domain.id}/topics/{name}"


def domain_topics_prefix(domain_id: str) -> str:
    """What the keys of all topics of a domain begin with."""
    return f"{key_of(domain_id)}/topics/"


def check_new_domain_topic(view: ResourceView, domain: DomainRecord, name: str) -> None:
    """Refuse a topic with a wrong name, or one too many."""
    check_domain_topic_name(name)
    if view.count(DomainTopicRecord, domain_topics_prefix(domain.id)) >= MAX_DOMAIN_TOPICS:
        raise quota_reached("topics per domain", MAX_DOMAIN_TOPICS)


def check_new_subscription(view: ResourceView, source: EventSource) -> None:
    """Refuse an event subscription too many, or one to a topic that it cannot bring."""
    whole_domain = source.topic.kind is TopicKind.DOMAIN and not source.domain_topic
    limit = MAX_DOMAIN_EVENT_SUBSCRIPTIONS if whole_domain else MAX_EVENT_SUBSCRIPTIONS
    if view.count(SubscriptionRecord, subscriptions_prefix(source.resource_id)) >= limit:
        where = "domain" if whole_domain else "topic"
        raise quota_reached(f"event subscriptions per {where}", limit)
    domain = _domain(view, source)
    if domain is not None and source.is_implied:
        check_new_domain_topic(view, domain, source.domain_topic)


def implied_domain_topic(view: ResourceView, source: EventSource) -> Edits:
    """The topic that comes with its first event subscription."""
    key = key_of(source.resource_id)
    if not source.domain_topic or view.get(key, DomainTopicRecord) is not None:
        return {}
    return {key: DomainTopicRecord(id=source.resource_id, name=source.domain_topic)}


def domain_topic_no_longer_implied(view: ResourceView, source: EventSource) -> Edits:
    """The topic that goes with its last event subscription, although it was made by hand."""
    domain = _domain(view, source)
    if not source.domain_topic or domain is None or not domain.deletes_topics:
        return {}
    left = view.count(SubscriptionRecord, subscriptions_prefix(source.resource_id))
    return {key_of(source.resource_id): None} if left == 1 else {}


def _domain(view: ResourceView, source: EventSource) -> DomainRecord | None:
    return view.get(key_of(source.topic.resource_id), DomainRecord)
