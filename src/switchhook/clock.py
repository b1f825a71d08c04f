"""What time is it, and who is woken when?

Every timer of the product (retry, time to live, parking, a carrier's delay, expiry) is set on a
`Clock`, so that a test can move time. Instants are integers: nanoseconds since the Unix epoch, UTC.
Response timeouts, checkpoints and the freshness of credentials stay on real time.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Timer(Protocol):
    """A callback that waits for its instant."""

    def cancel(self) -> None:
        """Forget the callback; a timer that has fired ignores this."""


class Clock(Protocol):
    """Tells the time and calls back at an instant."""

    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""

    def call_at(self, when: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` on the event loop at `when`, at once if that has passed."""


class _SystemTimer:
    def __init__(self, clock: "SystemClock", when: int, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._when = when
        self._callback = callback
        self._arm()

    def _arm(self) -> None:
        delay = max(0, self._when - self._clock.now()) / SECOND
        self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        # Some loops fire up to a millisecond early, and the wall clock may have been set back:
        # whoever is woken must find that its instant has come, or it would sleep for ever.
        if self._clock.now() < self._when:
            self._arm()
        else:
            self._callback()

    def cancel(self) -> None:
        self._handle.cancel()


class SystemClock:
    """The time of the machine."""

    now = staticmethod(time.time_ns)

    def call_at(self, when: int, callback: Callable[[], None]) -> Timer:
        return _SystemTimer(self, when, callback)


class _VirtualTimer:
    __slots__ = ("callback", "cancelled")

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualClock:
    """A clock that stands still until `advance` moves it."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = from_datetime(start)
        self._numbers = itertools.count()
        self._timers: list[tuple[int, int, _VirtualTimer]] = []
        self._quiescence: list[Callable[[], Awaitable[None]]] = []
        self._fires_soon = False
        self.is_moving = False

    def now(self) -> int:
        return self._now

    def call_at(self, when: int, callback: Callable[[], None]) -> Timer:
        timer = _VirtualTimer(callback)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        if when <= self._now and not self._fires_soon:
            self._fires_soon = True
            asyncio.get_running_loop().call_soon(self._fire_what_is_due)
        return timer

    def wait_for(self, quiet: Callable[[], Awaitable[None]]) -> None:
        """Await `quiet()` before each step of `advance`: its owner has nothing due or in flight."""
        self._quiescence.append(quiet)

    async def advance(self, span: timedelta) -> None:
        """Step from due time to due time up to now + `span`; each due action has then happened."""
        await self.advance_to(self._now + from_timedelta(span))

    async def advance_to(self, target: int) -> None:
        """Advance to an instant, in nanoseconds since the epoch.

        Raises:
            RuntimeError: the clock is moving; `is_moving` says so before.
        """
        if self.is_moving:
            raise RuntimeError("the clock is being advanced already")
        self.is_moving = True
        try:
            await self._settle()
            while (when := self._next()) is not None and when <= target:
                self._now = max(self._now, when)
                self._fire_next()
                await self._settle()
            self._now = max(self._now, target)
            await self._settle()
        finally:
            self.is_moving = False

    async def _settle(self) -> None:
        while True:
            for _ in range(3):  # a callback's own callbacks run on the next turns of the loop
                await asyncio.sleep(0)
            for quiet in self._quiescence:
                await quiet()
            if not self._fires_soon:
                return

    def _next(self) -> int | None:
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _fire_next(self) -> None:
        heapq.heappop(self._timers)[2].callback()

    def _fire_what_is_due(self) -> None:
        self._fires_soon = False
        last = next(self._numbers)  # what a callback sets for now has its turn later
        while (when := self._next()) is not None and when <= self._now:
            if self._timers[0][1] > last:
                self._fires_soon = True
                asyncio.get_running_loop().call_soon(self._fire_what_is_due)
                return
            self._fire_next()


def from_datetime(instant: datetime) -> int:
    """Nanoseconds since the Unix epoch of an aware `instant`, exact to the microsecond."""
    span = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return from_timedelta(span)


def from_timedelta(span: timedelta) -> int:
    """`span` in nanoseconds."""
    return (span.days * 86_400 + span.seconds) * SECOND + span.microseconds * 1_000


def to_datetime(instant: int) -> datetime:
    """The aware UTC datetime of `instant`, cut to the microsecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant // 1_000)


def to_text(instant: int, digits: int = 7) -> str:
    """RFC 3339 in UTC with `Z` and, as Azure writes times, 7 digits of a second's fraction."""
    seconds, nanoseconds = divmod(instant, SECOND)
    fraction = f".{nanoseconds:09d}"[: digits + 1] if digits else ""
    return f"{_whole_seconds(seconds)}{fraction}Z"


# Nearly all texts are of a moment ago: they share their seconds.
@lru_cache(maxsize=64)
def _whole_seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def to_dotnet_text(instant: int) -> str:
    """As .NET puts a time into a message: `1/31/2026 9:05:00 PM`, in UTC."""
    at = to_datetime(instant)
    half = "AM" if at.hour < 12 else "PM"  # not %p, which follows the locale
    return f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at:%M:%S} {half}"
