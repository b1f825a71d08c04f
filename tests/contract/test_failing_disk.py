"""The SQLite store on a disk that is full, or that fails to sync."""

import asyncio
from pathlib import Path

import apsw
import pytest

from switchhook.errors import CommitUnknownError, StoreError, StoreFullError
from switchhook.grid.ports import Delete, DropSubscription, Put, PutWaiting
from switchhook.stores.sqlite import SqliteStore
from tests.contract.conftest import IN_ROWS, Failures
from tests.contract.faulty_disk import DATABASE, WAL, FaultyDisk
from tests.contract.values import a_batch, a_delivery


async def test_full_disk_refuses_events_and_takes_them_again_when_there_is_room(
    sqlite_store: SqliteStore, disk: FaultyDisk, failures: Failures
) -> None:
    """Nothing of the refused commit is applied, and no restart is needed."""
    await sqlite_store.commit((), (a_batch(b"[1]"),))
    disk.is_full = True
    with pytest.raises(StoreFullError, match="disk is full"):
        await sqlite_store.commit((Put("c", "k", b"v"),), (a_batch(b"x" * (1 << 20)),))
    disk.is_full = False

    assert await sqlite_store.get("c", "k") is None
    assert await sqlite_store.commit((), (a_batch(b"[2]"),)) == 1
    assert [appended.batch.body for appended in await sqlite_store.read_from(0)] == [b"[1]", b"[2]"]
    assert failures.empty()


async def test_store_says_what_troubles_it(
    sqlite_store: SqliteStore, disk: FaultyDisk, failures: Failures
) -> None:
    """A full disk until events are taken again; a failure for ever."""
    healthy = sqlite_store.trouble()
    await sqlite_store.commit((), (a_batch(),))
    disk.is_full = True
    with pytest.raises(StoreFullError):
        await sqlite_store.commit((), (a_batch(b"x" * (1 << 20)),))
    full = sqlite_store.trouble()
    disk.is_full = False
    await sqlite_store.commit((), (a_batch(),))
    again = sqlite_store.trouble()
    disk.fails_to_sync = WAL
    with pytest.raises(CommitUnknownError):
        await sqlite_store.commit((), (a_batch(),))
    disk.fails_to_sync = None
    await asyncio.wait_for(failures.get(), 5)

    assert (healthy, full, again) == (None, "The event log or the disk is full.", None)
    assert sqlite_store.trouble() == "The store has failed."


async def test_deletions_go_on_when_the_disk_is_full(
    sqlite_store: SqliteStore, disk: FaultyDisk, failures: Failures
) -> None:
    """The write-ahead log starts again from its front for them, so that space can return."""
    await sqlite_store.commit((), (a_batch(),))
    for key in ("k", "l", "m", "n"):
        await sqlite_store.commit((Put("c", key, b"v"),))
    disk.is_full = True
    with pytest.raises(StoreFullError):
        await sqlite_store.commit((), (a_batch(b"x" * (1 << 20)),))

    await sqlite_store.commit((Delete("c", "k"),))
    assert await sqlite_store.trim(1) == 1
    assert failures.empty()


async def test_on_a_full_disk_each_commit_of_a_group_stands_for_itself(
    sqlite_store: SqliteStore, disk: FaultyDisk
) -> None:
    """A large publish in the same turn does not take a small deletion down with it."""
    for key in ("k", "l", "m", "n"):
        await sqlite_store.commit((Put("c", key, b"v"),))
    disk.is_full = True
    large = (a_batch(b"x" * (1 << 20)),)
    with pytest.raises(StoreFullError):
        await sqlite_store.commit((), large)

    results = await asyncio.gather(
        sqlite_store.commit((), large),
        sqlite_store.commit((Delete("c", "k"),)),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [StoreFullError, int]


async def test_failed_sync_leaves_the_outcome_open_and_ends_the_store(
    sqlite_store: SqliteStore, disk: FaultyDisk, failures: Failures
) -> None:
    """Every commit of the group hears so, `on_failure` is called once, nothing is tried again."""
    await sqlite_store.commit((), (a_batch(),))
    called: list[int] = []
    disk.fails_to_sync = WAL
    results = await asyncio.gather(
        sqlite_store.commit((), (a_batch(),), called.append),
        sqlite_store.commit((), (a_batch(),), called.append),
        return_exceptions=True,
    )
    syncs = disk.syncs
    disk.fails_to_sync = None
    with pytest.raises(StoreError, match="has failed") as later:
        await sqlite_store.commit()

    assert [type(result) for result in results] == [CommitUnknownError, CommitUnknownError]
    assert called == []
    assert type(await asyncio.wait_for(failures.get(), 5)) is apsw.IOError
    assert failures.empty()
    assert type(later.value) is StoreError
    assert disk.syncs == syncs


async def test_submitted_commits_of_a_failed_sync_end_with_its_error(
    sqlite_store: SqliteStore, disk: FaultyDisk
) -> None:
    """Nobody is told that an event is durable when nobody knows."""
    await sqlite_store.commit((), (a_batch(),))
    durable: list[int] = []
    ended: asyncio.Queue[Exception | None] = asyncio.Queue()
    disk.fails_to_sync = WAL
    for _ in range(2):
        sqlite_store.submit((), (a_batch(),), durable.append, ended.put_nowait)
    errors = [await asyncio.wait_for(ended.get(), 5) for _ in range(2)]

    assert [type(error) for error in errors] == [CommitUnknownError, CommitUnknownError]
    assert durable == []


async def test_store_that_failed_closes_without_writing(
    folder: Path, disk: FaultyDisk, failures: Failures
) -> None:
    """The next start reads what the disk has; what was durable before is all there."""
    async with SqliteStore.open(folder, vfs=disk.name, on_failure=failures.put_nowait) as store:
        await store.commit((Put("c", "k", b"v"),))
        disk.fails_to_sync = WAL
        with pytest.raises(CommitUnknownError):
            await store.commit((), (a_batch(),))
        syncs = disk.syncs
    assert disk.syncs == syncs

    async with SqliteStore.open(folder) as store:
        assert await store.get("c", "k") is not None


async def test_failed_sync_of_a_trim_ends_the_store(
    sqlite_store: SqliteStore, disk: FaultyDisk, failures: Failures
) -> None:
    """A trim is a transaction like any other."""
    await sqlite_store.commit((), (a_batch(),))
    disk.fails_to_sync = WAL

    with pytest.raises(CommitUnknownError):
        await sqlite_store.trim(1)
    assert type(await asyncio.wait_for(failures.get(), 5)) is apsw.IOError


async def test_failed_sync_of_a_checkpoint_ends_the_store(
    sqlite_store: SqliteStore, disk: FaultyDisk, failures: Failures
) -> None:
    """The commits before it are durable, and say so."""
    disk.fails_to_sync = DATABASE
    batches = [a_batch(b"x" * (1 << 20)) for _ in range(4)]
    # The fourth takes the write-ahead log past the size at which it is copied.
    firsts = [await sqlite_store.commit((), batches) for _ in range(4)]

    assert type(await asyncio.wait_for(failures.get(), 5)) is apsw.IOError
    assert firsts == [0, 4, 8, 12]
    with pytest.raises(StoreError, match="has failed"):
        await sqlite_store.commit()


async def test_failed_sync_of_a_checkpoint_is_not_tried_again_at_the_end(
    folder: Path, disk: FaultyDisk, failures: Failures
) -> None:
    """A second sync could succeed without the pages that the first one lost."""
    on_failure = failures.put_nowait
    async with SqliteStore.open(
        folder, vfs=disk.name, on_failure=on_failure, bodies=IN_ROWS
    ) as store:
        with disk.database_hangs():
            for _ in range(4):
                await store.commit((), [a_batch(b"x" * (1 << 20)) for _ in range(4)])
            disk.fails_to_sync = DATABASE

    assert disk.failed_syncs == 1
    assert type(await asyncio.wait_for(failures.get(), 5)) is apsw.IOError
    async with SqliteStore.open(folder) as store:
        assert store.extent().end == 16


async def test_deletion_that_was_rolled_back_drops_nobody(
    sqlite_store: SqliteStore, disk: FaultyDisk
) -> None:
    """The subscription is still there, and its progress is written."""
    await sqlite_store.commit((PutWaiting(a_delivery(1)),))
    disk.is_full = True
    with pytest.raises(StoreFullError):
        await sqlite_store.commit((DropSubscription("s1"),), (a_batch(b"x" * (1 << 20)),))
    disk.is_full = False
    await sqlite_store.commit((PutWaiting(a_delivery(2)),))

    assert await sqlite_store.waiting("s1") == [a_delivery(1), a_delivery(2)]
