"""What does somebody type? Whole lines, read beside other work, without waiting for the next.

Not through `sys.stdin`: a thread that waits there would stop the end of the process.
"""

import codecs
import os
import queue
import threading
from collections.abc import Iterator

_CHUNK = 64 << 10


class TypedLines:
    """The lines of a file, as they come."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # A daemon: nobody has to wait for a line that is never typed.
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, seconds: float) -> str | None:
        """The next line without its end, or None when there is none in so many seconds.

        Raises:
            EOFError: there are no more.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line is None:
            raise EOFError
        return line

    def _read(self) -> None:
        for line in typed_lines(self._descriptor):
            self._lines.put(line)
        self._lines.put(None)


def typed_lines(descriptor: int) -> Iterator[str]:
    """The lines of a file without their ends; the last one needs none."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    rest = ""
    while chunk := _read(descriptor):
        *lines, rest = (rest + decode(chunk)).split("\n")
        for line in lines:
            yield line.removesuffix("\r")
    rest += decode(b"", True)
    if rest:
        yield rest


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except OSError:  # the terminal is gone
        return b""
