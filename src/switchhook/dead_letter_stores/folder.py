"""How do folders stand in for the containers of a storage account?

`ROOT/ACCOUNT/CONTAINER/` and below it the blob's name. A folder that is not there is made: nobody
has to create a container to see the first dead letter.
"""

import asyncio
import contextlib
import errno
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from switchhook.dead_letter_stores.names import account_name
from switchhook.grid.ports import DeadLetterAnswer
from switchhook.grid.subscriptions import DeadLetterDestination

# A folder of another machine may never answer. No more than so many writes wait for it, each on a
# thread of its own, so that nothing else of the server does; nobody hears of one that takes longer.
WRITES_AT_ONCE = 4
WRITE_TIMEOUT = 30.0
# What is being written at the end of the server may take so long.
_CLOSE_TIMEOUT = 5.0


class FolderDeadLetterStore:
    """Implements `grid.ports.DeadLetterStore`; a file is there whole or not at all."""

    def __init__(
        self,
        root: Path,
        *,
        timeout: float = WRITE_TIMEOUT,
        write: Callable[[Path, bytes], None] | None = None,
    ) -> None:
        """`write` is how a file is written, durably."""
        self._root = root
        self._timeout = timeout
        self._write = write or _write
        self._free = asyncio.Semaphore(WRITES_AT_ONCE)

    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        file = self.path(destination, name)
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
                await self._begin(file, body)
        except TimeoutError:
            return DeadLetterAnswer.UNAVAILABLE, f"{file}: no answer in {self._timeout:g} seconds"
        except OSError as error:
            return DeadLetterAnswer.UNAVAILABLE, f"{file}: {error.strerror}"
        return DeadLetterAnswer.WRITTEN, str(file)

    def _begin(self, file: Path, body: bytes) -> asyncio.Future[None]:
        """Write on a thread that the end of the process does not wait for."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def end(error: Exception | None) -> None:
            self._free.release()
            if ended.done():  # nobody waits any more
                return
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)

        def work() -> None:
            failure: Exception | None = None
            try:
                self._write(file, body)
            except Exception as error:  # noqa: BLE001 - it becomes the error of its caller
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(end, failure)

        try:
            threading.Thread(target=work, name="switchhook-dead-letter", daemon=True).start()
        except RuntimeError as error:  # the system has no more threads
            end(OSError(errno.EAGAIN, str(error)))
        return ended

    async def close(self) -> None:
        """Let what is being written come to its end, unless it hangs."""
        held = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                while held < WRITES_AT_ONCE:
                    await self._free.acquire()
                    held += 1
        for _ in range(held):  # or whoever closes again would wait for them
            self._free.release()

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
