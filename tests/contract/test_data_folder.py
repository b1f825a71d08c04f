"""The files of the SQLite store: what they keep, who may open them, and which are refused."""

import asyncio
import multiprocessing
import os
import stat
from pathlib import Path

import apsw
import msgspec
import pytest

from switchhook.errors import StartError, StoreError
from switchhook.grid.ports import (
    Cursor,
    LogExtent,
    MoveWatermark,
    Put,
    PutCursor,
    PutWaiting,
    hash_of_id,
)
from switchhook.stores.body_files import BodySettings
from switchhook.stores.connections import MIGRATIONS, VERSION
from switchhook.stores.data_folder import claim
from switchhook.stores.id_hashes import add
from switchhook.stores.packed_rows import pack
from switchhook.stores.sqlite import SqliteStore
from tests.contract.conftest import IN_FILES, IN_ROWS
from tests.contract.values import a_batch, a_delivery, hashes


def modes(folder: Path) -> dict[str, int]:
    """The permissions of every file; those of the folder itself are named `.`."""
    files = [folder, *folder.iterdir()]
    return {str(file.relative_to(folder)): stat.S_IMODE(file.stat().st_mode) for file in files}


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of every file."""
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


@pytest.mark.parametrize("bodies", [IN_ROWS, IN_FILES])
async def test_everything_is_there_after_a_restart(folder: Path, bodies: BodySettings) -> None:
    """The log, the records and the delivery state."""
    cursor, delivery = Cursor(subscription="s2", position=1), a_delivery(0)
    async with SqliteStore.open(folder, bodies=bodies) as store:
        changes = (
            Put("c", "k", b"v"),
            MoveWatermark(2),
            PutCursor(cursor),
            PutWaiting(delivery),
        )
        await store.commit(changes, (a_batch(b"[1,2]", 2, published_at=7), a_batch(b"[3]")))
        record, read = await store.get("c", "k"), await store.read_from(0)

    async with SqliteStore.open(folder) as store:
        assert await store.get("c", "k") == record
        assert await store.read_from(0) == read
        assert await store.watermark() == 2
        assert await store.cursors() == [cursor]
        assert await store.waiting("s1") == [delivery]
        assert store.extent() == LogExtent(first=0, end=3, size=8, oldest_published_at=7)


@pytest.mark.parametrize("commits", [3, 32, 33, 70])
async def test_events_are_found_by_id_after_a_restart(folder: Path, commits: int) -> None:
    """Those near the end of the log, those before, and both once more after a trim."""
    large = b"x" * (256 << 10)  # a row of its own, 32 of which are 8 MiB
    async with SqliteStore.open(folder) as store:
        for number in range(commits):
            ids = hashes("a", f"id-{number}")
            await store.commit((), (a_batch(count=2), a_batch(large, count=2, id_hashes=ids)))
        await store.trim(4)
    everywhere = [4 * number + 2 for number in reversed(range(1, commits))]

    for _ in range(2):
        async with SqliteStore.open(folder) as store:
            assert await store.find(hash_of_id("a"), limit=1000) == everywhere
            assert await store.find(hash_of_id("id-2")) == [11]
            assert await store.find(hash_of_id("id-0")) == []


def test_hashes_of_many_small_rows_become_a_block() -> None:
    """A restart must not read a million rows, however small they are."""
    (row,) = pack([a_batch(id_hashes=hashes("a"))])
    recent = add(None, 0, row)
    for position in range(1, 1023):
        recent = add(recent, position, row)

    assert [recent.is_full, add(recent, 1023, row).is_full] == [False, True]


async def test_positions_go_on_after_everything_was_trimmed_and_a_restart(folder: Path) -> None:
    """A position is never used twice, or a stale cursor would hide new events."""
    async with SqliteStore.open(folder) as store:
        await store.commit((), (a_batch(count=5),))
        await store.trim(5)

    async with SqliteStore.open(folder) as store:
        assert store.extent() == LogExtent(first=5, end=5, size=0, oldest_published_at=None)
        assert await store.commit((), (a_batch(),)) == 5


async def test_folder_of_the_first_version_keeps_what_it_has(folder: Path) -> None:
    """Events, records, cursors and waiting deliveries that the first release wrote."""
    write_version_1(folder)

    async with SqliteStore.open(folder) as store:
        (read,) = await store.read_from(0)
        (due,) = await store.due(10, 10)
        record = await store.get("c", "k")
        assert (read.end, read.batch.body, read.batch.traceparent) == (7, b"[1,2]", "")
        assert due == a_delivery(5, last_outcome="Busy", last_status_code=503, last_attempt_at=9)
        assert record is not None
        assert (record.value, await store.watermark()) == (b"v", 7)
        assert await store.cursors() == [Cursor(subscription="s1", position=6)]
        assert await store.find(hash_of_id("a")) == []
        await store.commit((), (a_batch(id_hashes=hashes("a")),))
        assert await store.find(hash_of_id("a")) == [7]


def write_version_1(folder: Path) -> None:
    """A database as the first release left it."""
    folder.mkdir(parents=True)
    connection = apsw.Connection(str(folder / "switchhook.db"))
    connection.execute(MIGRATIONS[0])
    connection.pragma("user_version", 1)
    packed = msgspec.msgpack.encode([["t1", "EventGridSchema", 1, 2, b"[1,2]"]])
    waiting = ("s1", 5, 0, 1, "t1", "EventGridSchema", 1, b"[1]", 1, 10, "Busy", 503, 9)
    for statement, values in (
        ("INSERT INTO log VALUES (5, 2, 1, 5, 0, ?)", (packed,)),
        ("INSERT INTO records VALUES ('c', 'k', ?, 1, 0)", (b"v",)),
        ("INSERT INTO cursors VALUES ('s1', 0, 6)", ()),
        ("INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", waiting),
        ("UPDATE progress SET watermark = 7, log_end = 5", ()),
    ):
        connection.execute(statement, values)
    connection.close()


async def test_commits_that_nobody_awaits_any_more_are_finished_by_close(folder: Path) -> None:
    """What was submitted before the close is durable after it."""
    async with SqliteStore.open(folder) as store:
        tasks = [asyncio.create_task(store.commit((), (a_batch(),))) for _ in range(10)]
        await asyncio.sleep(0)

    async with SqliteStore.open(folder) as store:
        assert store.extent().end == 10
    assert [await task for task in tasks] == list(range(10))


async def test_closed_store_refuses_commits(folder: Path) -> None:
    """With an error that a caller may handle like any other of the store."""
    async with SqliteStore.open(folder) as store:
        pass

    with pytest.raises(StoreError, match="closed"):
        await store.commit()


async def test_clean_close_leaves_one_database_file(folder: Path) -> None:
    """Nothing in a write-ahead log: the file can be copied as it is."""
    async with SqliteStore.open(folder) as store:
        await store.commit((Put("c", "k", b"v"),))

    assert set(modes(folder)) == {".", "switchhook.db", "switchhook.lock"}


async def test_files_are_private_to_their_owner(folder: Path) -> None:
    """They hold keys and personal data."""
    async with SqliteStore.open(folder) as store:
        await store.commit((Put("c", "k", b"v"),))
        found = modes(folder)

    assert found.pop(".") == 0o700
    assert found == dict.fromkeys(
        ["switchhook.db", "switchhook.db-shm", "switchhook.db-wal", "switchhook.lock"], 0o600
    )


async def test_folder_of_a_newer_version_is_refused_untouched(folder: Path) -> None:
    """The message names both versions and the way out."""
    async with SqliteStore.open(folder):
        pass
    connection = apsw.Connection(str(folder / "switchhook.db"))
    connection.pragma("user_version", VERSION + 1)
    connection.close()
    before = snapshot(folder)

    with pytest.raises(StartError) as refused:
        await SqliteStore.open(folder).__aenter__()

    assert snapshot(folder) == before
    assert f"version {VERSION + 1}" in str(refused.value)
    assert f"up to {VERSION}" in str(refused.value)
    assert "--data" in str(refused.value)


async def test_second_opener_in_the_same_process_is_refused(folder: Path) -> None:
    """The lock is taken per opening, not per process."""
    async with SqliteStore.open(folder):
        with pytest.raises(StartError, match=f"{folder} is in use by process {os.getpid()}"):
            await SqliteStore.open(folder).__aenter__()


def _claim(folder: Path) -> str:
    try:
        with claim(folder, VERSION):
            return "claimed"
    except StartError as error:
        return str(error)


async def test_second_process_is_refused_until_the_first_has_closed(folder: Path) -> None:
    """The message names the folder and the process that has it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        async with SqliteStore.open(folder):
            meanwhile = await asyncio.to_thread(pool.apply, _claim, (folder,))
        afterwards = await asyncio.to_thread(pool.apply, _claim, (folder,))
        pool.close()
        pool.join()

    assert f"{folder} is in use by process {os.getpid()}" in meanwhile
    assert afterwards == "claimed"


@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\x00" + b"x" * 84])
async def test_file_that_is_not_a_database_is_refused_untouched(
    tmp_path: Path, content: bytes
) -> None:
    """Whatever it is, it is not ours to overwrite."""
    (tmp_path / "switchhook.db").write_bytes(content)
    before = snapshot(tmp_path)

    with pytest.raises(StartError, match=r"switchhook\.db|version"):
        await SqliteStore.open(tmp_path).__aenter__()
    assert snapshot(tmp_path) == before


async def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file where the folder should be, for example."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StartError, match=r"cannot be used.*--data"):
        await SqliteStore.open(tmp_path / "file" / "data").__aenter__()
