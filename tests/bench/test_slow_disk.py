"""Is the slow disk under the store, and slow at each sync?"""

import os
from pathlib import Path

import pytest

from bench.slow_disk_server import SlowDisk
from switchhook.grid.ports import Put
from switchhook.stores.body_files import BodySettings
from switchhook.stores.sqlite import SqliteStore
from tests.contract.values import a_batch


async def test_each_commit_waits_for_a_slow_sync(tmp_path: Path) -> None:
    waited: list[float] = []
    disk = SlowDisk(0.005, waited.append)
    try:
        async with SqliteStore.open(tmp_path) as store:
            await store.commit([Put("letters", "first", b"x")])  # begins the write-ahead log
            for number in range(3):
                waited.clear()
                await store.commit([Put("letters", str(number), b"x")])
                assert waited == [0.005]
    finally:
        disk.unregister()


async def test_bodies_in_files_wait_for_a_slow_sync_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    disk = SlowDisk(0.005, waited.append)
    monkeypatch.setattr(os, "fdatasync", disk.delay(os.fdatasync))
    try:
        async with SqliteStore.open(tmp_path, bodies=BodySettings(large_group=0)) as store:
            await store.commit((), (a_batch(),))  # begins the write-ahead log
            waited.clear()
            await store.commit((), (a_batch(),))
            assert waited == [0.005, 0.005]
    finally:
        disk.unregister()
