"""What is due is done, whenever it is written; and not after the end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from switchhook.clock import VirtualClock
from switchhook.communication.due_work import PASS_LIMIT, DueWork, due_key
from switchhook.grid.ports import Delete, Put, Record
from switchhook.stores.memory import MemoryStore

DUE = "due"


class World(MemoryStore):
    """A store, and work that notes what it does. `gate` holds up the work and the look ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.done: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.looks = asyncio.Event()
        self.works = asyncio.Event()
        self.due_work = DueWork(DUE, records=self, clock=self.clock, work=self._work)
        self.clock.wait_for(self.due_work.quiet)

    async def _work(self, due: Sequence[Record], now: int) -> None:
        self.works.set()
        await self.gate.wait()
        self.done += [record.key.partition("/")[2] for record in due]
        await self.commit([Delete(DUE, each.key, each.revision) for each in due])

    async def scan(self, collection: str, **options: Any) -> list[Record]:
        """See Records."""
        found = await super().scan(collection, **options)
        if options["limit"] == 1:
            self.looks.set()
            await self.gate.wait()
        return found

    async def add(self, *what: str) -> None:
        """Have something due now."""
        now = self.clock.now()
        await self.commit([Put(DUE, due_key(now, each), b"{}") for each in what])
        self.due_work.expect(now)


async def test_what_becomes_due_while_a_pass_ends_is_done() -> None:
    """Though the pass has looked already for what comes next, and found nothing."""
    world = World()
    await world.add("first")
    await world.works.wait()
    world.gate.clear()
    await world.looks.wait()
    await world.add("second")
    await asyncio.sleep(0)
    world.gate.set()
    await world.clock.advance(timedelta(0))

    assert world.done == ["first", "second"]


@pytest.mark.parametrize("waits", [True, False])
async def test_nothing_is_done_after_the_close(*, waits: bool) -> None:
    """Neither what was due then nor what is written later."""
    world = World()
    if waits:
        await world.add("before")
    await world.due_work.close()
    await world.add("after")
    await world.clock.advance(timedelta(days=1))

    assert world.done == []


async def test_close_finishes_the_pass_that_runs() -> None:
    """And begins no other, whatever is left."""
    world = World()
    world.gate.clear()
    await world.add(*(f"{number:03}" for number in range(PASS_LIMIT + 1)))
    await world.works.wait()
    closing = asyncio.create_task(world.due_work.close())
    await asyncio.sleep(0)
    world.gate.set()
    await closing

    assert len(world.done) == PASS_LIMIT
