"""Does a process of load stay awake, and know how long it had nothing to do?"""

import asyncio
import itertools

from bench.awake import Awake


async def test_turns_in_which_nothing_is_done_were_idle() -> None:
    load = Awake(lambda: "the same", itertools.count().__next__)
    with load:
        for _ in range(5):
            await asyncio.sleep(0)
    assert load.idle_seconds == 5


async def test_turns_in_which_something_is_done_were_not() -> None:
    load = Awake(itertools.count().__next__, itertools.count().__next__)
    with load:
        for _ in range(5):
            await asyncio.sleep(0)
    assert load.idle_seconds == 0


async def test_afterwards_the_loop_may_sleep_again() -> None:
    turns = itertools.count()
    with Awake(lambda: None, turns.__next__):
        await asyncio.sleep(0)
    told = next(turns)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert next(turns) == told + 1
