"""The promises of `grid.ports.DeliveryState`."""

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import (
    Cursor,
    DropCursor,
    DropSubscription,
    MoveWatermark,
    PutCursor,
    PutWaiting,
    SettleWaiting,
    Store,
    WaitingDelivery,
)
from tests.contract.values import a_delivery


async def put_all(store: Store, *deliveries: WaitingDelivery) -> None:
    """Write exception rows."""
    await store.commit([PutWaiting(delivery) for delivery in deliveries])


async def test_watermark_starts_at_zero_and_moves(store: Store) -> None:
    """It is the cursor of everybody who has no cursor row."""
    before = await store.watermark()
    await store.commit((MoveWatermark(5),))

    assert (before, await store.watermark()) == (0, 5)


async def test_cursors_are_kept_by_subscription_and_run(store: Store) -> None:
    """A replay is another run, with a cursor of its own."""
    live = Cursor(subscription="s1", position=5)
    replay = Cursor(subscription="s1", run=1, position=2)
    await store.commit((PutCursor(live), PutCursor(replay)))
    await store.commit((PutCursor(Cursor(subscription="s1", position=6)),))

    assert await store.cursors() == [Cursor(subscription="s1", position=6), replay]


async def test_dropped_cursor_is_gone(store: Store) -> None:
    """The subscription has caught up; dropping what is absent does nothing."""
    await store.commit([PutCursor(Cursor(subscription=name, position=1)) for name in ("s1", "s2")])
    await store.commit((DropCursor("s1"), DropCursor("s2", run=1), DropCursor("s3")))

    assert await store.cursors() == [Cursor(subscription="s2", position=1)]


async def test_waiting_delivery_is_read_as_it_was_written(store: Store) -> None:
    """With its own copy of the event, and with or without a last attempt."""
    fresh = a_delivery(1)
    tried = a_delivery(
        2,
        schema=EventSchema.CLOUD_EVENTS,
        body=b"[\xc3\xa9]",
        last_outcome="Busy",
        last_status_code=503,
        last_attempt_at=1_767_225_600_000_000_001,
    )
    await put_all(store, fresh, tried)

    assert await store.waiting("s1") == [fresh, tried]


async def test_waiting_delivery_replaces_the_one_of_the_same_identity(store: Store) -> None:
    """Position, subscription and run are the identity; a second retry moves the first."""
    second = a_delivery(1, attempts=2, due_at=99)
    other_run = a_delivery(1, run=1)
    await put_all(store, a_delivery(1), second, other_run)

    assert await store.waiting("s1") == [second, other_run]
    assert await store.due(50, 10) == [other_run]


async def test_due_yields_the_earliest_first(store: Store) -> None:
    """At most the asked number, and nothing that is not due."""
    late, early, later = (
        a_delivery(1, due_at=30),
        a_delivery(2, "s2", due_at=10),
        a_delivery(3, due_at=31),
    )
    await put_all(store, late, early, later)

    assert await store.due(30, 10) == [early, late]
    assert await store.due(99, 1) == [early]
    assert await store.due(9, 10) == []


async def test_next_due_is_the_earliest_of_all(store: Store) -> None:
    """None when nothing waits."""
    nothing = await store.next_due()
    await put_all(store, a_delivery(1, due_at=30), a_delivery(2, "s2", due_at=10))

    assert (nothing, await store.next_due()) == (None, 10)


async def test_waiting_yields_the_lowest_positions_of_one_subscription(store: Store) -> None:
    """Whatever their due times are."""
    first, second = a_delivery(9, due_at=99), a_delivery(10, due_at=1)
    await put_all(store, second, a_delivery(1, "s2"), first)

    assert await store.waiting("s1") == [first, second]
    assert await store.waiting("s1", limit=1) == [first]


async def test_settled_delivery_is_gone(store: Store) -> None:
    """Only the one of that identity; settling what is absent does nothing."""
    other_run = a_delivery(1, run=1)
    await put_all(store, a_delivery(1), other_run)
    await store.commit((SettleWaiting(1, "s1"), SettleWaiting(1, "s2"), SettleWaiting(7, "s1")))

    assert await store.waiting("s1") == [other_run]


async def test_dropped_subscription_leaves_nothing_behind(store: Store) -> None:
    """Its cursors and exception rows of every run go; those of others stay."""
    kept = a_delivery(1, "s2")
    await put_all(store, a_delivery(1), a_delivery(2, run=1), kept)
    cursors = [Cursor(subscription=name, run=1, position=1) for name in ("s1", "s2")]
    await store.commit([PutCursor(cursor) for cursor in cursors])

    await store.commit((DropSubscription("s1"),))

    assert await store.waiting("s1") == []
    assert await store.due(99, 10) == [kept]
    assert await store.cursors() == [cursors[1]]
