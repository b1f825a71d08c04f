"""How do batches share a row of the log?

A row costs the same whether it holds one event or a hundred, so the batches of a group commit are
packed into few rows; each body stays as it came.
"""

from collections.abc import Iterable, Iterator

import msgspec

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Appended, Batch

# Large rows are slow: SQLite walks a chain of pages to read the end of one. At this size a reader
# that wants one batch reads little too much, and small batches still share a row.
ROW_BYTES = 256 << 10


class PackedBatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A batch on disk. The order is the format: append fields, with defaults, and keep the rest."""

    topic: str
    schema: EventSchema
    published_at: int
    count: int
    body: bytes


class Row(msgspec.Struct, frozen=True):
    """A row of the log to be written."""

    count: int
    published_at: int
    size: int
    batches: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[PackedBatch])


def pack(batches: Iterable[Batch]) -> Iterator[Row]:
    """The batches in as few rows as `ROW_BYTES` allows."""
    packed: list[PackedBatch] = []
    size = 0
    for batch in batches:
        if packed and size + len(batch.body) > ROW_BYTES:
            yield _row(packed, size)
            packed, size = [], 0
        packed.append(_pack_one(batch))
        size += len(batch.body)
    if packed:
        yield _row(packed, size)


def unpack(first: int, batches: bytes) -> Iterator[Appended]:
    """The batches of the row that begins at position `first`."""
    for packed in _decoder.decode(batches):
        batch = Batch(
            topic=packed.topic,
            schema=packed.schema,
            published_at=packed.published_at,
            body=packed.body,
            count=packed.count,
        )
        yield Appended(first, batch)
        first += packed.count


def _pack_one(batch: Batch) -> PackedBatch:
    return PackedBatch(batch.topic, batch.schema, batch.published_at, batch.count, batch.body)


def _row(packed: list[PackedBatch], size: int) -> Row:
    return Row(
        count=sum(batch.count for batch in packed),
        published_at=packed[0].published_at,
        size=size,
        batches=_encoder.encode(packed),
    )
