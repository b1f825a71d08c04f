"""What does the disk hold after a power cut? A virtual file system under SQLite that knows.

It passes everything on to the real disk, and keeps beside it what each file surely holds: all that
was written before its last sync. Of what was written later a disk keeps any sectors, in any order.
"""

import itertools
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

_SECTOR = 512
_numbers = itertools.count(1)


class _Image:
    """What a file surely holds, and the writes since its last sync; None cuts it to a size."""

    def __init__(self, held: bytes) -> None:
        self.held = bytearray(held)
        self.pending: list[tuple[int, bytes | None]] = []

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
        self._lock = threading.Lock()
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

    def _count(self) -> None:
        self.operations += 1
        if self.operations == self._at:
            self.cut()

    def cut(self) -> None:
        """Remember what a cut at this moment would leave."""
        self.promised = self.acknowledged
        self.left = {
            Path(path).name: image.after_a_cut(self._chance) for path, image in self._images.items()
        }

    def restore(self, folder: Path) -> None:
        """Make a data folder of what the cut has left."""
        folder.mkdir()
        for name, content in self.left.items():
            (folder / name).write_bytes(content)


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
