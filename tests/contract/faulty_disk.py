"""A disk that fails when told to: a virtual file system under SQLite, and files for bodies.

It passes everything on to the real disk until a fault is switched on. Connections find it by its
`name`, the files of bodies are its `files`.
"""

import errno
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from switchhook.stores.system_files import SystemFiles

WAL = "-wal"
DATABASE = ".db"
BODIES = "bodies"
FOLDER = "folder"

_numbers = itertools.count(1)


class FaultyDisk(apsw.VFS):
    """`is_full`: no file can grow, but for one of bodies while `has_room_for_bodies`.

    `fails_to_sync`: syncs of files that end so report an error. Those files are `WAL` and
    `DATABASE`, `BODIES`, or the `FOLDER`. `syncs` counts the syncs that were asked for,
    `failed_syncs` those that failed. Of bodies `writes_at_most` bytes are written in one call, and
    `breaks` says with which error that fails.
    """

    def __init__(self) -> None:
        self.name = f"faulty-{next(_numbers)}"
        self.is_full = False
        self.has_room_for_bodies = False
        self.fails_to_sync: str | None = None
        self.syncs = 0
        self.failed_syncs = 0
        self.writes_at_most: int | None = None
        self.breaks: int | None = None
        self.files = _FaultyFiles(self)
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


class _FaultyFiles(SystemFiles):
    def __init__(self, disk: FaultyDisk) -> None:
        self._disk = disk

    def create(self, path: Path) -> int:
        if self._disk.is_full:
            raise OSError(errno.ENOSPC, "no space left on this disk")
        return super().create(path)

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        if self._disk.breaks is not None:
            raise OSError(self._disk.breaks, "this disk is broken")
        if self._disk.writes_at_most is not None:
            data = bytes(data[: self._disk.writes_at_most])
        end = offset + len(data)
        is_full = self._disk.is_full and not self._disk.has_room_for_bodies
        if is_full and end > os.fstat(descriptor).st_size:
            raise OSError(errno.ENOSPC, "no space left on this disk")
        return super().write(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        self._refuse(BODIES)
        super().sync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        self._refuse(FOLDER)
        super().sync_folder(folder)

    def _refuse(self, what: str) -> None:
        self._disk.syncs += 1
        if self._disk.fails_to_sync == what:
            self._disk.failed_syncs += 1
            raise OSError(errno.EIO, "this disk fails to sync")


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
