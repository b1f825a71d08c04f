"""Is it known which pieces of work have something to do?"""

import asyncio

from switchhook.background import Background
from switchhook.clock import MINUTE, VirtualClock
from switchhook.grid.validate_endpoint import sleep


async def turns(count: int = 3) -> None:
    """Let what can run, run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_work_is_busy_from_its_beginning_to_its_end() -> None:
    """Also before it has run for the first time."""
    background, end = Background(), asyncio.Event()

    async def work() -> None:
        await end.wait()

    background.spawn(work())
    at_once = background.is_busy
    await turns()
    inside = background.is_busy
    end.set()
    await background.quiet()

    assert (at_once, inside, background.is_busy) == (True, True, False)


async def test_work_that_sleeps_on_the_clock_has_nothing_to_do() -> None:
    """It goes on when its instant has come."""
    background, clock = Background(), VirtualClock()
    done: list[int] = []
    start = clock.now()

    async def work() -> None:
        await sleep(clock, MINUTE, background.rest)
        done.append(clock.now())

    background.spawn(work())
    async with asyncio.timeout(5):
        await background.quiet()
    before = list(done)
    await clock.advance_to(start + MINUTE)
    await background.quiet()

    assert (before, done) == ([], [start + MINUTE])


async def test_work_that_was_woken_is_busy_before_it_runs() -> None:
    """Nobody may believe in quiet between the end of the wait and the next step."""
    background = Background()
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    background.spawn(background.rest(over))
    await background.quiet()

    over.set_result(None)

    assert background.is_busy


async def test_waiting_for_other_work_is_no_work() -> None:
    """Only who is waited for counts: two that wait for a sleeper are at rest."""
    background = Background()
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    for _ in range(2):
        background.spawn(background.rest(over))
    async with asyncio.timeout(5):
        await background.quiet()

    assert not over.done()


async def test_failed_work_ends_nothing_else() -> None:
    """The failure is logged; the next piece runs."""
    background = Background()
    done: list[str] = []

    async def fail() -> None:
        raise ValueError("on purpose")

    async def work() -> None:
        done.append("done")

    background.spawn(fail())
    background.spawn(work())
    await background.quiet()

    assert done == ["done"]


async def test_close_cancels_what_rests() -> None:
    """A server that ends waits for no clock."""
    background = Background()
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    background.spawn(background.rest(over))
    await background.quiet()
    async with asyncio.timeout(5):
        await background.close()

    assert not over.done()
