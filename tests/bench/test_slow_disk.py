"""Is the slow disk under the store, and slow at each sync?"""

from pathlib import Path

from bench.slow_disk_server import SlowDisk
from switchhook.grid.ports import Put
from switchhook.stores.sqlite import SqliteStore


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
