"""Which events were accepted, and in which order?"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from switchhook.grid.events import EventSchema


class Batch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Events that were accepted together: one publish request, or those of one state change.

    `body` is a JSON array of `count` events in `schema`, stored as it came. `topic` is the topic's
    incarnation, `published_at` nanoseconds since the epoch. `traceparent` is that of the request
    (W3C Trace Context), or "".

    `id_hashes` has four bytes for each event (`hash_of_id`), or is empty where they were not
    computed: such events are not found by id.

    `checked` is what accepting has decoded of the body (`schemas.accept`), for whoever reads it
    first; it is not stored.
    """

    topic: str
    schema: EventSchema
    published_at: int
    body: bytes
    count: int
    id_hashes: bytes = b""
    traceparent: str = ""
    checked: Sequence[Any] | None = None


HASH_BYTES = 4


def hash_of_id(event_id: str) -> bytes:
    """Four bytes by which an event can be found; different ids may share them."""
    return zlib.crc32(event_id.encode("utf-8", "surrogatepass")).to_bytes(HASH_BYTES, "big")


def hashes_of_ids(ids: Sequence[str]) -> bytes:
    """The `hash_of_id` of each, in their order."""
    try:
        if len(ids) == 1:
            return zlib.crc32(ids[0].encode()).to_bytes(HASH_BYTES, "big")
        return struct.pack(f">{len(ids)}I", *map(zlib.crc32, map(str.encode, ids)))
    except UnicodeEncodeError:  # half of a surrogate pair
        return b"".join(map(hash_of_id, ids))


class Appended(msgspec.Struct, frozen=True, gc=False):
    """A batch in the log; its events have the positions `first` to `first + count - 1`."""

    first: int
    batch: Batch

    @property
    def end(self) -> int:
        """The position after its last event."""
        return self.first + self.batch.count


class LogExtent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the log holds: positions `first` to `end - 1`, in `size` bytes of bodies.

    `oldest_published_at` is None when it is empty. `first == end` when it is empty.
    """

    first: int
    end: int
    size: int
    oldest_published_at: int | None


class EventLog(Protocol):
    """The events, in the order in which they were accepted."""

    async def read_from(self, position: int, max_bytes: int = 1 << 20) -> list[Appended]:
        """Whole batches in order, the first being the one that holds `position` or comes after it.

        Sees everything that a finished commit appended. At least one batch if there is one, then as
        many as fit `max_bytes` of bodies; an empty list at the end of the log.
        """

    async def trim(self, before: int, max_rows: int = 1000) -> int:
        """Forget whole rows of which every position is less than `before`; answer the rows removed.

        Works in one small transaction; call it again while it answers `max_rows`.
        """

    def extent(self) -> LogExtent:
        """What the log holds now. Positions never start again, not even when it is empty."""

    async def find(
        self, id_hash: bytes, *, before: int | None = None, limit: int = 100
    ) -> list[int]:
        """Positions of events whose id has this `hash_of_id`, the newest first; a hint: the ids may
        differ. `before` asks for positions less than it, to page on."""
