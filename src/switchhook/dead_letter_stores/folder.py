"""How do folders stand in for the containers of a storage account?

`ROOT/ACCOUNT/CONTAINER/` and below it the blob's name. A folder that is not there is made: nobody
has to create a container to see the first dead letter.
"""

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

from switchhook.dead_letter_stores.names import account_name
from switchhook.grid.ports import DeadLetterAnswer
from switchhook.grid.subscriptions import DeadLetterDestination


class FolderDeadLetterStore:
    """Implements `grid.ports.DeadLetterStore`; a file is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        file = self.path(destination, name)
        try:
            await asyncio.to_thread(_write, file, body)
        except OSError as error:
            return DeadLetterAnswer.UNAVAILABLE, f"{file}: {error.strerror}"
        return DeadLetterAnswer.WRITTEN, str(file)

    async def close(self) -> None:
        """Nothing is held open."""

    def path(self, destination: DeadLetterDestination, name: str) -> Path:
        """The file of a blob, which no name can move out of the folder of its container."""
        parts = (account_name(destination.resource_id), destination.container, *name.split("/"))
        return self._root.joinpath(*map(_file_name, parts))


def _file_name(part: str) -> str:
    """`part` as the name of one file: what names of Azure cannot have is written in percent."""
    quoted = quote(part.encode("utf-8", "surrogatepass"), safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E") or "%"


def _write(file: Path, body: bytes) -> None:
    _make_folder(file.parent)
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(body)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(file.parent)


def _make_folder(folder: Path) -> None:
    """Make it and what is missing above it, durably; dead letters are for their owner alone."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
