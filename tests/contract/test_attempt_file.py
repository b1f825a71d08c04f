"""The file of the attempt history: what a crash, damage and a bad disk do to it."""

import asyncio
import logging
import shutil
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import pytest

from switchhook.grid.ports import Attempt
from switchhook.stores.attempt_blocks import Success
from switchhook.stores.attempt_file import AttemptFile
from switchhook.stores.attempts import BLOCK, MAX_GATHERED, SqliteAttemptHistory
from tests.contract.faulty_disk import FaultyDisk
from tests.contract.values import a_failure, a_success


def modes(folder: Path) -> dict[str, int]:
    """The permissions of every file."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def copy_of(folder: Path) -> Path:
    """What another process would find if this one were killed now."""
    return Path(shutil.copytree(folder, folder.with_name("copy")))


async def test_history_is_there_after_a_restart(tmp_path: Path) -> None:
    """Whatever was noted before the end, and the budget counts it."""
    async with SqliteAttemptHistory.open(tmp_path) as history:
        history.note(a_failure(1))
        history.note(a_success(1, started_at=1 << 61))

    assert set(modes(tmp_path)) == {"attempts.db"}
    async with SqliteAttemptHistory.open(tmp_path) as history:
        assert await history.of(1) == [a_failure(1), a_success(1, started_at=1 << 61)]
    async with SqliteAttemptHistory.open(tmp_path, max_bytes=1) as history:
        history.note(a_success(2))
        assert await history.of(1) == []


async def test_attempts_are_written_by_themselves(tmp_path: Path) -> None:
    """Within a second: a crash costs no more than that."""
    (tmp_path / "data").mkdir()
    file = AttemptFile(tmp_path / "data" / "attempts.db", max_bytes=1 << 20)
    history = SqliteAttemptHistory(file, flush_seconds=0.01)
    for position in (1, 2):
        history.note(a_failure(position))
        history.flushed.clear()
        await asyncio.wait_for(history.flushed.wait(), 10)
    copy = copy_of(tmp_path / "data")
    await history.close()

    async with SqliteAttemptHistory.open(copy) as after_the_crash:
        assert await after_the_crash.of(2) == [a_failure(2)]


async def test_many_attempts_are_written_at_once(tmp_path: Path) -> None:
    """A second of heavy load must not gather in memory."""
    file = AttemptFile(tmp_path / "attempts.db", max_bytes=1 << 20)
    history = SqliteAttemptHistory(file, flush_seconds=1000)
    for position in range(BLOCK):
        history.note(a_success(position))

    await asyncio.wait_for(history.flushed.wait(), 10)
    await history.close()


class _StuckFile(AttemptFile):
    """A file on a disk that does not answer until `gate` is set."""

    gate = threading.Event()

    def add(self, successes: Sequence[Success], failures: Sequence[Attempt]) -> None:
        self.gate.wait(10)
        super().add(successes, failures)


async def test_attempts_are_left_out_and_counted_when_the_disk_is_too_slow(tmp_path: Path) -> None:
    """Memory is bounded; what was noted first is kept, and later attempts are when it recovers."""
    file = _StuckFile(tmp_path / "attempts.db", max_bytes=1 << 20)
    history = SqliteAttemptHistory(file, flush_seconds=1000)
    for position in range(BLOCK + MAX_GATHERED + 100):
        history.note(a_success(position))
    file.gate.set()

    assert history.left_out == 100
    assert len(await history.of(BLOCK + MAX_GATHERED - 1)) == 1
    assert await history.of(BLOCK + MAX_GATHERED) == []
    history.note(a_success(BLOCK + MAX_GATHERED))
    assert len(await history.of(BLOCK + MAX_GATHERED)) == 1
    assert history.left_out == 100
    await history.close()


async def test_events_of_a_request_are_left_out_together(tmp_path: Path) -> None:
    """Those that no longer have room are counted, each of them."""
    file = _StuckFile(tmp_path / "attempts.db", max_bytes=1 << 20)
    history = SqliteAttemptHistory(file, flush_seconds=1000)
    for first in range(0, BLOCK + MAX_GATHERED, BLOCK // 8):
        history.note_successes(range(first, first + BLOCK // 8), 0, "s1", 1, 10, 20, 200)
    assert history.left_out == 0
    end = BLOCK + MAX_GATHERED
    history.note_successes(range(end, end + 50), 0, "s1", 1, 10, 20, 200)
    file.gate.set()

    assert history.left_out == 50
    assert len(await history.of(end - 1)) == 1
    assert await history.of(end) == []
    await history.close()


async def test_attempts_are_left_out_and_counted_while_the_disk_is_full(
    tmp_path: Path, disk: FaultyDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so once, and goes on when there is room."""
    async with SqliteAttemptHistory.open(tmp_path, vfs=disk.name) as history:
        history.note(a_failure(1))
        assert len(await history.of(1)) == 1
        disk.is_full = True
        for position in (2, 3):
            history.note(a_failure(position))
            assert await history.of(position) == []
        disk.is_full = False
        history.note(a_failure(4))

        assert [len(await history.of(position)) for position in (1, 2, 3, 4)] == [1, 0, 0, 1]
        assert history.left_out == 2
    assert [record.getMessage() for record in caplog.records] == ["attempts.left_out"]


async def test_attempts_after_the_close_are_left_out(tmp_path: Path) -> None:
    """An attempt that ends late must not fail because of its history."""
    async with SqliteAttemptHistory.open(tmp_path) as history:
        pass
    history.note(a_success(1))
    history.note(a_failure(1))

    assert history.left_out == 2


def another_version(file: Path) -> None:
    """A later release was here."""
    connection = apsw.Connection(str(file))
    connection.pragma("user_version", 99)
    connection.close()


def no_database(file: Path) -> None:
    """Something else has the name."""
    file.write_bytes(b"not a database at all")


def a_folder(file: Path) -> None:
    """Not even a file."""
    file.unlink(missing_ok=True)
    (file / "inside").mkdir(parents=True)


def a_broken_page(file: Path) -> None:
    """The start is well, a table is not."""
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(b"\xff" * (file.stat().st_size - 4096))


@pytest.mark.parametrize("damage", [another_version, no_database, a_folder, a_broken_page])
async def test_file_that_cannot_be_used_is_moved_aside(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The server starts all the same, with a new history; the log says where the old one is."""
    file = tmp_path / "attempts.db"
    async with SqliteAttemptHistory.open(tmp_path) as history:
        history.note(a_failure(1))
    damage(file)
    before = file.read_bytes() if file.is_file() else None

    async with SqliteAttemptHistory.open(tmp_path) as history:
        assert await history.of(1) == []
        history.note(a_failure(2))
        assert await history.of(2) == [a_failure(2)]

    async with SqliteAttemptHistory.open(tmp_path) as history:
        assert await history.of(2) == [a_failure(2)]
    moved = tmp_path / "attempts.db.unusable"
    assert (moved.read_bytes() if moved.is_file() else None) == before
    (record,) = caplog.records
    assert (record.getMessage(), record.levelno) == ("attempts.begun_anew", logging.WARNING)


async def test_history_is_kept_in_memory_where_no_file_can_be_made(tmp_path: Path) -> None:
    """It is no reason not to deliver."""
    async with SqliteAttemptHistory.open(tmp_path / "absent") as history:
        history.note(a_failure(1))
        assert await history.of(1) == [a_failure(1)]


async def test_file_is_private_to_its_owner(tmp_path: Path) -> None:
    """It holds what webhooks answer."""
    async with SqliteAttemptHistory.open(tmp_path) as history:
        history.note(a_failure(1))
        await history.of(1)
        found = modes(tmp_path)

    assert set(found.values()) == {0o600}


async def test_file_without_its_tables_is_begun_anew(tmp_path: Path) -> None:
    """It opens like a good one; the server starts all the same."""
    connection = apsw.Connection(str(tmp_path / "attempts.db"))
    connection.pragma("user_version", 1)
    connection.close()

    async with SqliteAttemptHistory.open(tmp_path) as history:
        history.note(a_failure(1))
        assert await history.of(1) == [a_failure(1)]
