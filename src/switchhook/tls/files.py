"""How are the files of the authority written, when two servers may start at once?"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from switchhook.errors import StartError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create the folder, and hold it alone for as long as the context lasts.

    Raises:
        StartError: this user cannot write there.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            f"the certificate folder {folder} cannot be used: {error.strerror}; "
            "give one that this user may write with --tls-folder"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel releases it when the process dies
        yield
    finally:
        os.close(lock)


def write(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Replace the file as a whole: a reader sees the old content or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o600 if secret else 0o644)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def first_line(path: Path) -> str:
    """The first line of a text file; nothing when there is no such file."""
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return file.readline().rstrip("\n")
    except FileNotFoundError:
        return ""
