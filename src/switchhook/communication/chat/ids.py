"""What does the id of a chat thread look like?"""

import base64
from collections.abc import Callable

# Profiles whose documents show ids of 32 hexadecimal digits.
_HEXADECIMAL = frozenset({"preview-2020-07", "draft-2020-07", "draft-2020-03"})


def new_thread_id(profile: str, random_bytes: Callable[[int], bytes]) -> str:
    """An id that nobody can guess, in the form of the profile's documents.

    Today: base64url of 32 random bytes, and the number of `=` that were cut off.
    """
    if profile in _HEXADECIMAL:
        return f"19:{random_bytes(16).hex()}@thread.v2"
    text = base64.urlsafe_b64encode(random_bytes(32)).decode("ascii")
    digits = text.rstrip("=")
    return f"19:{digits}{len(text) - len(digits)}@thread.v2"
