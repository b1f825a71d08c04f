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
    traceparent: str = ""
    id_hashes: bytes = b""


class Row(msgspec.Struct, frozen=True):
    """A row of the log to be written: `members`, which `batches` holds packed."""

    count: int
    published_at: int
    size: int
    batches: bytes
    members: tuple[Batch, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[PackedBatch])


def pack(batches: Iterable[Batch]) -> Iterator[Row]:
    """The batches in as few rows as `ROW_BYTES` allows."""
    members: list[Batch] = []
    size = 0
    for batch in batches:
        if members and size + len(batch.body) > ROW_BYTES:
            yield _row(members, size)
            members, size = [], 0
        members.append(batch)
        size += len(batch.body)
    if members:
        yield _row(members, size)


def unpack(first: int, batches: bytes) -> Iterator[Appended]:
    """The batches of the row that begins at position `first`."""
    for packed in _decoder.decode(batches):
        batch = Batch(
            topic=packed.topic,
            schema=packed.schema,
            published_at=packed.published_at,
            body=packed.body,
            count=packed.count,
            traceparent=packed.traceparent,
            id_hashes=packed.id_hashes,
        )
        yield Appended(first, batch)
        first += packed.count


def _row(members: list[Batch], size: int) -> Row:
    packed = [  # tuples: to the encoder the same as `PackedBatch`, at half the cost
        (
            batch.topic,
            batch.schema,
            batch.published_at,
            batch.count,
            batch.body,
            batch.traceparent,
            batch.id_hashes,
        )
        for batch in members
    ]
    return Row(
        count=sum([batch.count for batch in members]),
        published_at=members[0].published_at,
        size=size,
        batches=_encoder.encode(packed),
        members=tuple(members),
    )
