"""The promises of `grid.ports.EventLog.find`: events by the hash of their id."""

import pytest

from switchhook.grid.ports import Put, Store, hash_of_id
from tests.contract.values import a_batch, hashes

_A, _B = hash_of_id("a"), hash_of_id("b")


async def publish(store: Store, *ids: str) -> None:
    """Append a batch of events with these ids."""
    await store.commit((), (a_batch(count=len(ids), id_hashes=hashes(*ids)),))


async def test_event_is_found_by_the_hash_of_its_id(store: Store) -> None:
    """Among those of its batch, of its commit and of the log; nothing else is."""
    await publish(store, "x", "a", "y")
    await store.commit(
        (), (a_batch(id_hashes=hashes("z")), a_batch(count=2, id_hashes=hashes("b", "z")))
    )

    assert await store.find(_A) == [1]
    assert await store.find(_B) == [4]
    assert await store.find(hash_of_id("absent")) == []


async def test_positions_come_newest_first(store: Store) -> None:
    """An id may be published again and again, in one batch too."""
    await publish(store, "a", "x", "a")
    await publish(store, "a", "a")

    assert await store.find(_A) == [4, 3, 2, 0]


@pytest.mark.parametrize(
    ("before", "limit", "expected"),
    [
        (None, 2, [4, 3]),
        (3, 2, [2, 0]),
        (4, 100, [3, 2, 0]),
        (1, 100, [0]),
        (0, 100, []),
        (99, 1, [4]),
        (None, 0, []),
    ],
)
async def test_search_is_paged_by_position(
    store: Store, before: int | None, limit: int, expected: list[int]
) -> None:
    """The next page asks for what is before the last position of this one."""
    await publish(store, "a", "x", "a")
    await publish(store, "a", "a")

    assert await store.find(_A, before=before, limit=limit) == expected


async def test_hash_is_not_found_across_two_events(store: Store) -> None:
    """The last bytes of one and the first of the next are no event's hash."""
    two = bytes.fromhex("0000aabb ccdd0000")
    await store.commit((), (a_batch(count=2, id_hashes=two),))

    assert await store.find(bytes.fromhex("aabbccdd")) == []
    assert await store.find(bytes.fromhex("ccdd0000")) == [1]


async def test_overlapping_likeness_hides_no_event(store: Store) -> None:
    """A match between two events does not use up the bytes of a true one."""
    await store.commit((), (a_batch(count=4, id_hashes=b"\xff" * 15 + b"\x00"),))

    assert await store.find(b"\xff" * 4) == [2, 1, 0]


async def test_batches_without_hashes_are_passed_over(store: Store) -> None:
    """The positions of the others stay right, within one commit too."""
    with_hashes = a_batch(count=2, id_hashes=hashes("x", "a"))
    await store.commit((), (a_batch(count=3), with_hashes, a_batch(count=5), with_hashes))

    assert await store.find(_A) == [11, 4]
    assert await store.find(b"\x00" * 4) == []


async def test_search_reaches_through_a_large_log(store: Store) -> None:
    """However it is cut into steps, and whatever lies across their bounds."""
    for count in (70_000, 1, 140_000, 60_000, 1, 300_000):
        filler = b"\x01" * (4 * count - 4)
        await store.commit((), (a_batch(count=count, id_hashes=filler + hashes("a")),))

    ends = [570_001, 270_001, 270_000, 210_000, 70_000, 69_999]
    assert await store.find(_A) == ends
    assert await store.find(_A, before=ends[2]) == ends[3:]


async def test_trimmed_events_are_not_found(store: Store) -> None:
    """Their hashes go with them; those of the rows that are left stay."""
    for _ in range(3):
        await publish(store, "x", "a")
    await store.trim(3)

    assert await store.find(_A) == [5, 3]
    await store.trim(6)
    assert await store.find(_A) == []


async def test_hashes_of_a_refused_commit_are_not_kept(store: Store) -> None:
    """They are written with the events, or not at all."""
    batch = a_batch(id_hashes=hashes("a"))
    with pytest.raises(Exception, match="revision"):
        await store.commit((Put("c", "k", b"v", expected=7),), (batch,))

    assert await store.find(_A) == []


@pytest.mark.parametrize("wrong", [b"", b"abc", b"abcde"])
async def test_search_for_what_is_no_hash_is_refused(store: Store, wrong: bytes) -> None:
    """Rather than to find it everywhere or nowhere."""
    await publish(store, "a")

    with pytest.raises(ValueError, match="4 bytes"):
        await store.find(wrong)


@pytest.mark.parametrize("length", [1, 4, 12])
async def test_hashes_that_are_not_one_an_event_are_refused(store: Store, length: int) -> None:
    """Every event after them would be found at the wrong position."""
    with pytest.raises(ValueError, match="one hash for each"):
        await store.commit((), (a_batch(count=2, id_hashes=b"x" * length),))
