"""How does the server stand now? What is read when somebody asks, and counted nowhere."""

from collections.abc import Iterable
from dataclasses import dataclass

from switchhook.grid.counters import OTHER, Labels


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
