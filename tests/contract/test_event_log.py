"""The promises of `grid.ports.EventLog`."""

import msgspec
import pytest

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Appended, Batch, LogExtent, Store
from tests.contract.values import a_batch


async def fill(store: Store, *counts: int) -> None:
    """Append batches of so many events, each in a commit of its own."""
    for number, count in enumerate(counts, start=1):
        await store.commit((), (a_batch(b"[%d]" % number, count, published_at=number),))


def bodies(read: list[Appended]) -> list[bytes]:
    """What was read, without positions."""
    return [appended.batch.body for appended in read]


async def test_batch_is_read_as_it_was_appended(store: Store) -> None:
    """Topic, schema, time, body, count, trace and hashes survive, byte for byte."""
    batch = Batch(
        topic="another",
        schema=EventSchema.CLOUD_EVENTS,
        published_at=1_767_225_600_123_456_789,
        body='[{"subject":"\u00e9t\u00e9"},\n 1e400]'.encode(),
        count=2,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        id_hashes=b"\x00\xff" * 4,
    )
    await store.commit((), (batch,))

    assert await store.read_from(0) == [Appended(0, batch)]


async def test_what_was_decoded_of_a_batch_is_not_stored(store: Store) -> None:
    """Who reads the log decodes it; who hears of the commit has what was committed."""
    batch = a_batch(b"[1]", 1)
    decoded = msgspec.structs.replace(batch, checked=[object()])
    await store.commit((), (decoded,))

    assert await store.read_from(0) == [Appended(0, batch)]


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (0, [b"[1]", b"[2]", b"[3]"]),
        (1, [b"[1]", b"[2]", b"[3]"]),
        (2, [b"[2]", b"[3]"]),
        (4, [b"[2]", b"[3]"]),
        (5, [b"[3]"]),
        (6, []),
        (99, []),
    ],
)
async def test_reading_begins_with_the_batch_that_holds_the_position(
    store: Store, position: int, expected: list[bytes]
) -> None:
    """A batch is read whole, even from its middle."""
    await fill(store, 2, 3, 1)

    assert bodies(await store.read_from(position)) == expected


async def test_reading_begins_inside_a_group_that_was_committed_together(store: Store) -> None:
    """How an adapter packs the batches of a commit does not show."""
    await store.commit((), [a_batch(b"[%d]" % number, 2) for number in range(5)])

    read = await store.read_from(5)

    assert [(appended.first, appended.batch.body) for appended in read] == [
        (4, b"[2]"),
        (6, b"[3]"),
        (8, b"[4]"),
    ]


@pytest.mark.parametrize(("max_bytes", "expected"), [(1, 1), (5, 1), (6, 2), (8, 2), (9, 3)])
async def test_reading_stops_at_its_bytes_but_after_one_batch(
    store: Store, max_bytes: int, expected: int
) -> None:
    """A batch larger than the limit must not stop a reader for ever."""
    await fill(store, 1, 1, 1)

    assert len(await store.read_from(0, max_bytes)) == expected


async def test_reading_begins_after_what_was_trimmed(store: Store) -> None:
    """A position that is gone means the first one that is left."""
    await fill(store, 1, 1, 1)
    await store.trim(2)

    assert bodies(await store.read_from(0)) == [b"[3]"]


async def test_new_log_is_empty(store: Store) -> None:
    """It begins and ends at 0."""
    assert store.extent() == LogExtent(first=0, end=0, size=0, oldest_published_at=None)
    assert await store.read_from(0) == []


async def test_extent_tells_positions_bytes_and_age(store: Store) -> None:
    """All that retention needs to know."""
    await fill(store, 2, 3)

    assert store.extent() == LogExtent(first=0, end=5, size=6, oldest_published_at=1)


async def test_trim_removes_rows_of_which_every_event_is_before_the_position(store: Store) -> None:
    """A row that also holds later events stays."""
    await fill(store, 2, 3, 1)

    assert await store.trim(4) == 1
    assert store.extent() == LogExtent(first=2, end=6, size=6, oldest_published_at=2)


async def test_trim_stops_at_its_number_of_rows(store: Store) -> None:
    """Called again while it answers that number, it removes the rest."""
    await fill(store, 1, 1, 1)

    assert [await store.trim(3, max_rows=2), await store.trim(3, max_rows=2)] == [2, 1]


async def test_trim_of_nothing_answers_zero(store: Store) -> None:
    """A position at or before the first one asks for nothing."""
    await fill(store, 2)

    assert [await store.trim(0), await store.trim(1)] == [0, 0]
    assert store.extent().size == 3


async def test_positions_go_on_after_everything_was_trimmed(store: Store) -> None:
    """An empty log still knows where it ends."""
    await fill(store, 2, 3)
    await store.trim(100)

    assert store.extent() == LogExtent(first=5, end=5, size=0, oldest_published_at=None)
    assert await store.commit((), (a_batch(),)) == 5
    assert store.extent() == LogExtent(first=5, end=6, size=3, oldest_published_at=1)
