"""Which calls of the system write the files of bodies? A disk that fails can take their place."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """A disk. Each call may raise an `OSError`."""

    def create(self, path: Path) -> int:
        """A descriptor to write a new file; it is durable when its folder is synced."""

    def open(self, path: Path) -> int:
        """A descriptor to read a file."""

    def write(self, descriptor: int, buffers: Sequence[bytes], offset: int) -> int:
        """Write them one after the other; answer how many bytes were written, at least one."""

    def sync(self, descriptor: int) -> None:
        """Return when all that was written is durable."""

    def sync_folder(self, folder: Path) -> None:
        """Return when it is durable which files there are."""

    def unlink(self, path: Path) -> None:
        """Delete a file."""


class SystemFiles:
    """Implements `Files` with the disk that there is."""

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def write(self, descriptor: int, buffers: Sequence[bytes], offset: int) -> int:
        if sys.platform == "darwin":
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.writev(descriptor, buffers)
        return os.pwritev(descriptor, buffers, offset)

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
