"""Whose data folder is this, and may this version open it?"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from switchhook.errors import StartError

DATABASE = "switchhook.db"
LOCK = "switchhook.lock"

# SQLite file format, sections 1.2 and 1.3: the magic text, and where `PRAGMA user_version` is kept.
_MAGIC = b"SQLite format 3\x00"
_USER_VERSION = slice(60, 64)


@contextmanager
def claim(folder: Path, newest_version: int) -> Iterator[Path]:
    """Hold the folder alone for as long as the context lasts; answer the path of its database.

    Raises:
        StartError: the folder cannot be used, is of a newer version, or another process has it.
    """
    try:
        lock = _acquire(folder, newest_version)
    except OSError as error:
        raise StartError(
            f"the data folder {folder} cannot be used: {error.strerror}; "
            "give one that this user may write with --data"
        ) from error
    try:
        yield folder / DATABASE
    finally:
        os.close(lock)  # which releases it


def refuse_newer(folder: Path, version: int, newest_version: int) -> None:
    """Refuse data that a later release has written."""
    if version > newest_version:
        raise StartError(
            f"the data folder {folder} has version {version}, but this release of Switchhook "
            f"knows versions up to {newest_version}: start the release that wrote it, or give "
            "another folder with --data"
        )


def _acquire(folder: Path, newest_version: int) -> int:
    _create(folder)
    # Before the lock is written: what a newer version wrote stays untouched.
    refuse_newer(folder, _stored_version(folder / DATABASE), newest_version)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(lock, folder)
        _create_database(folder)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _create(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
        _sync(folder.parent)


def _stored_version(database: Path) -> int:
    # Read from the file itself: SQLite would write beside it even to look.
    if not database.exists():
        return 0
    with database.open("rb") as file:
        header = file.read(100)
    if header and not header.startswith(_MAGIC):
        raise StartError(
            f"{database} is not a Switchhook database: move it away, or give another folder "
            "with --data"
        )
    return int.from_bytes(header[_USER_VERSION], "big")


def _lock(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        raise StartError(
            f"the data folder {folder} is in use by process {holder or 'unknown'}: stop it, "
            "or give another folder with --data"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)


def _create_database(folder: Path) -> None:
    # SQLite gives its other files the permissions of this one.
    os.close(os.open(folder / DATABASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
