"""How does each queue get the events of a batch that its subscription wants?"""

import logging
from collections.abc import Callable, Sequence

from switchhook.grid.events import Event
from switchhook.grid.observation import Observation
from switchhook.grid.ports import Batch
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.topic_route import Share
from switchhook.grid.topics import Topic

log = logging.getLogger("switchhook.grid.route")

# Hands a queue events of one batch, with their positions; when they were published, and by whom.
Offer = Callable[[SubscriptionQueue, Sequence[tuple[int, Event]], int, str], None]


class HandOver:
    """Gives events to queues; what goes wrong with one of them is no concern of the others."""

    def __init__(
        self,
        offer: Offer,
        *,
        fall_behind: Callable[[SubscriptionQueue, int], None],
        is_duplicate: Callable[[SubscriptionQueue, int], bool],
        observation: Observation,
    ) -> None:
        self._offer = offer
        self._fall_behind = fall_behind
        self._is_duplicate = is_duplicate
        self._observation = observation

    def hand_over(self, topic: Topic, batch: Batch, share: Share) -> None:
        """Give each queue what it wants of a share of the batch."""
        for queue, events in share.wanted.items():
            try:
                self._observation.matched(topic, queue, events)
                if queue.settings.deduplication_window:
                    events = [e for e in events if not self._is_duplicate(queue, e[0])]
                if events:
                    self._offer(queue, events, batch.published_at, batch.traceparent)
            except Exception:  # of this subscription alone
                fields = {"topic": topic.name, "position": events[0][0]}
                log.exception("route.failed", extra=fields)
                self._lag_from_rest(queue, [position for position, _ in events])

    def _lag_from_rest(self, queue: SubscriptionQueue, positions: Sequence[int]) -> None:
        """Let a queue that failed to take these events read the log from the first on that it has
        not got; it takes them in their order."""
        got = max(filter(queue.is_unsettled, positions), default=-1)
        rest = [position for position in positions if position > got]
        if rest and not queue.is_behind:
            self._fall_behind(queue, rest[0])
