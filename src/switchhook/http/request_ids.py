"""What is a request called in `x-ms-request-id`? A random GUID, made of random bytes in stock."""

import os
from collections.abc import Callable

_BYTES = 16
_STOCK = 256
_VARIANTS = "89ab" * 4  # of a hexadecimal digit, its last two bits (RFC 9562, 4.1)
_DIGITS = {digit: _VARIANTS[int(digit, 16)] for digit in "0123456789abcdef"}


class RequestIds:
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
        digits = self._random_bytes(_BYTES * _STOCK).hex()
        texts = (digits[at : at + 32] for at in range(0, len(digits), 32))
        return [
            f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_DIGITS[text[16]]}{text[17:20]}-{text[20:]}"
            for text in texts
        ]
