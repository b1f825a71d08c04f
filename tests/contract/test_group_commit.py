"""How the SQLite store groups commits, packs rows and keeps its files small."""

import asyncio
from importlib.resources import files
from pathlib import Path

import pytest

from switchhook.errors import ConflictError
from switchhook.grid.ports import Delete, LogExtent, Put
from switchhook.stores.queries import load_queries
from switchhook.stores.sqlite import SqliteStore
from tests.contract.conftest import IN_ROWS
from tests.contract.faulty_disk import FaultyDisk
from tests.contract.values import a_batch


async def test_commits_of_one_turn_share_a_sync(
    sqlite_store: SqliteStore, disk: FaultyDisk
) -> None:
    """A sync costs more than all else: a hundred callers pay for one."""
    await sqlite_store.commit((), (a_batch(),))
    before = disk.syncs

    await asyncio.gather(*(sqlite_store.commit((), (a_batch(),)) for _ in range(100)))

    assert disk.syncs - before == 1


async def test_commit_alone_is_synced_before_it_returns(
    sqlite_store: SqliteStore, disk: FaultyDisk
) -> None:
    """Every one of them, not every now and then."""
    await sqlite_store.commit((), (a_batch(),))
    before = disk.syncs

    for _ in range(5):
        await sqlite_store.commit((), (a_batch(),))

    assert disk.syncs - before == 5


async def test_group_is_bounded(sqlite_store: SqliteStore, disk: FaultyDisk) -> None:
    """Ten commits of a mebibyte are not one transaction."""
    await sqlite_store.commit((), (a_batch(),))
    before = disk.syncs

    batch = a_batch(b"x" * (1 << 20))
    await asyncio.gather(*(sqlite_store.commit((), (batch,)) for _ in range(10)))

    assert disk.syncs - before >= 3


async def test_events_do_not_wait_for_the_many_changes_of_a_later_commit(
    sqlite_store: SqliteStore, disk: FaultyDisk
) -> None:
    """Thousands of rows of a checkpoint are a group of their own."""
    await sqlite_store.commit((), (a_batch(),))
    before = disk.syncs
    many = [Put("c", str(number), b"v") for number in range(1_001)]

    await asyncio.gather(
        sqlite_store.commit((), (a_batch(),)),
        sqlite_store.commit(many),
        sqlite_store.commit((), (a_batch(),)),
    )

    assert disk.syncs - before == 3
    assert len(await sqlite_store.scan("c")) == 1_001


async def test_large_group_is_read_as_it_was_appended(sqlite_store: SqliteStore) -> None:
    """Batches of every size, packed into rows of different lengths."""
    bodies = [b"x" * (size << 10) for size in (1, 300, 1, 100, 200, 1, 1024, 1)]
    await sqlite_store.commit((), [a_batch(body, 2) for body in bodies])

    read = await sqlite_store.read_from(0, max_bytes=4 << 20)

    assert [appended.batch.body for appended in read] == bodies
    assert [appended.first for appended in read] == list(range(0, 16, 2))
    assert [appended.first for appended in await sqlite_store.read_from(7, max_bytes=1)] == [6]


async def test_trim_of_many_bytes_removes_them_all(sqlite_store: SqliteStore) -> None:
    """It takes several transactions, so that commits in between do not wait."""
    for _ in range(6):
        await sqlite_store.commit((), [a_batch(b"x" * (1 << 20)) for _ in range(4)])

    assert await sqlite_store.trim(23) == 23
    assert sqlite_store.extent() == LogExtent(first=23, end=24, size=1 << 20, oldest_published_at=1)


async def test_write_ahead_log_starts_again(sqlite_store: SqliteStore, folder: Path) -> None:
    """It does not grow with the database: 72 MiB of events pass through less than 32."""
    for _ in range(18):
        await sqlite_store.commit((), [a_batch(b"x" * (1 << 20)) for _ in range(4)])

    assert (folder / "switchhook.db-wal").stat().st_size < 32 << 20


async def test_commits_go_on_while_the_write_ahead_log_is_copied(
    sqlite_store: SqliteStore, disk: FaultyDisk
) -> None:
    """A publisher does not wait for a checkpoint, however slow the disk is."""
    with disk.database_hangs():
        for _ in range(4):  # the fourth takes the write-ahead log past the size to copy it at
            await sqlite_store.commit((), [a_batch(b"x" * (1 << 20)) for _ in range(4)])

        assert await asyncio.wait_for(sqlite_store.commit((), (a_batch(),)), 5) == 16


async def test_commits_that_outrun_the_copying_wait_for_it(
    sqlite_store: SqliteStore, disk: FaultyDisk, folder: Path
) -> None:
    """The write-ahead log is bounded, whatever the disk does."""
    sizes: list[int] = []
    all_ended = asyncio.Event()

    def ended(error: Exception | None) -> None:
        sizes.append((folder / "switchhook.db-wal").stat().st_size)
        if len(sizes) == 12:
            all_ended.set()

    with disk.database_hangs():
        for _ in range(12):
            sqlite_store.submit((), [a_batch(b"x" * (1 << 20)) for _ in range(4)], None, ended)
        while not sizes or sizes[-1] < 24 << 20:
            await sqlite_store.get("c", "k")
            await asyncio.sleep(0)
    await asyncio.wait_for(all_ended.wait(), 30)

    assert max(sizes) < 32 << 20


async def test_store_closed_while_it_copies_keeps_everything(
    folder: Path, disk: FaultyDisk
) -> None:
    """Closing waits for the copying, and leaves one file."""
    async with SqliteStore.open(folder, vfs=disk.name, bodies=IN_ROWS) as store:
        with disk.database_hangs():
            for _ in range(4):
                await store.commit((), [a_batch(b"x" * (1 << 20)) for _ in range(4)])

    assert not (folder / "switchhook.db-wal").exists()
    async with SqliteStore.open(folder) as store:
        assert store.extent().end == 16
        assert len(await store.read_from(0, max_bytes=32 << 20)) == 16


async def test_commit_that_cannot_be_stored_harms_nobody_else(sqlite_store: SqliteStore) -> None:
    """Half of a surrogate pair has no UTF-8; its neighbours in the group have."""
    results = await asyncio.gather(
        sqlite_store.commit((Put("c", "before", b""),), (a_batch(b"[1]"),)),
        sqlite_store.commit((Put("c", "half", b""), Put("c", "\ud800", b"")), (a_batch(b"[2]"),)),
        sqlite_store.commit((Put("c", "after", b""),), (a_batch(b"[3]"),)),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [int, UnicodeEncodeError, int]
    assert [record.key for record in await sqlite_store.scan("c")] == ["after", "before"]
    assert [appended.first for appended in await sqlite_store.read_from(0)] == [0, 1]


async def test_commits_of_many_records_fail_alone(sqlite_store: SqliteStore) -> None:
    """One on a condition, one in the middle of what it writes; each sees what came before it."""
    many = [Put("c", f"{number:02}", b"1") for number in range(50)]

    results = await asyncio.gather(
        sqlite_store.commit(many),
        sqlite_store.commit((*many, Put("c", "new", b"2"), Put("c", "49", b"2", expected=2))),
        sqlite_store.commit((*many, Put("c", "\ud800", b"3"))),
        sqlite_store.commit((Put("c", "00", b"4", expected=1), *many[1:], Delete("c", "49"))),
        sqlite_store.commit((Delete("c", "00"), Put("c", "00", b"5"), Put("c", "49", b"5"))),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [
        int,
        ConflictError,
        UnicodeEncodeError,
        int,
        int,
    ]
    found = {each.key: (each.value, each.revision) for each in await sqlite_store.scan("c")}
    assert found.pop("00") == found.pop("49") == (b"5", 1)
    assert set(found) == {f"{number:02}" for number in range(1, 49)}
    assert set(found.values()) == {(b"1", 2)}


async def test_number_too_large_for_a_trim_harms_nobody_else(sqlite_store: SqliteStore) -> None:
    """The writer survives every argument."""
    with pytest.raises(OverflowError):
        await sqlite_store.trim(1 << 80)

    assert await sqlite_store.commit() == 0


@pytest.mark.parametrize("file", ["log.sql", "records.sql", "delivery_state.sql", "attempts.sql"])
def test_every_query_is_named_and_explained(file: str) -> None:
    """Each statement of a file is loaded, under a name of its own."""
    text = files("switchhook.stores").joinpath("queries", file).read_text("utf-8")

    queries = load_queries(file)

    assert len(queries) == text.count(";\n") == text.count("\n\n") + 1
    assert all(query.endswith(";") for query in queries.values())
