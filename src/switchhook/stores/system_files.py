"""Which calls of the system write the files of bodies? A disk that fails can take their place."""

import contextlib
import errno
import fcntl
import os
import sys
from pathlib import Path
from typing import Protocol

# Past the cache of the system: what is written once and mostly never read needs no copy there.
# Where a file system does not know of it, or a disk has larger blocks, the cache is used.
_DIRECT: int = getattr(os, "O_DIRECT", 0)


class Files(Protocol):
    """A disk. Each call may raise an `OSError`."""

    def create(self, path: Path) -> int:
        """A descriptor to write a new file; it is durable when its folder is synced."""

    def open(self, path: Path) -> int:
        """A descriptor to read a file."""

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        """Write what there is; answer how many bytes were written, at least one."""

    def sync(self, descriptor: int) -> None:
        """Return when all that was written is durable."""

    def sync_folder(self, folder: Path) -> None:
        """Return when it is durable which files there are."""

    def unlink(self, path: Path) -> None:
        """Delete a file."""


class SystemFiles:
    """Implements `Files` with the disk that there is."""

    def create(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return os.open(path, flags | _DIRECT, 0o600)
        except OSError as error:
            if error.errno != errno.EINVAL or not _DIRECT:
                raise
        with contextlib.suppress(FileNotFoundError):  # it may exist all the same
            path.unlink()
        return os.open(path, flags, 0o600)

    def open(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        try:
            return os.pwrite(descriptor, data, offset)
        except OSError as error:
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
            if error.errno != errno.EINVAL or not flags & _DIRECT:
                raise
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~_DIRECT)
        return os.pwrite(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        if sys.platform == "darwin":
            os.fsync(descriptor)
        else:
            os.fdatasync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, path: Path) -> None:
        path.unlink()
