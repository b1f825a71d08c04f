"""Which fate does the built-in carrier give to a message?

The last four digits of the recipient's number say: a status code of the delivery status table gets
that status, the numbers of `SPECIAL_FATES` behave in their own way, every other one is delivered.
`docs/reference/carrier-simulator.md` is the table for users.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from switchhook.clock import MILLISECOND, SECOND
from switchhook.communication.carriers.ports import Attempt, Fate, Submission
from switchhook.communication.sms import statuses

# How long the simulated carrier takes for an attempt and its report.
DELIVERY_DELAY = 100 * MILLISECOND
# How long it waits before it tries again.
RETRY_DELAY = 5 * SECOND
# When the second of two reports comes, after the first.
DUPLICATE_DELAY = SECOND
# The delayed fates.
SHORT_DELAY = 10 * SECOND
LONG_DELAY = 60 * SECOND

_NOT_REACHABLE = 4006
_FAILED = 5000


class Simulator:
    """Implements `carriers.ports.Carrier`; carries nothing anywhere."""

    def submit(self, submission: Submission) -> Fate:
        return fate(submission.to, submission.segments)


def fate(number: str, segments: int) -> Fate:
    """The fate of a message of so many segments to that number."""
    return _fate(number[-4:], segments)


@lru_cache(maxsize=1024)
def _fate(ending: str, segments: int) -> Fate:
    special = SPECIAL_FATES.get(ending)
    if special is not None:
        return special(segments)
    code = int(ending) if ending.isdecimal() and int(ending) in statuses.DETAILS else None
    return _single(statuses.SUCCESS if code is None else code, segments)


def _single(code: int, segments: int, delay: int = DELIVERY_DELAY) -> Fate:
    is_delivered = statuses.delivery_status(code) == statuses.DELIVERED
    attempt = _attempt(delay, segments if is_delivered else 0, segments)
    return Fate(code=code, attempts=(attempt,), reported_after=(delay,))


def _attempt(after: int, succeeded: int, segments: int) -> Attempt:
    return Attempt(after=after, segments_succeeded=succeeded, segments_failed=segments - succeeded)


def _repeated(code: int, segments: int, *succeeded: int) -> Fate:
    """One attempt for each of `succeeded`; a later one sends only what failed before."""
    attempts = []
    left = segments
    for number, count in enumerate(succeeded):
        attempts.append(_attempt(DELIVERY_DELAY + number * RETRY_DELAY, count, left))
        left -= count
    return Fate(code=code, attempts=tuple(attempts), reported_after=(attempts[-1].after,))


def _delivered_at_second_attempt(segments: int) -> Fate:
    return _repeated(statuses.SUCCESS, segments, 0, segments)


def _delivered_at_third_attempt(segments: int) -> Fate:
    return _repeated(statuses.SUCCESS, segments, 0, 0, segments)


def _delivered_in_parts(segments: int) -> Fate:
    first = segments // 2
    return _repeated(statuses.SUCCESS, segments, first, segments - first)


def _failed_at_third_attempt(segments: int) -> Fate:
    return _repeated(_NOT_REACHABLE, segments, 0, 0, 0)


def _failed_in_part(segments: int) -> Fate:
    return _repeated(_FAILED, segments, segments // 2)


def _delivered_after_short_delay(segments: int) -> Fate:
    return _single(statuses.SUCCESS, segments, SHORT_DELAY)


def _delivered_after_long_delay(segments: int) -> Fate:
    return _single(statuses.SUCCESS, segments, LONG_DELAY)


def _reported_twice(segments: int) -> Fate:
    once = _single(statuses.SUCCESS, segments)
    again = DELIVERY_DELAY + DUPLICATE_DELAY
    return Fate(code=once.code, attempts=once.attempts, reported_after=(DELIVERY_DELAY, again))


def _never_reported(segments: int) -> Fate:
    once = _single(statuses.UNKNOWN, segments)
    return Fate(code=once.code, attempts=once.attempts, reported_after=())


SPECIAL_FATES: Mapping[str, Callable[[int], Fate]] = {
    "2002": _delivered_at_second_attempt,
    "2003": _delivered_at_third_attempt,
    "2005": _delivered_in_parts,
    "2010": _delivered_after_short_delay,
    "2060": _delivered_after_long_delay,
    "2022": _reported_twice,
    "2099": _never_reported,
    "5003": _failed_at_third_attempt,
    "5005": _failed_in_part,
}
