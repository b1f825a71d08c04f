"""How is JSON read that strangers wrote, only to be shown?"""

import json
import math
from typing import Any

_MANY_DIGITS = 4000  # of more the standard library makes no number


def read_json(text: str | bytes) -> Any:
    """The JSON value; a number too long or too large for Python is its text.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(text, parse_int=_whole, parse_float=_fraction)


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= _MANY_DIGITS else text


def _fraction(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text
