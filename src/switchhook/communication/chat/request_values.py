"""Which values may the requests of chat carry?"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from switchhook.clock import from_datetime
from switchhook.communication.json_requests import bad_request

# "Message Size" of the article about service limits; counted in bytes of UTF-8 (assumed).
MAX_CONTENT_BYTES = 28 * 1024
# That of the chats beneath; the article about service limits does not name it (assumed).
MAX_TOPIC_LENGTH = 250
# Not documented (assumed).
MAX_DISPLAY_NAME_LENGTH = 256
# The OpenAPI of 2025-03-15 says so of threads and participants. Counted in bytes of UTF-8 of all
# names and values together (assumed).
MAX_METADATA_BYTES = 1024
# Not documented, and clients keep links to files there: no more than the content (assumed).
MAX_MESSAGE_METADATA_BYTES = MAX_CONTENT_BYTES
# Page sizes and offsets are 32-bit integers.
MAX_ROWS = 2**31 - 1
_MAX_MESSAGE_ID = 2**63 - 1
_LAST_INSTANT = 2**63 - 1

# The time may stand apart by a blank, the offset may be absent (then it is UTC).
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
# .NET's own form, which links of the live service carry: `1/1/1970 12:00:00 AM +00:00`.
_DOTNET = re.compile(r"(\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d [AP]M)( [+-]\d\d:\d\d)?", re.ASCII)


def check_content(content: str) -> None:
    """Refuse the content of a message that is empty or too large."""
    if not content:
        raise bad_request("'content' must not be empty.")
    if _size(content) > MAX_CONTENT_BYTES:
        raise bad_request(f"'content' must not have over {MAX_CONTENT_BYTES} bytes.")


def check_topic(topic: str) -> None:
    """Refuse a topic that is too long; an empty one is allowed (assumed)."""
    if len(topic) > MAX_TOPIC_LENGTH:
        raise bad_request(f"'topic' must not have over {MAX_TOPIC_LENGTH} characters.")


def check_display_name(name: str | None, where: str) -> None:
    """Refuse a display name that is too long."""
    if name is not None and len(name) > MAX_DISPLAY_NAME_LENGTH:
        raise bad_request(f"'{where}' must not have over {MAX_DISPLAY_NAME_LENGTH} characters.")


def check_metadata(
    metadata: Mapping[str, str] | None,
    where: str = "metadata",
    limit: int = MAX_METADATA_BYTES,
) -> None:
    """Refuse metadata that is too large, or has a pair without a name."""
    if not metadata:
        return
    if "" in metadata:
        raise bad_request(f"'{where}' must not have an empty name.")
    if sum(_size(name) + _size(value) for name, value in metadata.items()) > limit:
        raise bad_request(f"'{where}' must not have over {limit} bytes in all.")


def as_instant(text: str, where: str) -> int:
    """An instant as clients write it, in nanoseconds since the epoch, within 64 bits.

    RFC 3339 above all. A `+` that a query lost to a blank is read as one, a number of 0 is the
    epoch, and .NET's form is that of older links.
    """
    try:
        instant = _datetime(text.strip())
    except (ValueError, OverflowError):
        raise bad_request(
            f"'{where}' must be a time of RFC 3339 such as 2026-01-31T09:05:00Z."
        ) from None
    return min(max(0, from_datetime(instant)), _LAST_INSTANT)


def as_message_id(text: str, where: str) -> int:
    """The id of a message: digits, milliseconds since the epoch."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _MAX_MESSAGE_ID:
        raise bad_request(f"'{where}' must be the id of a message.")
    return int(text)


def as_row_count(text: str, where: str, limits: tuple[int, int]) -> int:
    """A whole number of a query within limits."""
    lowest, highest = limits
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_ROWS)):
        number = int(text)
        if lowest <= number <= highest:
            return number
    raise bad_request(f"'{where}' must be a whole number of {lowest} to {highest}.")


def _datetime(text: str) -> datetime:
    if text == "0":
        return datetime(1970, 1, 1, tzinfo=UTC)
    text = re.sub(r" (\d\d:\d\d)$", r"+\1", text)
    if match := _DOTNET.fullmatch(text.replace("M+", "M +")):
        day = datetime.strptime(match[1], "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
        offset = (match[2] or " +00:00").strip()
        return datetime.fromisoformat(f"{day:%Y-%m-%dT%H:%M:%S}{offset}")
    if not _RFC_3339.fullmatch(text):
        raise ValueError(text)
    instant = datetime.fromisoformat(text.upper())
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
