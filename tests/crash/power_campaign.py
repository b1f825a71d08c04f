"""Cut the power of a store at random writes, and see what it has on what the disk may hold."""

import asyncio
import random
from pathlib import Path

import msgspec

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Batch, Put
from switchhook.stores.body_files import BodySettings
from switchhook.stores.sqlite import SqliteStore
from tests.crash.power_cut import PowerCut, a_power_cut

# Writes and syncs before a cut: from the making of the database to its second checkpoint.
OPERATIONS = (1, 8_000)
_TOGETHER = (1, 8)  # commits at a time
_BYTES = (10, 200_000)  # of a commit
# From which size on the bodies of a group go to a file: all, as it is by default, none.
_LARGE_GROUPS = (0, 128 << 10, 1 << 40)
_FILE_BYTES = 1 << 20  # so that many files come and go before a cut
_TRIMS = 0.05  # how often events are forgotten after some commits
_COLLECTION, _KEY = "campaign", "last"


class Cut(msgspec.Struct, frozen=True):
    """What came of a cut: commits that were promised, and those that the store then had."""

    promised: int
    found: int
    problems: list[str]

    @property
    def lost(self) -> int:
        """How many were promised and are gone."""
        return max(0, self.promised - self.found)


async def cut_power(folder: Path, chance: random.Random, at: int | None = None) -> Cut:
    """Write until the cut, at a random operation unless one is given; then open what is left."""
    at = chance.randint(*OPERATIONS) if at is None else at
    large_group = chance.choice(_LARGE_GROUPS)
    with a_power_cut(at, chance) as disk:
        bodies = BodySettings(files=disk.files, large_group=large_group, file_bytes=_FILE_BYTES)
        async with SqliteStore.open(folder / "before", vfs=disk.name, bodies=bodies) as store:
            while disk.operations < at:
                await _commit_some(store, disk, chance)
                if chance.random() < _TRIMS:
                    extent = store.extent()
                    await store.trim(chance.randint(extent.first, extent.end))
        disk.restore(folder / "after")
    return await _inspect(folder / "after", disk.promised)


async def _commit_some(store: SqliteStore, disk: PowerCut, chance: random.Random) -> None:
    """Each commit has one event and a record that names its number."""

    async def commit(number: int, size: int) -> None:
        body = b'[{"number":%d,"note":"%b"}]' % (number, b"x" * size)
        batch = Batch(topic="t", schema=EventSchema.EVENT_GRID, published_at=1, body=body, count=1)
        await store.commit([Put(_COLLECTION, _KEY, b"%d" % number)], [batch])
        disk.acknowledged += 1

    first = store.extent().end
    count = chance.randint(*_TOGETHER)
    sizes = [chance.randint(*_BYTES) // chance.choice((1, 10, 100)) for _ in range(count)]
    await asyncio.gather(*(commit(first + n, size) for n, size in enumerate(sizes)))


class _Event(msgspec.Struct):
    number: int


async def _inspect(folder: Path, promised: int) -> Cut:
    async with SqliteStore.open(folder) as store:
        numbers: list[int] = []
        first = store.extent().first
        while batches := await store.read_from(first + len(numbers)):
            for appended in batches:
                events = msgspec.json.decode(appended.batch.body, type=list[_Event])
                numbers += [event.number for event in events]
        record = await store.get(_COLLECTION, _KEY)
    problems = []
    end = first + len(numbers)
    if numbers != list(range(first, end)):
        problems.append(f"the log has other events than were committed: {numbers[-5:]}")
    if (record.value if record else None) != (b"%d" % (end - 1) if end else None):
        problems.append(f"the record {record} is not of the last commit, {end - 1}")
    if end < promised:
        problems.append(f"{promised} commits were promised, {end} are there")
    return Cut(promised, end, problems)
