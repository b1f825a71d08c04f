"""How does a subscription that fell behind get its events? By reading the log, many at a time.

Queues that are behind share one scan. One that is full drops out of it and keeps its own position;
one that reaches the head of the log is live again.
"""

import logging
from collections.abc import Iterable, Sequence

from switchhook.errors import StoreError
from switchhook.grid import retry
from switchhook.grid.checkpoint import Checkpoint
from switchhook.grid.deliver import Deliverer
from switchhook.grid.delivery import Delivery
from switchhook.grid.events import Envelope
from switchhook.grid.ports import Appended, EventLog
from switchhook.grid.retry import GiveUpReason
from switchhook.grid.route import Router
from switchhook.grid.subscription_queue import SubscriptionQueue
from switchhook.grid.subscriptions import EventSubscription

log = logging.getLogger(__name__)


class CatchUp:
    """Reads the log for the queues that are behind."""

    def __init__(
        self, *, log: EventLog, router: Router, deliverer: Deliverer, checkpoint: Checkpoint
    ) -> None:
        self._log = log
        self._router = router
        self._deliverer = deliverer
        self._checkpoint = checkpoint
        # Where a queue met a batch that cannot be read or matched; it waits there.
        self._stuck: dict[SubscriptionQueue, int] = {}

    async def turn(self) -> bool:
        """Read once for the queues that have room; whether there was any."""
        hungry = self._hungry()
        if not hungry:
            return False
        start = min(_reached(queue) for queue in hungry)
        # What becomes durable while the log is read is left to the next turn.
        head = self._router.head
        batches = await self._log.read_from(start)
        # Meanwhile a queue may have been parked or removed, or have fallen further behind.
        active = {q for q in hungry if self._deliverer.has_room(q) and _reached(q) >= start}
        active = {q for q in active if q.is_behind and not q.is_removed}
        progress = dict.fromkeys(active)
        # Batches from the head on are routed as they become durable, in their own turn.
        failures = self._offer_all([b for b in batches if b.first < head], active, start, head)
        if not batches:
            _advance(active, head)
        for queue in progress:
            self._finish(queue)
        if failures:
            raise failures[0]
        return True

    def _offer_all(
        self, batches: Sequence[Appended], active: set[SubscriptionQueue], start: int, head: int
    ) -> list[Exception]:
        """Offer what was read from `start` on, as far as it is routed; what went wrong. Those that
        fill up, or meet what cannot be read, leave `active`."""
        late = {q for q in active if _reached(q) < q.subscription.from_position}
        # Very many may be behind, and want nothing: what all have passed is noted once, at the end.
        passed, failures = start, []
        for appended in batches:
            if not active:
                break
            mixed = {q for q in late & active if appended.first < q.subscription.from_position}
            try:
                self._offer(appended, active, mixed, range(start, head))
            except Exception as error:  # noqa: BLE001 - raised by the caller: others read on
                stuck = {q for q in active if q.subscription.topic == appended.batch.topic}
                _advance(stuck, passed)
                self._stuck |= {queue: _reached(queue) for queue in stuck}
                active -= stuck
                failures.append(error)
            passed = min(appended.end, head)
        _advance(active, passed)
        return failures

    def _hungry(self) -> list[SubscriptionQueue]:
        """Those that have room; who is stuck tries again when nobody else has, for the others'
        sake: the log is read from the place of the last of them on."""
        behind = self._deliverer.behind
        self._stuck = {q: at for q, at in self._stuck.items() if q in behind and at == _reached(q)}
        hungry = [q for q in behind if self._deliverer.wants_more(q)]
        return [q for q in hungry if q not in self._stuck] or hungry

    def _finish(self, queue: SubscriptionQueue) -> None:
        if _reached(queue) >= self._router.head:
            queue.read_position = None
            queue.waiting_at_start = frozenset()
            self._deliverer.behind.pop(queue, None)
        self._checkpoint.touch(queue)
        self._deliverer.pump(queue)

    def _offer(
        self,
        appended: Appended,
        active: set[SubscriptionQueue],
        mixed: set[SubscriptionQueue],
        positions: range,
    ) -> None:
        """Give the queues what they want of a batch at these positions.

        To `mixed` part of it is an older version's, which the index no longer knows.
        """
        # A large batch is offered in several turns: what they all had is not matched again.
        for envelope, queues in self._router.wanted(appended, positions):
            for queue in queues:
                if queue in active and queue not in mixed:
                    self._give(queue, envelope, queue.subscription, active)
            if not active:
                return
        for queue in mixed:
            for envelope, version in self._router.wanted_by(queue, appended):
                if queue in active and envelope.position in positions:
                    self._give(queue, envelope, version, active)

    def _give(
        self,
        queue: SubscriptionQueue,
        envelope: Envelope,
        version: EventSubscription,
        active: set[SubscriptionQueue],
    ) -> None:
        position = envelope.position
        if position < _reached(queue) or position in queue.waiting_at_start:
            return
        if self._router.is_duplicate(queue, position):
            return
        if self._deliverer.has_room(queue):
            queue.accept(envelope, version)
            queue.read_position = position + 1  # should the rest of the batch fail
        else:
            queue.read_position = position
            active.discard(queue)

    async def expire(self, now: int) -> None:
        """Give up the unread events of parked and paused queues whose time to live has passed.

        What cannot be read stays where it is, with what is behind it.
        """
        for queue in list(self._deliverer.behind):
            try:
                await self._expire(queue, now)
            except StoreError:
                raise
            except Exception:  # of this subscription alone
                log.exception("expire.failed", extra={"subscription": queue.subscription.name})

    async def _expire(self, queue: SubscriptionQueue, now: int) -> None:
        while queue.is_behind and not queue.is_removed and _stands_still(queue):
            start = _reached(queue)
            batches = await self._log.read_from(start)
            if not batches or _reached(queue) != start:
                return
            for appended in batches:
                speed = self._deliverer.speed(queue)
                if appended.end > self._router.head:
                    return
                if not _is_expired(queue, appended, now, speed):
                    return
                for envelope, version in self._router.wanted_by(queue, appended):
                    position = envelope.position
                    if position >= start and position not in queue.waiting_at_start:
                        self._give_up(queue, envelope, version)
                        queue.read_position = position + 1
                queue.read_position = max(_reached(queue), appended.end)
                self._checkpoint.touch(queue)

    def _give_up(
        self, queue: SubscriptionQueue, envelope: Envelope, version: EventSubscription
    ) -> None:
        delivery = Delivery(
            envelope.position,
            envelope.published_at,
            envelope.event,
            version,
            traceparent=envelope.traceparent,
        )
        self._deliverer.give_up(queue, delivery, GiveUpReason.TIME_TO_LIVE_EXCEEDED)


def _reached(queue: SubscriptionQueue) -> int:
    """How far a queue that is behind has read; a live one has read everything."""
    return (1 << 63) if queue.read_position is None else queue.read_position


def _advance(queues: Iterable[SubscriptionQueue], passed: int) -> None:
    """They have read everything before that position."""
    for queue in queues:
        queue.read_position = max(_reached(queue), passed)


def _stands_still(queue: SubscriptionQueue) -> bool:
    return queue.parked_until is not None or queue.settings.is_paused


def _is_expired(queue: SubscriptionQueue, appended: Appended, now: int, speed: int) -> bool:
    version = queue.version_at(appended.first) or queue.subscription
    return retry.is_expired(
        lives_from=appended.batch.published_at,
        policy=version.retry_policy,
        now=now,
        speed=speed,
    )
