"""What was acknowledged, what arrived, and do the two agree?"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import pairwise

import msgspec

# The last second before a kill is what rates are computed from.
WINDOW = 1.0
# A load that has just begun still rises: its rate is that of the end, when that is higher.
LAST_WINDOW = 0.25
# A checkpoint is half of the interval's pause and two writes: the one that the kill interrupts, and
# the one before, during which more is delivered. Each waits for a commit under way and for its own.
COMMITS = 4


class RecentTimes:
    """How often something happened in the last second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.since = 0.0

    def restart(self, now: float) -> None:
        """Forget what was; rates count from `now` on."""
        self._times.clear()
        self.since = now

    def add(self, now: float) -> None:
        """It happened."""
        self._times.append(now)
        while self._times[0] < now - WINDOW:
            self._times.popleft()

    def highest_per_second(self, now: float, checkpoint: float) -> float:
        """The rate that counts at a kill: that of the last interval, when it ends in a burst."""
        return max(self.per_second(now, each) for each in (WINDOW, LAST_WINDOW, checkpoint))

    def per_second(self, now: float, window: float = WINDOW) -> float:
        """The mean over the last `window` seconds, or since the restart when that was later."""
        start = max(self.since, now - window)
        return self.count(now - start, now) / max(now - start, 0.001)

    def count(self, window: float, now: float) -> int:
        """How often it happened in the last `window` seconds."""
        return sum(each >= now - window for each in self._times)

    def reach(self, now: float, checkpoint: float) -> float:
        """How long ago the checkpoint may have begun that is durable, where these are answers to
        publishers: somebody waits at any time and each commit answers some, so that the longest
        times without an answer are the longest commits."""
        gaps = [(after, after - before) for before, after in pairwise((*self._times, now))]
        reach = checkpoint
        while reach < WINDOW:
            commits = nlargest(COMMITS, (gap for end, gap in gaps if end > now - reach))
            if checkpoint / 2 + sum(commits) <= reach:
                return reach
            reach = checkpoint / 2 + sum(commits)
        return WINDOW


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the load at the instant of a kill."""

    at: float
    unacknowledged: int
    acknowledged_per_second: float
    delivered_per_second: float
    stall: float = 0.0
    delivered_in_reach: int = 0

    def duplicates_allowed(self, checkpoint: float, in_flight: int) -> float:
        """What was delivered since the last checkpoint, and what was on its way.

        A machine that let this process wait for `stall` seconds let the server wait, too. Where it
        kept the server's writes from processor or disk, which this process need not feel, it is as
        much as was really delivered during commits so slow.
        """
        expected = self.delivered_per_second * (checkpoint + self.stall)
        return max(expected, self.delivered_in_reach) + in_flight


class Stalls:
    """How late the machine let a periodic task run, in the last second."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()

    def add(self, now: float, lateness: float) -> None:
        """It ran `now`, so many seconds after it should have."""
        self._late.append((now, max(lateness, 0.0)))
        while self._late[0][0] < now - WINDOW:
            self._late.popleft()

    def longest(self) -> float:
        """The longest wait of the last second."""
        return max((late for _, late in self._late), default=0.0)


@dataclass
class Arrivals:
    """What one subscription received: each id with its count and its first time."""

    counts: Counter[str] = field(default_factory=Counter)
    first_at: dict[str, float] = field(default_factory=dict)
    duplicates: list[tuple[int, float]] = field(default_factory=list)
    _kills_before: dict[str, int] = field(default_factory=dict)

    def add(self, event_id: str, now: float, kills: int) -> None:
        """An event arrived after so many kills.

        One that comes again is due to the kill that ended the life in which it came last: the
        server may be killed again before it has repeated anything.
        """
        before = self._kills_before.get(event_id, kills)
        self._kills_before[event_id] = kills
        self.counts[event_id] += 1
        if self.counts[event_id] == 1:
            self.first_at[event_id] = now
        else:
            self.duplicates.append((min(kills, before + 1), self.first_at[event_id]))


@dataclass
class Books:
    """Everything that publishers and receiver wrote down in one campaign."""

    sent_events: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)  # acknowledged with 200
    messages: set[str] = field(default_factory=set)  # acknowledged with 202
    in_flight: int = 0
    refusals: list[str] = field(default_factory=list)
    acknowledged: RecentTimes = field(default_factory=RecentTimes)
    delivered: RecentTimes = field(default_factory=RecentTimes)
    kills: list[Kill] = field(default_factory=list)
    arrivals: dict[str, Arrivals] = field(default_factory=dict)
    reports: dict[str, set[str]] = field(default_factory=dict)  # message id to event ids
    # By subject, what was acknowledged; and by subscription and subject, what arrived first.
    by_subject: dict[str, list[str]] = field(default_factory=dict)
    further: dict[str, dict[str, dict[str, None]]] = field(default_factory=dict)

    def acknowledge(self, event_id: str, subject: str) -> None:
        """An event was acknowledged; those of a subject are acknowledged in their order."""
        self.events.add(event_id)
        self.by_subject.setdefault(subject, []).append(event_id)

    def arrive_further(self, subscription: str, event_id: str, subject: str) -> None:
        """An event arrived at a subscription of a further kind."""
        self.further.setdefault(subscription, {}).setdefault(subject, {})[event_id] = None

    def arrive(self, subscription: str, event_id: str, now: float, message: str | None) -> None:
        """An event arrived at the webhook of a subscription."""
        self.delivered.add(now)
        self.arrivals.setdefault(subscription, Arrivals()).add(event_id, now, len(self.kills))
        if message is not None:
            self.reports.setdefault(message, set()).add(event_id)

    def received(self, subscription: str) -> Counter[str]:
        """The ids that a subscription received, with their counts."""
        return self.arrivals.setdefault(subscription, Arrivals()).counts

    def missing(self, wanting: str) -> list[str]:
        """What was acknowledged and has not arrived."""
        events = self.events - self.received(wanting).keys()
        return sorted(events) + sorted(self.messages - self.reports.keys())

    def wanted(self, prefix: str) -> set[str]:
        """What was acknowledged with a subject of this beginning."""
        subjects = (each for each in self.by_subject if each.startswith(prefix))
        return {event_id for each in subjects for event_id in self.by_subject[each]}

    def missing_further(self, subscription: str, prefix: str) -> list[str]:
        """What was acknowledged and has not arrived at a subscription of a further kind."""
        found = self.further.get(subscription, {}).values()
        arrived = {event_id for each in found for event_id in each}
        return sorted(self.wanted(prefix) - arrived)

    def duplicates_of(self, number: int) -> list[float]:
        """How long before kill `number` (from 1) each event that came again had come first."""
        kill = self.kills[number - 1]
        return sorted(
            kill.at - first_at
            for arrivals in self.arrivals.values()
            for kills, first_at in arrivals.duplicates
            if kills == number
        )


def judge(
    books: Books, *, wanting: str, unwanting: Iterable[str], checkpoint: float, in_flight: int
) -> list[str]:
    """What is wrong, in words; nothing when every promise was kept.

    `wanting` is the subscription to the published events, `unwanting` those whose filters match
    nothing; `checkpoint` in seconds; `in_flight` is how many deliveries can be under way at once.
    """
    problems = [f"refused: {each}" for each in books.refusals[:5]]
    missing = books.missing(wanting)
    if missing:
        problems.append(f"{len(missing)} acknowledged and never delivered: {missing[:5]}")
    invented = books.received(wanting).keys() - books.sent_events
    if invented:
        problems.append(f"{len(invented)} delivered and never sent: {sorted(invented)[:5]}")
    problems += [
        f"{name}: {len(books.received(name))} delivered against its filter"
        for name in unwanting
        if books.received(name)
    ]
    # The simulated carrier reports once, and state and event are one commit: a second event for a
    # message would mean that the first was made without the state that says so.
    twice = [message for message, ids in books.reports.items() if len(ids) > 1]
    if twice:
        problems.append(f"{len(twice)} messages were reported by two events: {twice[:5]}")
    return problems + _too_many_duplicates(books, checkpoint, in_flight)


def judge_further(
    books: Books, *, wanting: Iterable[str], prefix: str, ordered: str, letters: Counter[str]
) -> list[str]:
    """What is wrong with further kinds of subscriptions, and with the dead letters.

    `wanting` are subscriptions to all events with subjects that begin with `prefix`, `ordered` is
    one of them. `letters` counts each event that should have been dead-lettered in what was
    written; at least once, for a kill may come between the blob and the note about it.
    """
    problems = [
        f"{name}: {len(missing)} acknowledged and never delivered: {missing[:5]}"
        for name in wanting
        if (missing := books.missing_further(name, prefix))
    ]
    for subject, arrived in books.further.get(ordered, {}).items():
        # Ids are those of a publisher that counts: the run, then a number.
        counted = [tuple(map(int, each.split("-")[1:])) for each in arrived]
        if counted != sorted(counted):
            problems.append(f"{ordered}: the events of {subject} came in another order")
    unwritten = [each for each, count in letters.items() if not count]
    if unwritten:
        problems.append(f"{len(unwritten)} never dead-lettered: {sorted(unwritten)[:5]}")
    return problems


def _too_many_duplicates(books: Books, checkpoint: float, in_flight: int) -> list[str]:
    problems = []
    for number, kill in enumerate(books.kills, 1):
        allowed = kill.duplicates_allowed(checkpoint, in_flight)
        found = len(books.duplicates_of(number))
        if found > allowed:
            problems.append(f"kill {number}: {found} duplicates, {allowed:.0f} allowed")
    without_kill = sum(
        kills == 0 for arrivals in books.arrivals.values() for kills, _ in arrivals.duplicates
    )
    if without_kill:
        problems.append(f"{without_kill} duplicates before the first kill")
    return problems
