"""The promises of `grid.ports.Records`."""

import pytest

from switchhook.errors import ConflictError
from switchhook.grid.ports import Delete, Put, Record, Store
from tests.contract.values import a_batch


async def put_all(store: Store, *keys: str) -> None:
    """Write records whose values do not matter."""
    await store.commit([Put("c", key, b"v") for key in keys])


async def keys(store: Store, **options: str | int | bool | None) -> list[str]:
    """The keys that a scan with the options yields."""
    found = await store.scan("c", **options)  # type: ignore[arg-type]  # each test passes its own
    return [record.key for record in found]


async def test_absent_record_is_none(store: Store) -> None:
    """Another key or another collection does not stand for it."""
    await put_all(store, "k")

    assert await store.get("c", "other") is None
    assert await store.get("other", "k") is None


async def test_record_is_read_as_it_was_written(store: Store) -> None:
    """Values are bytes of any kind."""
    await store.commit((Put("c", "k", b"\x00\xff"), Put("c", "empty", b"")))

    assert await store.get("c", "k") == Record(
        collection="c", key="k", value=b"\x00\xff", revision=1, position=0
    )
    empty = await store.get("c", "empty")
    assert empty is not None
    assert empty.value == b""


async def test_revision_counts_writes_and_position_follows_the_log(store: Store) -> None:
    """Events before the position were accepted before the write."""
    await put_all(store, "k")
    await store.commit((), (a_batch(count=4),))
    await store.commit((Put("c", "k", b"w"),), (a_batch(),))

    assert await store.get("c", "k") == Record(
        collection="c", key="k", value=b"w", revision=2, position=4
    )


async def test_record_created_again_starts_at_revision_one(store: Store) -> None:
    """Deletion leaves nothing behind."""
    await put_all(store, "k")
    await put_all(store, "k")
    await store.commit((Delete("c", "k"),))
    assert await store.get("c", "k") is None

    await put_all(store, "k")

    record = await store.get("c", "k")
    assert record is not None
    assert record.revision == 1


async def test_deleting_what_is_absent_does_nothing(store: Store) -> None:
    """With or without a condition that says so."""
    await store.commit((Delete("c", "k"), Delete("c", "k", expected=0)))

    assert await keys(store) == []


@pytest.mark.parametrize("expected", [0, 2])
async def test_delete_keeps_its_condition(store: Store, expected: int) -> None:
    """What was written meanwhile stays."""
    await put_all(store, "k")

    with pytest.raises(ConflictError):
        await store.commit((Delete("c", "k", expected=expected),))
    assert await keys(store) == ["k"]


async def test_changes_of_one_commit_are_applied_in_their_order(store: Store) -> None:
    """The last one wins."""
    await store.commit((Put("c", "k", b"v"), Delete("c", "k"), Put("c", "k", b"w")))

    record = await store.get("c", "k")
    assert record is not None
    assert (record.value, record.revision) == (b"w", 1)


async def test_scan_yields_one_collection_in_the_order_of_code_points(store: Store) -> None:
    """Neither letter case nor language changes the order, nor UTF-16."""
    await put_all(store, "b", "\U0001f600", "a/2", "B", "\uffee", "a/10", "\u00e9", "a")
    await store.commit((Put("other", "a", b""),))

    assert await keys(store) == ["B", "a", "a/10", "a/2", "b", "\u00e9", "\uffee", "\U0001f600"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": "b"}, ["b", "c", "d"]),
        ({"start": "bb"}, ["c", "d"]),
        ({"end": "c"}, ["a", "b"]),
        ({"start": "b", "end": "d"}, ["b", "c"]),
        ({"start": "d", "end": "a"}, []),
        ({"limit": 2}, ["a", "b"]),
        ({"limit": 0}, []),
        ({"reverse": True}, ["d", "c", "b", "a"]),
        ({"end": "d", "limit": 2, "reverse": True}, ["c", "b"]),
        ({"start": "z"}, []),
    ],
)
async def test_scan_keeps_to_its_range_and_limit(
    store: Store, options: dict[str, str | int | bool | None], expected: list[str]
) -> None:
    """The start belongs to the range, the end does not; reversed, the limit counts from the end."""
    await put_all(store, "a", "b", "c", "d")

    assert await keys(store, **options) == expected
