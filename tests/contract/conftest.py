"""The adapters that every suite of this folder runs over, and a disk that fails."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from switchhook.grid.ports import Store
from switchhook.stores.body_files import BodySettings
from switchhook.stores.memory import MemoryStore
from switchhook.stores.sqlite import SqliteStore
from tests.contract.faulty_disk import FaultyDisk, a_faulty_disk

MAX_BYTES = 1_000

# Every body goes to a file, or none.
IN_FILES = BodySettings(large_group=0)
IN_ROWS = BodySettings(large_group=sys.maxsize)

Failures = asyncio.Queue[BaseException]


@pytest.fixture(params=["memory", "rows", "files"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store that holds at most `MAX_BYTES` of events."""
    if request.param == "memory":
        yield MemoryStore(max_bytes=MAX_BYTES)
    else:
        bodies = IN_FILES if request.param == "files" else IN_ROWS
        folder = tmp_path / "data"
        async with SqliteStore.open(folder, max_bytes=MAX_BYTES, bodies=bodies) as opened:
            yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "parent" / "data"


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    """A disk without faults so far."""
    with a_faulty_disk() as faulty:
        yield faulty


@pytest.fixture
def failures() -> Failures:
    """What `on_failure` of the store was called with."""
    return asyncio.Queue()


@pytest.fixture
async def sqlite_store(
    folder: Path, disk: FaultyDisk, failures: Failures
) -> AsyncIterator[SqliteStore]:
    """A store on the faulty disk, which keeps the bodies in its rows."""
    on_failure = failures.put_nowait
    async with SqliteStore.open(
        folder, vfs=disk.name, on_failure=on_failure, bodies=IN_ROWS
    ) as opened:
        yield opened
