"""Bodies in files of their own: what is kept, what is deleted, and what a failing disk does."""

import asyncio
import errno
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchhook.errors import CommitUnknownError, StartError, StoreError, StoreFullError
from switchhook.grid.ports import Put, hash_of_id
from switchhook.stores import system_files
from switchhook.stores.body_files import BodySettings
from switchhook.stores.sqlite import SqliteStore
from tests.contract.conftest import IN_FILES, IN_ROWS, Failures
from tests.contract.faulty_disk import BODIES, FOLDER, WAL, FaultyDisk
from tests.contract.values import a_batch, hashes

# A file for each group.
_FILE_A_GROUP = BodySettings(large_group=0, file_bytes=1)
_LARGE = b"x" * (64 << 10)


@pytest.fixture
async def file_store(
    folder: Path, disk: FaultyDisk, failures: Failures
) -> AsyncIterator[SqliteStore]:
    """A store on the faulty disk, all bodies of which are in files."""
    bodies = BodySettings(large_group=0, files=disk.files)
    on_failure = failures.put_nowait
    async with SqliteStore.open(
        folder, vfs=disk.name, on_failure=on_failure, bodies=bodies
    ) as opened:
        yield opened


def body_files(folder: Path) -> list[str]:
    """Their names, in order."""
    return sorted(path.name for path in folder.glob("bodies-*"))


async def bodies_of(store: SqliteStore, position: int = 0) -> list[bytes]:
    """All from a position on."""
    return [each.batch.body for each in await store.read_from(position, 1 << 30)]


@pytest.mark.parametrize(
    ("sizes", "files"),
    [
        ((1_000,) * 100, 0),
        ((100_000,), 0),
        ((1_000,) * 300, 0),
        ((100_000,) * 2, 1),
        ((200_000,), 1),
        ((5_000,) * 40, 1),
    ],
)
async def test_bodies_of_large_groups_go_to_a_file(
    folder: Path, sizes: tuple[int, ...], files: int
) -> None:
    """Small groups, and very many small bodies, stay where they are found with one read."""
    batches = [a_batch(b"x" * size) for size in sizes]
    async with SqliteStore.open(folder) as store:
        await store.commit((), batches)
        assert await bodies_of(store) == [batch.body for batch in batches]

    assert len(body_files(folder)) == files


async def test_bodies_are_read_as_they_came(folder: Path) -> None:
    """Of every size, more of them than one call writes, in rows and files in turns."""
    bodies = [b"%d" % number * (number % 50) for number in range(3_000)]
    expected = []
    for settings in (IN_FILES, IN_ROWS, IN_FILES):
        async with SqliteStore.open(folder, bodies=settings) as store:
            await store.commit((), [a_batch(body, 2) for body in bodies])
            expected += bodies
            assert await bodies_of(store) == expected
            assert await bodies_of(store, 4_001) == expected[2_000:]

    assert body_files(folder) == ["bodies-00000001", "bodies-00000002"]


async def test_large_group_can_be_trimmed_as_it_is_read(folder: Path) -> None:
    """Retention forgets what it has read; a row must not hold more than that."""
    async with SqliteStore.open(folder) as store:
        await store.commit((), [a_batch(_LARGE) for _ in range(60)])
        trims = []
        while batches := await store.read_from(store.extent().first):
            trims.append(await store.trim(batches[-1].end))

    assert trims == [1, 1, 1, 1]


async def test_body_file_is_deleted_with_the_last_row_that_points_to_it(folder: Path) -> None:
    """Not before, and the one that is written to stays."""
    settings = BodySettings(large_group=0, file_bytes=3 * len(_LARGE))
    found = []
    async with SqliteStore.open(folder, bodies=settings) as store:
        for number in range(9):
            await store.commit((), (a_batch(_LARGE + b"%d" % number),))
        for before in (1, 2, 3, 5, 7, 9):
            await store.trim(before)
            found.append(len(body_files(folder)))
            assert await bodies_of(store) == [_LARGE + b"%d" % left for left in range(before, 9)]

    assert found == [3, 3, 2, 2, 1, 1]


async def test_trim_meets_neither_readers_nor_commits(folder: Path) -> None:
    """Who reads gets the bytes, or sees that the rows are gone."""
    async with SqliteStore.open(folder, bodies=_FILE_A_GROUP) as store:
        for number in range(200):
            await store.commit((), (a_batch(b"%d" % number * 100),))

        async def write() -> None:
            for number in range(200, 300):
                await store.commit((), (a_batch(b"%d" % number * 100),))

        async def trim() -> None:
            for before in range(1, 200, 3):
                await store.trim(before)

        async def read() -> None:
            while (first := store.extent().first) < 199:
                for each in await store.read_from(first):
                    assert each.batch.body == b"%d" % each.first * 100

        await asyncio.gather(write(), trim(), read(), read())

    assert len(body_files(folder)) == 101


async def test_more_files_are_read_than_are_kept_open(folder: Path) -> None:
    """Descriptors are few, however long the log is."""
    before = len(os.listdir("/dev/fd"))
    async with SqliteStore.open(folder, bodies=_FILE_A_GROUP) as store:
        for number in range(100):
            await store.commit((), (a_batch(b"%d" % number),))
        assert await bodies_of(store) == [b"%d" % number for number in range(100)]
        assert len(os.listdir("/dev/fd")) < before + 50

    assert len(os.listdir("/dev/fd")) == before


async def test_start_deletes_what_no_row_points_to(folder: Path) -> None:
    """A crash left it before its commit; its name is free again."""
    async with SqliteStore.open(folder, bodies=_FILE_A_GROUP) as store:
        await store.commit((), (a_batch(b"[1]"),))
        await store.commit((), (a_batch(b"[2]"),))
        await store.trim(1)
    for name in ("bodies-00000001", "bodies-00000003", "bodies-00000007"):
        (folder / name).write_bytes(b"left")

    async with SqliteStore.open(folder, bodies=_FILE_A_GROUP) as store:
        assert body_files(folder) == ["bodies-00000002"]
        await store.commit((), (a_batch(b"[3]"),))
        assert await bodies_of(store) == [b"[2]", b"[3]"]


async def test_start_without_a_body_file_is_refused(folder: Path) -> None:
    """The message names it and the remedy."""
    async with SqliteStore.open(folder, bodies=IN_FILES) as store:
        await store.commit((), (a_batch(),))
    (folder / "bodies-00000001").unlink()

    with pytest.raises(StartError, match=r"bodies-00000001 is missing.*restore") as refused:
        await SqliteStore.open(folder).__aenter__()
    assert "--data" in str(refused.value)


@pytest.mark.parametrize("damage", ["cut", "gone"])
async def test_body_that_cannot_be_read_is_an_error_that_names_it(
    folder: Path, damage: str
) -> None:
    """Never other bytes in its place; what is intact is still read."""
    async with SqliteStore.open(folder, bodies=_FILE_A_GROUP) as store:
        await store.commit((), (a_batch(b"[1]"),))
        await store.commit((), (a_batch(b"[2]"),))
        damaged = folder / "bodies-00000001"
        if damage == "cut":
            damaged.write_bytes(b"[")
        else:
            damaged.unlink()

        with pytest.raises(StoreError, match=r"byte 0 of .*bodies-00000001 cannot be read"):
            await store.read_from(0)
        assert await bodies_of(store, 1) == [b"[2]"]


async def test_body_files_are_private_to_their_owner(folder: Path) -> None:
    """They hold personal data."""
    async with SqliteStore.open(folder, bodies=IN_FILES) as store:
        await store.commit((), (a_batch(),))

    assert stat.S_IMODE((folder / "bodies-00000001").stat().st_mode) == 0o600


async def test_events_in_files_are_found_by_id_after_a_restart(folder: Path) -> None:
    """Their hashes are in the rows."""
    async with SqliteStore.open(folder, bodies=IN_FILES) as store:
        await store.commit((), (a_batch(id_hashes=hashes("a")), a_batch(id_hashes=hashes("b"))))

    async with SqliteStore.open(folder) as store:
        assert await store.find(hash_of_id("b")) == [1]


async def test_full_disk_refuses_bodies_and_takes_them_again_when_there_is_room(
    file_store: SqliteStore, disk: FaultyDisk, failures: Failures, folder: Path
) -> None:
    """Nothing of the refused commits is applied, and their place is written to again."""
    disk.is_full = True
    with pytest.raises(StoreFullError, match="disk is full"):
        await file_store.commit((), (a_batch(b"[0]"),))  # no file can be made
    disk.is_full = False
    await file_store.commit((), (a_batch(b"[1]"),))
    disk.is_full = True
    for _ in range(5):
        with pytest.raises(StoreFullError, match="disk is full"):
            await file_store.commit((Put("c", "k", b"v"),), (a_batch(b"x" * (2 << 20)),))
    disk.is_full = False

    assert await file_store.get("c", "k") is None
    assert await file_store.commit((), (a_batch(b"[2]"),)) == 1
    assert await bodies_of(file_store) == [b"[1]", b"[2]"]
    assert (folder / "bodies-00000001").stat().st_size == 8 << 10
    assert failures.empty()


@pytest.mark.parametrize("error", [errno.EDQUOT, errno.EFBIG])
async def test_quota_and_size_limits_are_a_full_disk(
    file_store: SqliteStore, disk: FaultyDisk, failures: Failures, error: int
) -> None:
    """The store goes on."""
    disk.breaks = error
    with pytest.raises(StoreFullError):
        await file_store.commit((), (a_batch(),))
    disk.breaks = None

    assert await file_store.commit((), (a_batch(),)) == 0
    assert failures.empty()


async def test_row_that_is_refused_leaves_its_body_to_be_written_over(
    file_store: SqliteStore, disk: FaultyDisk, failures: Failures, folder: Path
) -> None:
    """The body has room, the write-ahead log has none: the row is taken back for certain."""
    await file_store.commit((), (a_batch(b"[1]"),))
    disk.is_full = disk.has_room_for_bodies = True
    for _ in range(5):
        with pytest.raises(StoreFullError):
            await file_store.commit(
                (Put("c", "k", b"v" * (4 << 20)),), (a_batch(b"x" * (300 << 10)),)
            )
    disk.is_full = False
    await file_store.commit((), (a_batch(b"y" * (300 << 10)),))

    assert await bodies_of(file_store) == [b"[1]", b"y" * (300 << 10)]
    assert (folder / "bodies-00000001").stat().st_size == 304 << 10
    assert b"x" not in (folder / "bodies-00000001").read_bytes()
    assert failures.empty()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing goes past the cache")
async def test_file_systems_without_direct_writes_are_written_to(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """By way of the cache, as elsewhere."""
    refused = os.O_TMPFILE  # with O_CREAT, which is always there
    monkeypatch.setattr(system_files, "_DIRECT", refused)
    async with SqliteStore.open(folder, bodies=_FILE_A_GROUP) as store:
        await store.commit((), (a_batch(_LARGE),))
        assert await bodies_of(store) == [_LARGE]

    assert body_files(folder) == ["bodies-00000001"]


async def test_short_writes_go_on(file_store: SqliteStore, disk: FaultyDisk) -> None:
    """A call may write less than it was given."""
    disk.writes_at_most = 100_000
    bodies = [b"%d" % number * 50_000 for number in range(7)]
    await file_store.commit((), [a_batch(body) for body in bodies])

    assert await bodies_of(file_store) == bodies


@pytest.mark.parametrize("fails", [BODIES, FOLDER])
async def test_failed_sync_of_bodies_ends_the_store(
    file_store: SqliteStore, disk: FaultyDisk, failures: Failures, fails: str
) -> None:
    """No row is written, every commit of the group hears so, and nothing is tried again."""
    disk.fails_to_sync = fails
    results = await asyncio.gather(
        file_store.commit((), (a_batch(),)),
        file_store.commit((), (a_batch(),)),
        return_exceptions=True,
    )
    disk.fails_to_sync = None
    syncs = disk.syncs
    with pytest.raises(StoreError, match="has failed"):
        await file_store.commit()

    assert [type(result) for result in results] == [CommitUnknownError, CommitUnknownError]
    assert type(await asyncio.wait_for(failures.get(), 5)) is OSError
    assert failures.empty()
    assert (disk.syncs, disk.failed_syncs) == (syncs, 1)
    assert file_store.trouble() == "The store has failed."


async def test_broken_disk_ends_the_store(
    file_store: SqliteStore, disk: FaultyDisk, failures: Failures
) -> None:
    """Any other error than a full disk."""
    disk.breaks = errno.EIO
    with pytest.raises(CommitUnknownError):
        await file_store.commit((), (a_batch(),))

    assert type(await asyncio.wait_for(failures.get(), 5)) is OSError


async def test_bodies_of_an_unknown_outcome_are_not_written_over(
    folder: Path, disk: FaultyDisk, failures: Failures
) -> None:
    """Their row may be there: the next start goes by what the disk has, in a file of its own."""
    bodies = BodySettings(large_group=0, files=disk.files)
    async with SqliteStore.open(
        folder, vfs=disk.name, on_failure=failures.put_nowait, bodies=bodies
    ) as store:
        await store.commit((), (a_batch(b"[1]"),))
        disk.fails_to_sync = WAL
        with pytest.raises(CommitUnknownError):
            await store.commit((), (a_batch(b"[2]"),))

    async with SqliteStore.open(folder, bodies=IN_FILES) as store:
        found = await bodies_of(store)
        await store.commit((), (a_batch(b"[3]"),))
        assert found in ([b"[1]"], [b"[1]", b"[2]"])
        assert await bodies_of(store) == [*found, b"[3]"]
    assert body_files(folder) == ["bodies-00000001", "bodies-00000002"]


async def test_file_that_cannot_be_deleted_is_left_to_the_next_start(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The trim itself is done."""
    async with SqliteStore.open(folder, bodies=_FILE_A_GROUP) as store:
        await store.commit((), (a_batch(),))
        await store.commit((), (a_batch(),))
        (folder / "bodies-00000001").unlink()
        (folder / "bodies-00000001").mkdir()
        assert await store.trim(1) == 1
    (folder / "bodies-00000001").rmdir()

    assert [record.message for record in caplog.records] == ["store.file_not_deleted"]
