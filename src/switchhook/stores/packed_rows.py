"""How do batches share a row of the log?

A row costs the same whether it holds one event or a hundred, so the batches of a group commit are
packed into few rows; each body stays as it came.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Batch
from switchhook.stores.body_files import Place

# Large rows are slow: SQLite walks a chain of pages to read the end of one. At this size a reader
# that wants one batch reads little too much, and small batches still share a row.
ROW_BYTES = 256 << 10
# Where the bodies lie elsewhere. No more than a reader asks for at a time: retention forgets as
# much as it has read, and only whole rows.
POINTING_ROW_BYTES = 1 << 20


class PackedBatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A batch on disk. The order is the format: append fields, with defaults, and keep the rest.

    Where `file` is not 0, its body is the `length` bytes at `offset` of that file, not `body`.
    """

    topic: str
    schema: EventSchema
    published_at: int
    count: int
    body: bytes
    traceparent: str = ""
    id_hashes: bytes = b""
    file: int = 0
    offset: int = 0
    length: int = 0

    @property
    def size(self) -> int:
        """The bytes of its body."""
        return self.length if self.file else len(self.body)

    @property
    def place(self) -> Place | None:
        """Where its body lies, if not here."""
        return Place(self.file, self.offset) if self.file else None

    def with_body(self, body: bytes) -> Batch:
        """The batch as it was appended."""
        return Batch(
            topic=self.topic,
            schema=self.schema,
            published_at=self.published_at,
            body=body,
            count=self.count,
            traceparent=self.traceparent,
            id_hashes=self.id_hashes,
        )


class Row(msgspec.Struct, frozen=True):
    """A row of the log to be written: `members`, which `batches` holds packed."""

    count: int
    published_at: int
    size: int
    batches: bytes
    members: Sequence[Batch | PackedBatch]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[PackedBatch])


def pack(batches: Iterable[Batch], place: Place | None = None) -> Iterator[Row]:
    """The batches in as few rows as their bounds allow; their bodies are in the rows, or lie one
    after the other from a place on."""
    bound = ROW_BYTES if place is None else POINTING_ROW_BYTES
    members: list[Batch] = []
    size = 0
    for batch in batches:
        if members and size + len(batch.body) > bound:
            yield _row(members, size, place)
            place = place and Place(place.file, place.offset + size)
            members, size = [], 0
        members.append(batch)
        size += len(batch.body)
    if members:
        yield _row(members, size, place)


def unpack(batches: bytes) -> list[PackedBatch]:
    """The batches of a row."""
    return _decoder.decode(batches)


def _row(members: list[Batch], size: int, place: Place | None) -> Row:
    return Row(
        count=sum([batch.count for batch in members]),
        published_at=members[0].published_at,
        size=size,
        batches=_encoder.encode(
            _with_bodies(members) if place is None else _pointing(members, place)
        ),
        members=members,
    )


# Tuples are to the encoder the same as `PackedBatch`, at half the cost.
def _with_bodies(members: list[Batch]) -> list[tuple[object, ...]]:
    return [
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


def _pointing(members: list[Batch], place: Place) -> list[tuple[object, ...]]:
    packed: list[tuple[object, ...]] = []
    offset = place.offset
    for batch in members:
        length = len(batch.body)
        packed.append(
            (
                batch.topic,
                batch.schema,
                batch.published_at,
                batch.count,
                b"",
                batch.traceparent,
                batch.id_hashes,
                place.file,
                offset,
                length,
            )
        )
        offset += length
    return packed
