"""A disk that fails when told to: a virtual file system under SQLite.

It passes everything on to the real disk until a fault is switched on. Connections find it by its
`name`.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

WAL = "-wal"
DATABASE = ".db"

_numbers = itertools.count(1)


class FaultyDisk(apsw.VFS):
    """`is_full`: no file can grow. `fails_to_sync`: syncs of files that end so report an error.

    Those files are `WAL` and `DATABASE`. `syncs` counts the syncs that were asked for,
    `failed_syncs` those that failed.
    """

    def __init__(self) -> None:
        self.name = f"faulty-{next(_numbers)}"
        self.is_full = False
        self.fails_to_sync: str | None = None
        self.syncs = 0
        self.failed_syncs = 0
        self._database_may_sync = threading.Event()
        self._database_may_sync.set()
        super().__init__(self.name, "")

    @contextmanager
    def database_hangs(self) -> Iterator[None]:
        """Syncs of the database, which end a checkpoint, do not return meanwhile."""
        self._database_may_sync.clear()
        try:
            yield
        finally:
            self._database_may_sync.set()

    def sync(self, name: str) -> None:
        """What a sync of a file meets before it reaches the disk."""
        self.syncs += 1
        if name.endswith(DATABASE):
            self._database_may_sync.wait()
        if self.fails_to_sync and name.endswith(self.fails_to_sync):
            self.failed_syncs += 1
            raise apsw.IOError("this disk fails to sync")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _FaultyFile(self, name, flags)


class _FaultyFile(apsw.VFSFile):
    def __init__(
        self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._disk = disk
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._disk.is_full and offset + len(data) > self.xFileSize():
            raise apsw.FullError("no space left on this disk")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.sync(self._name)
        super().xSync(flags)


@contextmanager
def a_faulty_disk() -> Iterator[FaultyDisk]:
    """A disk without faults so far."""
    disk = FaultyDisk()
    try:
        yield disk
    finally:
        disk.unregister()
