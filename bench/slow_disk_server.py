"""`python -m bench.slow_disk_server`: the real command on a disk whose syncs take longer.

How much longer, in seconds, says the variable `BENCH_SYNC_SECONDS`.
"""

import os
import sys
import time
from collections.abc import Callable

import apsw

from switchhook.cli.main import main

VARIABLE = "BENCH_SYNC_SECONDS"
_REAL = apsw.vfs_names()[0]


class SlowDisk(apsw.VFS):
    """Where SQLite keeps every file of this process from now on; bodies take `delay`."""

    def __init__(self, sync_seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sync_seconds = sync_seconds
        self._sleep = sleep
        super().__init__("slow-disk", _REAL, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _SlowFile(self, name, flags)

    def delay(self, sync: Callable[[int], None]) -> Callable[[int], None]:
        """A sync of a file that is not SQLite's, on this disk."""

        def slow(descriptor: int) -> None:
            self.wait()
            sync(descriptor)

        return slow

    def wait(self) -> None:
        """What a sync takes longer."""
        self._sleep(self._sync_seconds)


class _SlowFile(apsw.VFSFile):
    def __init__(
        self, disk: SlowDisk, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._disk = disk
        super().__init__(_REAL, name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.wait()
        super().xSync(flags)


if __name__ == "__main__":
    disk = SlowDisk(float(os.environ[VARIABLE]))
    setattr(os, "fdatasync", disk.delay(os.fdatasync))  # noqa: B010 - its type has a name in it
    sys.exit(main())
