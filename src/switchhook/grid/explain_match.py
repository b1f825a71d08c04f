"""Did an event subscription want an event, and by which of its versions?"""

from switchhook.grid import filters
from switchhook.grid.events import Event
from switchhook.grid.explanations import SubscriptionExplanation, Verdict
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import EventSubscription


def concerns(queue: SubscriptionQueue, topic: str, event: Event) -> bool:
    """Whether the event was published to what the subscription is a child of."""
    own = queue.subscription
    return own.topic == topic and own.domain_topic in ("", event.domain_topic)


def explain_match(
    queue: SubscriptionQueue, event: Event, position: int, *, ignores_leading_slash: bool
) -> SubscriptionExplanation:
    """What the version that was in force for `position` made of the event."""
    version = queue.version_at(position)
    if version is None:
        return _created_later(queue)
    mismatch = filters.explain(version.filter, event, ignores_leading_slash=ignores_leading_slash)
    is_current = version.version == queue.subscription.version
    text = "All parts of its filter hold." if mismatch is None else mismatch.text
    if not is_current:
        text += f" Version {version.version} was in force; it was changed later."
    return SubscriptionExplanation(
        incarnation=version.incarnation,
        name=version.name,
        verdict=Verdict.MATCHED if mismatch is None else Verdict.NOT_MATCHED,
        text=text,
        domain_topic=version.domain_topic,
        version=version.version,
        is_current=is_current,
        from_position=_first(queue).from_position,
        mismatch=mismatch,
    )


def _created_later(queue: SubscriptionQueue) -> SubscriptionExplanation:
    first = _first(queue)
    return SubscriptionExplanation(
        incarnation=first.incarnation,
        name=queue.subscription.name,
        verdict=Verdict.CREATED_LATER,
        text="It came into force after the event was accepted: it gets events from position "
        f"{first.from_position} on.",
        domain_topic=first.domain_topic,
        from_position=first.from_position,
    )


def _first(queue: SubscriptionQueue) -> EventSubscription:
    return min(queue.versions, key=lambda version: version.version)
