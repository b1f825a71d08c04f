"""Commits that fail on purpose, and a store whose reads take their time."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

from switchhook.errors import CommitUnknownError, ConflictError, StoreError, StoreFullError
from switchhook.grid.ports import Batch, Change, Record
from switchhook.stores.memory import MemoryStore

# What comes of a commit: it is made and answered, it fails, or it is made and the answer is lost.
Fault = Callable[[], Exception] | None


def full() -> Exception:
    """Nothing was written: no room."""
    return StoreFullError("no room")


def conflict() -> Exception:
    """Nothing was written: somebody else was there."""
    return ConflictError("another revision")


def failed() -> Exception:
    """Nothing was written."""
    return StoreError("the store cannot write")


def unknown() -> Exception:
    """Nobody knows whether it was written."""
    return CommitUnknownError("the store failed while committing")


def seeded(seed: int) -> random.Random:
    """Randomness that a test can repeat."""
    return random.Random(seed)  # noqa: S311 - nothing secret hangs on it


class FaultyCommit:
    """Commits to a store; `faults` says which numbers of commits fail, counted from 1.

    The ones in `durable` are made all the same. `gate` holds commits up, once it is closed.
    """

    def __init__(self, store: MemoryStore, faults: dict[int, Fault] | None = None) -> None:
        self.store = store
        self.faults = faults or {}
        self.durable: set[int] = set()
        self.count = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.conflicts = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def fail(self, *faults: Fault) -> None:
        """The next commits fail so; None does not."""
        self.faults |= dict(enumerate(faults, self.count + 1))

    async def __call__(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        self.count += 1
        number = self.count
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._commit(number, changes, batches)
        except ConflictError:
            self.conflicts += 1
            raise
        finally:
            self.in_flight -= 1

    async def _commit(
        self, number: int, changes: Sequence[Change], batches: Sequence[Batch]
    ) -> int:
        await self.gate.wait()
        fault = self.faults.get(number)
        if fault is None:
            return await self.store.commit(changes, batches)
        if number in self.durable:
            await self.store.commit(changes, batches)
        raise fault()


class RandomCommit(FaultyCommit):
    """Fails at random, at random moments, after random delays; `chance` is 0 for never."""

    def __init__(self, store: MemoryStore, randomness: random.Random, chance: float) -> None:
        super().__init__(store)
        self._random = randomness
        self.chance = chance

    async def _commit(
        self, number: int, changes: Sequence[Change], batches: Sequence[Batch]
    ) -> int:
        if self._random.random() >= self.chance:
            return await self.store.commit(changes, batches)
        fault = self._random.choice((full, conflict, failed, unknown, None))
        is_durable = fault in (unknown, None) and self._random.random() < 0.5
        await self._pause()
        if is_durable or fault is None:
            await self.store.commit(changes, batches)
        await self._pause()
        if fault is not None:
            raise fault()
        return 0

    async def _pause(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


class SlowStore(MemoryStore):
    """A store whose reads let others have their turn, before and after."""

    def __init__(self, randomness: random.Random) -> None:
        super().__init__()
        self._random = randomness

    async def get(self, collection: str, key: str) -> Record | None:
        await self._pause()
        record = await super().get(collection, key)
        await self._pause()
        return record

    async def scan(self, collection: str, **options: Any) -> list[Record]:
        await self._pause()
        records = await super().scan(collection, **options)
        await self._pause()
        return records

    async def _pause(self) -> None:
        for _ in range(self._random.randrange(3)):
            await asyncio.sleep(0)
