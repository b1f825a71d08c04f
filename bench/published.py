"""Is everything in the log that was acknowledged, once and exactly as it was published?"""

from collections.abc import Iterable
from pathlib import Path

from bench.machine import Load
from bench.model import WrongDeliveryError
from bench.template import STAMP
from switchhook.stores.sqlite import SqliteStore

_READ_BYTES = 16 << 20


async def check_log(folder: Path, body: bytes, plain: int, numbered: Load, open_most: int) -> None:
    """Read the log of a server that has stopped.

    `body` was acknowledged as often as `plain` says, and with numbers as `numbered` says. When wrk
    ends it counts no answer to the last request of each of its `open_most` connections.

    Raises:
        WrongDeliveryError: the log lacks a request, holds one twice, or one that was never sent.
    """
    check = LogCheck(body)
    async with SqliteStore.open(folder) as store:
        extent = store.extent()
        position = extent.first
        while position < extent.end:
            found = await store.read_from(position, _READ_BYTES)
            check.add(each.batch.body for each in found)
            position = found[-1].end
    check.finish(plain, numbered.requests, open_most)


class LogCheck:
    """The bodies of a log, in its order."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._head, self._tail = body.split(STAMP.encode())
        self._plain = 0
        self._numbers: set[int] = set()

    def add(self, bodies: Iterable[bytes]) -> None:
        """Each must be one that was published."""
        for each in bodies:
            if each == self._body:
                self._plain += 1
                continue
            digits = each[len(self._head) : len(self._head) + len(STAMP)]
            if each != self._head + digits + self._tail or not digits.isdigit():
                raise WrongDeliveryError("the log holds a body that nobody has published")
            if int(digits) in self._numbers:
                raise WrongDeliveryError(f"the log holds request {int(digits)} twice")
            self._numbers.add(int(digits))

    def finish(self, plain: int, numbered: int, open_most: int) -> None:
        """So many were acknowledged; besides, each connection may have sent one that was not."""
        for what, acknowledged, found in (
            ("without a number", plain, self._plain),
            ("with a number", numbered, len(self._numbers)),
        ):
            if not acknowledged <= found <= acknowledged + open_most:
                raise WrongDeliveryError(
                    f"{acknowledged} requests {what} were acknowledged, the log holds {found}"
                )
