"""What does the disk hold after a power cut? A virtual file system under SQLite that knows, and
files for bodies.

They pass everything on to the real disk, and keep beside it what each file surely holds: all that
was written before its last sync. Of what was written later a disk keeps any sectors, in any order.
Which files of bodies there are is sure only when their folder was synced.
"""

import itertools
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from switchhook.stores.system_files import SystemFiles

_SECTOR = 512
_CHANCE_OF_A_NAME = 0.3
_numbers = itertools.count(1)


class _Image:
    """What a file surely holds, and the writes since its last sync; None cuts it to a size.

    `is_sure` says whether its folder has it after a cut; otherwise it may have it.
    """

    def __init__(self, held: bytes, *, is_sure: bool = True) -> None:
        self.held = bytearray(held)
        self.pending: list[tuple[int, bytes | None]] = []
        self.is_sure = is_sure

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.held, offset, data)
        self.pending.clear()

    def after_a_cut(self, chance: random.Random) -> bytes:
        """One of the contents that the disk may be left with."""
        found, kept = bytearray(self.held), chance.choice((0.0, 0.5, 0.9, 1.0))
        for offset, data in self.pending:
            if data is None:
                if chance.random() < kept:
                    _apply(found, offset, None)
                continue
            for start, end in _sectors(offset, len(data)):
                if chance.random() < kept:
                    _apply(found, start, data[start - offset : end - offset])
        return bytes(found)


class PowerCut(apsw.VFS):
    """Counts writes and syncs, and at number `at` remembers in `left` what a cut would leave.

    `acknowledged` is how many promises were made so far, `promised` how many when it was cut.
    """

    def __init__(self, at: int, chance: random.Random) -> None:
        self.name = f"power-cut-{next(_numbers)}"
        self.left: dict[str, bytes] = {}
        self.promised = 0
        self.acknowledged = 0
        self.operations = 0
        self._at = at
        self._chance = chance
        self._images: dict[str, _Image] = {}
        self._unlinked: set[str] = set()
        self._lock = threading.Lock()
        self.files = _Files(self)
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        super().xDelete(filename, syncdir)
        with self._lock:
            self._images.pop(filename, None)

    def image(self, path: str) -> _Image:
        """That of a file, which holds what it holds now if nobody has asked before."""
        with self._lock:
            if path not in self._images:
                known = Path(path)
                self._images[path] = _Image(known.read_bytes() if known.exists() else b"")
            return self._images[path]

    def note(self, image: _Image, offset: int, data: bytes | None) -> None:
        """A write, or a cut to a size."""
        with self._lock:
            self._count()
            image.pending.append((offset, data))

    def synced(self, image: _Image) -> None:
        """All that was written to the file is on the disk."""
        with self._lock:
            self._count()
            image.sync()

    def created(self, path: str) -> _Image:
        """A new file, whose folder has not been synced."""
        with self._lock:
            self._count()
            self._images[path] = _Image(b"", is_sure=False)
            return self._images[path]

    def unlinked(self, path: str) -> None:
        """The file is gone as soon as its folder is synced."""
        with self._lock:
            self._count()
            if path in self._images:
                self._images[path].is_sure = False
                self._unlinked.add(path)

    def folder_synced(self) -> None:
        """It is on the disk which files there are."""
        with self._lock:
            self._count()
            for path in self._unlinked:
                del self._images[path]
            self._unlinked.clear()
            for image in self._images.values():
                image.is_sure = True

    def _count(self) -> None:
        self.operations += 1
        if self.operations == self._at:
            self.cut()

    def cut(self) -> None:
        """Remember what a cut at this moment would leave."""
        self.promised = self.acknowledged
        self.left = {
            Path(path).name: image.after_a_cut(self._chance)
            for path, image in self._images.items()
            if image.is_sure or self._chance.random() < _CHANCE_OF_A_NAME
        }

    def restore(self, folder: Path) -> None:
        """Make a data folder of what the cut has left."""
        folder.mkdir()
        for name, content in self.left.items():
            (folder / name).write_bytes(content)


class _Files(SystemFiles):
    def __init__(self, disk: PowerCut) -> None:
        self._disk = disk
        self._images: dict[int, _Image] = {}

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self._images[descriptor] = self._disk.created(str(path))
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        written = super().write(descriptor, data, offset)
        self._disk.note(self._images[descriptor], offset, bytes(data[:written]))
        return written

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self._disk.synced(self._images[descriptor])

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self._disk.folder_synced()

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._disk.unlinked(str(path))


class _File(apsw.VFSFile):
    def __init__(
        self, disk: PowerCut, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._image = disk.image(path) if path else _Image(b"")
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)
        self._disk.note(self._image, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        self._disk.note(self._image, newsize, None)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        self._disk.synced(self._image)


@contextmanager
def a_power_cut(at: int, chance: random.Random) -> Iterator[PowerCut]:
    """A disk that loses its power at that operation."""
    disk = PowerCut(at, chance)
    try:
        yield disk
    finally:
        disk.unregister()


def _sectors(offset: int, length: int) -> Iterator[tuple[int, int]]:
    """Where the sectors that a write touches begin and end, within the write."""
    start, end = offset, offset + length
    while start < end:
        following = min(end, (start // _SECTOR + 1) * _SECTOR)
        yield start, following
        start = following


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data
