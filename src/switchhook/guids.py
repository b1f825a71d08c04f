"""What is a new request, message, event or thread called? A GUID, random or nearly so."""

import os
import struct
import time
from collections.abc import Callable

_BYTES = 16
_STOCK = 256
# What a random byte becomes that holds the version, or the variant (RFC 9562, 4.1 and 4.2; 5.7).
_VERSION = bytes(byte & 0x0F | 0x40 for byte in range(256))
_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))
# Something whose text nobody has had before: `uuid.uuid4` makes it, and `Guids.new`, quicker.
NewGuid = Callable[[], object]

_TIMED_VERSION = bytes(byte & 0x0F | 0x70 for byte in range(256))
_TIME_BYTES = 6
_MILLISECOND = 1_000_000

_groups = struct.Struct("8s4s4s4s12s").iter_unpack


class Guids:
    """GUIDs of version 4; random bytes are asked for once in a while, because asking is slow."""

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._stock: list[str] = []

    def new(self) -> str:
        """The text of a GUID that nobody has had before."""
        if not self._stock:
            self._stock = self._made()
        return self._stock.pop()

    def _made(self) -> list[str]:
        made = bytearray(self._random_bytes(_BYTES * _STOCK))
        self._stamp(made)
        made[8::_BYTES] = made[8::_BYTES].translate(_VARIANT)
        return b" ".join(map(b"-".join, _groups(made.hex().encode()))).decode().split()

    def _stamp(self, made: bytearray) -> None:
        made[6::_BYTES] = made[6::_BYTES].translate(_VERSION)


class TimedGuids(Guids):
    """GUIDs of version 7: they begin with the time at which they were made.

    What is stored under them lies together with what came before, so that to add it changes few
    pages however much there is.
    """

    def __init__(
        self,
        random_bytes: Callable[[int], bytes] = os.urandom,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(random_bytes)
        self._now = now

    def _stamp(self, made: bytearray) -> None:
        milliseconds = (self._now() // _MILLISECOND).to_bytes(_TIME_BYTES, "big")
        for place, byte in enumerate(milliseconds):
            made[place::_BYTES] = bytes((byte,)) * _STOCK
        made[6::_BYTES] = made[6::_BYTES].translate(_TIMED_VERSION)
