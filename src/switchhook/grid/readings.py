"""How does the server stand now? What is read when somebody asks, and counted nowhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from switchhook.clock import Clock
from switchhook.grid.counters import OTHER, Labels
from switchhook.grid.metrics import subscription_labels
from switchhook.grid.ports import Store
from switchhook.grid.route import Router
from switchhook.grid.subscription_queue import SubscriptionQueue

# How often the log is read for one reading; subscriptions that lag share what lies between.
MAX_LOG_READS = 50


@dataclass(frozen=True, kw_only=True)
class SubscriptionReading:
    """One event subscription: its labels, and what it has to do.

    `oldest_published_at` is that of its oldest event that is not finished, in nanoseconds since the
    epoch; None when it has none.
    """

    labels: Labels
    oldest_published_at: int | None
    waiting: int
    in_flight: int
    is_parked: bool


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The server as a whole; instants are in nanoseconds since the epoch."""

    now: int
    log_bytes: int
    log_end: int
    subscriptions: tuple[SubscriptionReading, ...] = ()


async def read_now(*, store: Store, router: Router, clock: Clock) -> Readings:
    """Read the server: its log, and every subscription in force."""
    extent = store.extent()
    queues = list(router.queues.values())
    backlogs = {each.subscription: each for each in await store.backlogs()}
    lags = await _published_at(store, {each.read_position for each in queues})
    subscriptions = []
    for queue in queues:
        topic = router.topic(queue.subscription.topic)
        if topic is None:
            continue
        backlog = backlogs.get(queue.subscription.incarnation)
        instants = [_oldest_in_memory(queue), lags.get(queue.read_position)]
        instants += [backlog.published_at] if backlog else []
        in_flight = list(queue.deliveries_in_flight())
        stored = (backlog.count if backlog else 0) - sum(each.is_stored for each in in_flight)
        subscriptions.append(
            SubscriptionReading(
                labels=subscription_labels(topic, queue.subscription),
                oldest_published_at=min((each for each in instants if each), default=None),
                waiting=max(0, stored) + queue.waiting_count,
                in_flight=len(in_flight),
                is_parked=queue.parked_until is not None,
            )
        )
    return Readings(
        now=clock.now(),
        log_bytes=extent.size,
        log_end=extent.end,
        subscriptions=tuple(subscriptions),
    )


def _oldest_in_memory(queue: SubscriptionQueue) -> int | None:
    taken = [delivery.published_at for delivery in queue.deliveries_in_flight()]
    queued = [queue.first_attempts[0].published_at] if queue.first_attempts else []
    return min(taken + queued, default=None)


async def _published_at(store: Store, positions: set[int | None]) -> dict[int | None, int | None]:
    """When the events at these positions of the log were published; None at its end.

    Of very many positions only some are looked up: the others are said to be as old as the next
    lower one, which is older rather than younger than they are.
    """
    wanted = sorted(each for each in positions if each is not None)
    step = max(1, -(-len(wanted) // MAX_LOG_READS))
    found: dict[int | None, int | None] = {}
    for start, end in pairwise([*range(0, len(wanted), step), len(wanted)]):
        rows = await store.read_from(wanted[start], 1)
        instant = rows[0].batch.published_at if rows else None
        found.update(dict.fromkeys(wanted[start:end], instant))
    return found


def folded(readings: Iterable[SubscriptionReading], limit: int) -> Iterable[SubscriptionReading]:
    """At most `limit` readings, the busiest first, and one for all others together."""
    ranked = sorted(readings, key=_rank)
    yield from ranked[:limit]
    others = ranked[limit:]
    if others:
        instants = [each.oldest_published_at for each in others]
        yield SubscriptionReading(
            labels={"resource": OTHER},
            oldest_published_at=min((each for each in instants if each is not None), default=None),
            waiting=sum(each.waiting for each in others),
            in_flight=sum(each.in_flight for each in others),
            is_parked=any(each.is_parked for each in others),
        )


def _rank(reading: SubscriptionReading) -> tuple[bool, int]:
    oldest = reading.oldest_published_at
    return oldest is None, oldest or 0
