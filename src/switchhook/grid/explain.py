"""Why did an event not arrive? What every event subscription made of it, and what became of that.

Nothing is written down for it when events are published, and nothing is changed by asking: events
are found by the hashes of their ids, matching is repeated with the versions of that time, and the
rest is read from where deliveries stand.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec

from switchhook.clock import Clock
from switchhook.grid import given_up, waiting_events
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.delivery_traces import Collected, TraceCollector
from switchhook.grid.events import Envelope, Event
from switchhook.grid.explain_delivery import Traces, explain_delivery, explain_without_traces
from switchhook.grid.explain_match import concerns, explain_match
from switchhook.grid.explanations import (
    DeliveryExplanation,
    Explanation,
    Found,
    SubscriptionExplanation,
    Verdict,
)
from switchhook.grid.given_up import DEFAULT_KEEP, GivenUp, Keep
from switchhook.grid.places import Place
from switchhook.grid.ports import AttemptHistory, LogExtent, Store, hash_of_id
from switchhook.grid.route import Router
from switchhook.grid.schemas.accept import PublishRequest, accept
from switchhook.grid.schemas.read import read
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.topics import Topic

# Bounds of one question: explanations, and events of the same hash that are looked at for them.
DEFAULT_LIMIT = 10
MAX_LIMIT = 50
_MAX_LOOKED_AT = 100
_MATCHES_A_TURN = 50

# The content type under which a topic of any schema takes an array of events.
_ARRAY = "application/cloudevents-batch+json"


class Explainer:
    """Answers questions about single events."""

    def __init__(
        self,
        *,
        store: Store,
        router: Router,
        checkpoint: Checkpoint,
        history: AttemptHistory | None,
        clock: Clock,
        keep: Keep = DEFAULT_KEEP,
    ) -> None:
        """`keep` says how much of what was given up is recorded."""
        self._store = store
        self._router = router
        self._clock = clock
        self._collector = TraceCollector(
            store=store, checkpoint=checkpoint, history=history, clock=clock, keep=keep
        )

    def extent(self) -> LogExtent:
        """How far back events can be found."""
        return self._store.extent()

    # --- which event ------------------------------------------------------------------------------

    async def by_id(
        self,
        event_id: str,
        *,
        place: Place | None = None,
        before: int | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Found:
        """The events of this id, the newest first: it may have been published more than once.

        Events that have no id but the one that their position gives them are not found.
        """
        items: list[Explanation] = []
        id_hash = hash_of_id(event_id)
        hints = await self._store.find(id_hash, before=before, limit=_MAX_LOOKED_AT)
        for position in hints:
            found = await self._event_at(position)
            if found is not None and _is_wanted(place, event_id, *found):
                items.append(await self._explain(*found))
            if len(items) >= limit:
                return Found(items=tuple(items), before=position)
        if len(hints) == _MAX_LOOKED_AT:
            return Found(items=tuple(items), before=hints[-1])
        if not items and before is None:
            items = await self._trimmed_with_id(event_id, place, limit)
        return Found(items=tuple(items), before=None)

    async def at(self, position: int) -> Explanation | None:
        """The event at a position of the log; None where there is none any more, or none yet."""
        found = await self._event_at(position)
        if found is not None:
            return await self._explain(*found)
        found = await waiting_events.at(self._store, *self._rows_asked(), position)
        if found is not None:
            return await self._explain_waiting(*found)
        kept = await given_up.find_position(self._store, position, 0)
        return await self._explain_given_up(kept) if kept else None

    def rehearse(self, topic: Topic, event: bytes) -> Explanation:
        """What subscriptions would make of an event, the JSON object of one, if it was published.

        Raises:
            RequestError: it would be refused.
        """
        accepted = accept(PublishRequest(b"[" + event + b"]", _ARRAY), topic)
        head, now = self._router.head, self._clock.now()
        body, schema = accepted.body, topic.input_schema
        found = next(read(body, schema, topic, first=head, published_at=now))
        matches = [_match(queue, found, head, topic) for queue in self._asked(topic, found)]
        return _explanation(topic, found, matches)

    async def _event_at(self, position: int) -> tuple[Topic, Envelope] | None:
        batches = await self._store.read_from(position, 1) if position >= 0 else []
        for appended in batches:
            batch, topic = appended.batch, self._router.topic(appended.batch.topic)
            if topic is None or not appended.first <= position < appended.end:
                return None
            first, published_at = appended.first, batch.published_at
            events = read(batch.body, batch.schema, topic, first=first, published_at=published_at)
            for at, event in enumerate(events, first):
                if at == position:
                    return topic, Envelope(at, published_at, event, batch.traceparent)
        return None

    # --- what became of it ------------------------------------------------------------------------

    async def _explain(self, topic: Topic, envelope: Envelope) -> Explanation:
        event, position = envelope.event, envelope.position
        queues = self._asked(topic, event)
        matches: dict[str, SubscriptionExplanation] = {}
        for number, queue in enumerate(queues, 1):
            own = queue.subscription.incarnation
            matches[own] = _match(queue, event, position, topic)
            if not number % _MATCHES_A_TURN:
                await asyncio.sleep(0)
        collected = await self._collector.collect(queues, position, envelope.published_at)
        deliveries = self._with_traces(collected)
        for queue in queues:
            own = queue.subscription.incarnation
            is_told = any(not each.run for each in deliveries[own])
            if matches[own].verdict is Verdict.MATCHED and not is_told:
                deliveries[own].insert(0, self._without_traces(queue, position, collected.is_sure))
        told = [_with(match, deliveries.pop(own)) for own, match in matches.items()]
        told += [_gone(own, found, collected.name_of(own)) for own, found in deliveries.items()]
        return _explanation(topic, event, told, envelope)

    def _asked(self, topic: Topic, event: Event) -> list[SubscriptionQueue]:
        every = list(self._router.queues.values())
        return [queue for queue in every if concerns(queue, topic.incarnation, event)]

    def _with_traces(self, collected: Collected) -> dict[str, list[DeliveryExplanation]]:
        """By subscription, in the order of the runs."""
        now = self._clock.now()
        deliveries: dict[str, list[DeliveryExplanation]] = defaultdict(list)
        for (own, _), traces in sorted(collected.traces.items()):
            queue = self._router.queues.get(own)
            deliveries[own].append(explain_delivery(queue, traces, now))
        return deliveries

    def _without_traces(
        self, queue: SubscriptionQueue, position: int, is_sure: bool
    ) -> DeliveryExplanation:
        return explain_without_traces(
            queue,
            position,
            self._router.head,
            is_duplicate=self._router.is_duplicate(queue, position),
            is_sure=is_sure,
        )

    # --- events that the log no longer has --------------------------------------------------------

    async def _trimmed_with_id(
        self, event_id: str, place: Place | None, limit: int
    ) -> list[Explanation]:
        """Those that wait still, which tells most, and those of which only a record is left."""
        rows = await waiting_events.with_id(self._store, *self._rows_asked(), event_id)
        items: dict[int, Explanation] = {}
        for found in [each for each in rows if _is_wanted(place, event_id, *each)][:limit]:
            items[found[1].position] = await self._explain_waiting(*found)
        for each in await self._given_up_with_id(event_id, place, limit):
            items.setdefault(each.position or 0, each)
        return [items[position] for position in sorted(items, reverse=True)[:limit]]

    def _rows_asked(self) -> tuple[list[str], Callable[[str], Topic | None]]:
        return list(self._router.queues), self._router.topic

    async def _explain_waiting(self, topic: Topic, envelope: Envelope) -> Explanation:
        """As of an event of the log; but versions that only the log needed may be forgotten."""
        explanation = await self._explain(topic, envelope)
        told = [self._less_sure(each) for each in explanation.subscriptions]
        return msgspec.structs.replace(explanation, subscriptions=tuple(told), is_in_log=False)

    def _less_sure(self, told: SubscriptionExplanation) -> SubscriptionExplanation:
        queue = self._router.queues.get(told.incarnation)
        if told.verdict is not Verdict.CREATED_LATER or (queue and queue.version(1)):
            return told
        text = "It came into force, or was changed, after the event was accepted."
        return msgspec.structs.replace(told, verdict=Verdict.UNKNOWN, text=text)

    async def _given_up_with_id(
        self, event_id: str, place: Place | None, limit: int
    ) -> list[Explanation]:
        by_position: dict[int, list[GivenUp]] = defaultdict(list)
        for kept in await given_up.find_id(self._store, event_id):
            if place is None or place.topic.incarnation == kept.topic:
                by_position[kept.position].append(kept)
        newest = sorted(by_position, reverse=True)[:limit]
        return [await self._explain_given_up(by_position[position]) for position in newest]

    async def _explain_given_up(self, kept: Sequence[GivenUp]) -> Explanation:
        attempts = await self._collector.attempts(kept[0].position)
        now = self._clock.now()
        by_subscription: dict[str, list[GivenUp]] = defaultdict(list)
        for each in kept:
            by_subscription[each.subscription].append(each)
        told = []
        for own, records in by_subscription.items():
            traces = [
                Traces(run=each.run, given_up=each, attempts=tuple(attempts[own, each.run]))
                for each in records
            ]
            deliveries = tuple(explain_delivery(None, each, now) for each in traces)
            told.append(_trimmed(own, records[0].name, deliveries))
        topic = self._router.topic(kept[0].topic)
        return _of_record(kept[0], topic, told)


# --- questions and parts -------------------------------------------------------------------------


def _is_wanted(place: Place | None, event_id: str, topic: Topic, envelope: Envelope) -> bool:
    if envelope.event.id != event_id:
        return False
    return place is None or place.holds(topic.incarnation, envelope.event)


def _match(
    queue: SubscriptionQueue, event: Event, position: int, topic: Topic
) -> SubscriptionExplanation:
    return explain_match(queue, event, position, ignores_leading_slash=topic.ignores_leading_slash)


def _with(
    match: SubscriptionExplanation, deliveries: list[DeliveryExplanation]
) -> SubscriptionExplanation:
    return msgspec.structs.replace(match, deliveries=tuple(deliveries))


def _gone(own: str, deliveries: list[DeliveryExplanation], name: str) -> SubscriptionExplanation:
    return SubscriptionExplanation(
        incarnation=own,
        name=name,
        verdict=Verdict.UNKNOWN,
        text="The subscription was deleted since.",
        deliveries=tuple(deliveries),
    )


def _trimmed(
    own: str, name: str, deliveries: tuple[DeliveryExplanation, ...]
) -> SubscriptionExplanation:
    return SubscriptionExplanation(
        incarnation=own,
        name=name,
        verdict=Verdict.UNKNOWN,
        text="The log no longer has the event; this is the record of what was given up.",
        deliveries=deliveries,
    )


def _order(told: SubscriptionExplanation) -> tuple[bool, str, str]:
    return told.verdict is Verdict.UNKNOWN, told.name.lower(), told.domain_topic


def _explanation(
    topic: Topic,
    event: Event,
    told: Sequence[SubscriptionExplanation],
    envelope: Envelope | None = None,
) -> Explanation:
    return Explanation(
        topic=topic.resource_id,
        topic_name=topic.name,
        domain_topic=event.domain_topic,
        event_id=event.id,
        event_type=event.type,
        event=event,
        position=envelope.position if envelope else None,
        published_at=envelope.published_at if envelope else None,
        traceparent=envelope.traceparent if envelope else "",
        subscriptions=tuple(sorted(told, key=_order)),
    )


def _of_record(
    kept: GivenUp, topic: Topic | None, told: Sequence[SubscriptionExplanation]
) -> Explanation:
    return Explanation(
        topic=topic.resource_id if topic else "",
        topic_name=topic.name if topic else "",
        domain_topic="",
        event_id=kept.event_id,
        event_type=kept.event_type,
        event=None,
        position=kept.position,
        published_at=kept.published_at,
        subscriptions=tuple(sorted(told, key=_order)),
    )
