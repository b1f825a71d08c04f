"""Does time move as it is told to, and read as Azure writes it?"""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import (
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    SystemClock,
    VirtualClock,
    from_datetime,
    from_timedelta,
    to_datetime,
    to_text,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class _SteppedClock(SystemClock):
    """The machine's clock, set back or forward by hand."""

    def __init__(self) -> None:
        self.offset = 0

    def now(self) -> int:
        return super().now() + self.offset


# --- instants ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "digits", "text"),
    [
        (0, 7, "1970-01-01T00:00:00.0000000Z"),
        (0, 0, "1970-01-01T00:00:00Z"),
        (1, 9, "1970-01-01T00:00:00.000000001Z"),
        (from_datetime(START) + 123_456_789, 7, "2026-03-01T12:00:00.1234567Z"),
        (from_datetime(START) + 999_999_999, 3, "2026-03-01T12:00:00.999Z"),
        (from_datetime(START) + 999_999_999, 0, "2026-03-01T12:00:00Z"),
    ],
)
def test_instants_are_written_with_the_digits_asked_for(
    instant: int, digits: int, text: str
) -> None:
    """The fraction is cut, so that no text is later than its instant."""
    assert to_text(instant, digits) == text


def test_instants_are_written_with_seven_digits_by_default() -> None:
    """As in the samples of the service."""
    assert to_text(from_datetime(START)) == "2026-03-01T12:00:00.0000000Z"


def test_units_are_nanoseconds() -> None:
    """Every instant is a whole number of them."""
    assert (MILLISECOND, SECOND, MINUTE, HOUR) == (10**6, 10**9, 60 * 10**9, 3600 * 10**9)
    assert from_timedelta(timedelta(days=1, seconds=2, microseconds=3)) == 86_402_000_003_000
    assert from_timedelta(timedelta(seconds=-1)) == -SECOND


def test_the_zone_of_a_datetime_counts() -> None:
    """Noon in one zone is ten o'clock in another."""
    east = timezone(timedelta(hours=2))

    assert from_datetime(datetime(2026, 3, 1, 14, tzinfo=east)) == from_datetime(START)


@given(st.datetimes(timezones=st.just(UTC)))
def test_datetimes_survive_the_way_there_and_back(instant: datetime) -> None:
    """To the microsecond, before 1970 too."""
    assert to_datetime(from_datetime(instant)) == instant


# --- the virtual clock -------------------------------------------------------------------------


async def test_virtual_time_stands_still_until_it_is_moved() -> None:
    """It begins where it is told to."""
    clock = VirtualClock(START)
    before = clock.now()

    await clock.advance(timedelta(minutes=5))

    assert before == from_datetime(START)
    assert clock.now() == before + 5 * MINUTE


async def test_timers_fire_in_the_order_of_their_instants() -> None:
    """Each sees its own instant as the present; equal ones keep the order of their setting."""
    clock = VirtualClock(START)
    start = clock.now()
    fired: list[tuple[str, int]] = []

    def fire(name: str) -> None:
        fired.append((name, (clock.now() - start) // SECOND))

    for name, after in (("c", 3), ("a", 1), ("b1", 2), ("b2", 2), ("late", 11)):
        clock.call_at(start + after * SECOND, partial(fire, name))

    await clock.advance(timedelta(seconds=10))

    assert fired == [("a", 1), ("b1", 2), ("b2", 2), ("c", 3)]


async def test_timer_that_is_exactly_due_fires() -> None:
    """The end of the span belongs to it."""
    clock = VirtualClock(START)
    fired: list[str] = []
    clock.call_at(clock.now() + SECOND, lambda: fired.append("x"))

    await clock.advance(timedelta(seconds=1))

    assert fired == ["x"]


async def test_timer_of_the_past_fires_without_moving_time_back() -> None:
    """It was due at once."""
    clock = VirtualClock(START)
    seen: list[int] = []
    clock.call_at(clock.now() - HOUR, lambda: seen.append(clock.now()))

    await clock.advance(timedelta())

    assert seen == [from_datetime(START)]


async def test_cancelled_timer_does_not_fire() -> None:
    """Cancelling twice, or after the fact, is no mistake."""
    clock = VirtualClock(START)
    fired: list[str] = []
    cancelled = clock.call_at(clock.now() + SECOND, lambda: fired.append("cancelled"))
    kept = clock.call_at(clock.now() + SECOND, lambda: fired.append("kept"))
    cancelled.cancel()
    cancelled.cancel()

    await clock.advance(timedelta(seconds=1))
    kept.cancel()

    assert fired == ["kept"]


async def test_timer_that_a_timer_sets_fires_within_the_same_span() -> None:
    """A chain of retries needs one call of `advance`."""
    clock = VirtualClock(START)
    fired: list[int] = []

    def again() -> None:
        fired.append(clock.now())
        clock.call_at(clock.now() + 10 * SECOND, again)

    clock.call_at(clock.now(), again)
    await clock.advance(timedelta(seconds=30))

    assert len(fired) == 4


async def test_advance_waits_for_what_it_set_off() -> None:
    """Before time goes on, whoever registered says that it is quiet."""
    clock = VirtualClock(START)
    work: list[asyncio.Task[None]] = []
    done: list[int] = []

    async def take_turns() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        done.append(clock.now())

    async def quiet() -> None:
        while work:
            await work.pop()

    def start_working() -> None:
        work.append(asyncio.ensure_future(take_turns()))

    clock.wait_for(quiet)
    when = clock.now() + SECOND
    clock.call_at(when, start_working)
    await clock.advance(timedelta(minutes=1))

    assert done == [when]


# --- the machine's clock -----------------------------------------------------------------------


async def test_system_clock_calls_back() -> None:
    """At once for an instant that has passed."""
    clock = SystemClock()
    past, soon = asyncio.Event(), asyncio.Event()

    clock.call_at(clock.now() - HOUR, past.set)
    clock.call_at(clock.now() + 5 * MILLISECOND, soon.set)
    async with asyncio.timeout(5):
        await past.wait()
        await soon.wait()


async def test_system_timer_can_be_cancelled() -> None:
    """A later timer fires, the cancelled one has not."""
    clock = SystemClock()
    fired: list[str] = []
    later = asyncio.Event()
    timer = clock.call_at(clock.now() + MILLISECOND, lambda: fired.append("cancelled"))
    timer.cancel()

    clock.call_at(clock.now() + 5 * MILLISECOND, later.set)
    async with asyncio.timeout(5):
        await later.wait()

    assert fired == []


async def test_system_timer_waits_on_when_the_clock_was_set_back() -> None:
    """It is the wall clock that counts, not the time that went by."""
    clock = _SteppedClock()
    fired: list[int] = []
    done = asyncio.Event()
    when = clock.now() + 5 * MILLISECOND

    def fire() -> None:
        fired.append(clock.now())
        done.set()

    clock.call_at(when, fire)
    clock.offset = -20 * MILLISECOND
    async with asyncio.timeout(5):
        await done.wait()

    assert fired[0] >= when - MILLISECOND


async def test_system_timer_never_fires_before_its_instant() -> None:
    """Loops may: whoever is woken must find that the instant has come."""
    loop = uvloop.new_event_loop()

    def measure() -> list[int]:
        early: list[int] = []
        clock = SystemClock()

        async def run() -> None:
            fired = asyncio.Event()
            left = 200

            def note(when: int) -> None:
                nonlocal left
                early.append(max(0, when - clock.now()))
                left -= 1
                if not left:
                    fired.set()

            start = clock.now()
            for number in range(200):
                when = start + 5 * MILLISECOND + number * 37_777
                clock.call_at(when, partial(note, when))
            await asyncio.wait_for(fired.wait(), 10)

        try:
            loop.run_until_complete(run())
        finally:
            loop.close()
        return early

    assert set(await asyncio.to_thread(measure)) == {0}
