"""Where do large bodies lie, and how are they written and read?

In files `bodies-00000001` and so on beside the database. A body is written once, as it came, and
synced before the row that points to it is committed. So the rows alone say what there is: what no
row points to was left by a crash or a refused commit, and nobody looks at it.
"""

import errno
import logging
import mmap
import os
import re
from collections import OrderedDict
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import msgspec

from switchhook.errors import StartError, StoreError, StoreFullError
from switchhook.stores.system_files import Files, SystemFiles

_log = logging.getLogger(__name__)

# A smaller group is better off with its bodies in its row, and one sync.
_LARGE_GROUP = 128 << 10
# Each body that is read is a system call: they must be worth it, on average.
_SHARE_OF_A_BODY = 32
# A file is deleted as a whole: so much of what was trimmed may still take room.
_FILE_BYTES = 64 << 20
# Each group begins a block of its own: what is durable is not written to again, not even beside.
_BLOCK_BYTES = 4 << 10
# What goes past the system's cache must lie in whole blocks of memory, too.
_BUFFER_BYTES = 1 << 20
_OPEN_FILES = 32
_NAME = re.compile(r"bodies-(\d{8,})")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BodySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bodies of groups of at least `large_group` bytes go to files of about `file_bytes`."""

    large_group: int = _LARGE_GROUP
    file_bytes: int = _FILE_BYTES
    files: Files = SystemFiles()


class Place(msgspec.Struct, frozen=True):
    """Where a body begins: the number of its file, and the bytes before it."""

    file: int
    offset: int


class BodyWriter:
    """Writes bodies; used by the thread that writes."""

    def __init__(self, folder: Path, settings: BodySettings) -> None:
        self._folder = folder
        self._settings = settings
        self._files = settings.files
        self._descriptor: int | None = None
        self._number = 0
        self._is_new = False
        self._buffer = memoryview(b"")

    def wants(self, size: int, bodies: int) -> bool:
        """Whether so many bodies, of `size` bytes together, are to be written."""
        large = self._settings.large_group
        return bodies > 0 and size >= max(large, bodies * large // _SHARE_OF_A_BODY)

    def write(self, place: Place, bodies: Sequence[bytes]) -> Place:
        """Make them durable, one after the other from a place on; answer the next free place.

        Raises:
            StoreFullError: the disk is full; the same place can be written to again.
            OSError: nothing must be written any more.
        """
        try:
            descriptor = self._open(place.file)
            free = self._write(descriptor, bodies, place.offset)
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFullError(f"the disk is full: {error}; nothing was written") from error
            raise
        self._files.sync(descriptor)
        if self._is_new:
            self._files.sync_folder(self._folder)
            self._is_new = False
        if free < self._settings.file_bytes:
            return Place(place.file, free)
        return Place(place.file + 1, 0)

    def close(self) -> None:
        """Nothing more is written to the present file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self, number: int) -> int:
        if self._descriptor is None or number != self._number:
            self.close()
            self._descriptor = self._files.create(_path(self._folder, number))
            self._number, self._is_new = number, True
        return self._descriptor

    def _write(self, descriptor: int, bodies: Sequence[bytes], offset: int) -> int:
        """Write them one behind the other; answer where the next block begins."""
        if not self._buffer:
            self._buffer = memoryview(mmap.mmap(-1, _BUFFER_BYTES))
        held = 0
        for body in bodies:
            rest = memoryview(body)
            while rest:
                part, rest = rest[: _BUFFER_BYTES - held], rest[_BUFFER_BYTES - held :]
                self._buffer[held : held + len(part)] = part
                held += len(part)
                if held == _BUFFER_BYTES:
                    offset = self._write_out(descriptor, held, offset)
                    held = 0
        return self._write_out(descriptor, held, offset)

    def _write_out(self, descriptor: int, held: int, offset: int) -> int:
        size = -(-held // _BLOCK_BYTES) * _BLOCK_BYTES
        self._buffer[held:size] = bytes(size - held)
        done = 0
        while done < size:  # a signal may come, or the disk be about to be full
            written = self._files.write(descriptor, self._buffer[done:size], offset + done)
            done += written - written % _BLOCK_BYTES or written
        return offset + size


class BodyReader:
    """Reads bodies, and deletes files: on one thread, so that neither gets in the other's way."""

    def __init__(self, folder: Path, settings: BodySettings) -> None:
        self._folder = folder
        self._files = settings.files
        self._descriptors: OrderedDict[int, int] = OrderedDict()  # the last used is the last

    def check(self, numbers: range) -> None:
        """Delete what a crash has left besides these files, into which rows point.

        Raises:
            StartError: one of them is missing.
        """
        self.forget_all_but(numbers)
        missing = set(numbers) - set(_numbers(self._folder))
        if missing:
            raise StartError(
                f"the file {_path(self._folder, min(missing))} is missing, which holds events: "
                "restore it with the rest of the folder, or give another one with --data"
            )

    def read(self, place: Place, size: int) -> bytes:
        """The body of so many bytes at a place.

        Raises:
            StoreError: it is not there.
        """
        try:
            body = os.pread(self._open(place.file), size, place.offset)
        except OSError as error:
            raise self._unreadable(place, error.strerror or str(error)) from error
        if len(body) < size:
            raise self._unreadable(place, f"of {size} bytes there are {len(body)}")
        return body

    def forget_all_but(self, numbers: Container[int]) -> None:
        """Delete every other file; one that cannot be deleted is left to the next start."""
        for number in list(_numbers(self._folder)):
            if number not in numbers:
                self._close(number)
                path = _path(self._folder, number)
                try:
                    self._files.unlink(path)
                except OSError as error:
                    extra = {"file": str(path), "reason": str(error)}
                    _log.warning("store.file_not_deleted", extra=extra)

    def close(self) -> None:
        """Nothing more is read."""
        for number in list(self._descriptors):
            self._close(number)

    def _open(self, number: int) -> int:
        if number not in self._descriptors:
            if len(self._descriptors) == _OPEN_FILES:
                self._close(next(iter(self._descriptors)))
            self._descriptors[number] = self._files.open(_path(self._folder, number))
        self._descriptors.move_to_end(number)
        return self._descriptors[number]

    def _close(self, number: int) -> None:
        descriptor = self._descriptors.pop(number, None)
        if descriptor is not None:
            os.close(descriptor)

    def _unreadable(self, place: Place, reason: str) -> StoreError:
        path = _path(self._folder, place.file)
        return StoreError(f"the events at byte {place.offset} of {path} cannot be read: {reason}")


def _path(folder: Path, number: int) -> Path:
    return folder / f"bodies-{number:08}"


def _numbers(folder: Path) -> Iterator[int]:
    for name in os.listdir(folder):
        if found := _NAME.fullmatch(name):
            yield int(found[1])
