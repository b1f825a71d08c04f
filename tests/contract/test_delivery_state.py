"""The promises of `grid.ports.DeliveryState`."""

import asyncio

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import (
    Backlog,
    Cursor,
    DropCursor,
    DropSubscription,
    DueMark,
    MoveWatermark,
    Put,
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


def mark(row: WaitingDelivery) -> DueMark:
    """Where a row is in the order in which rows come due."""
    return DueMark(row.due_at, row.position, row.subscription, row.run)


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
        lives_from=1_767_225_600_000_000_002,
        dead_letter_reason="MaxDeliveryAttemptsExceeded",
        given_up_at=1_767_225_600_000_000_003,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
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


async def test_due_goes_on_after_a_mark(store: Store) -> None:
    """A page at a time, in one order: time, position, subscription, run."""
    rows = [
        a_delivery(9, "s9", due_at=10),
        a_delivery(1, "s1", due_at=20),
        a_delivery(1, "s1", run=2, due_at=20),
        a_delivery(1, "s2", due_at=20),
        a_delivery(2, "s1", due_at=20),
        a_delivery(0, "s1", due_at=30),
    ]
    await put_all(store, *reversed(rows))

    assert await store.due(30, 10) == rows
    for number, row in enumerate(rows, start=1):
        assert await store.due(30, 10, mark(row)) == rows[number:]
    assert await store.due(20, 2, mark(rows[0])) == rows[1:3]
    assert await store.due(20, 10, mark(rows[4])) == []


async def test_due_goes_on_after_a_mark_that_is_gone(store: Store) -> None:
    """Rows of a page are settled before the next page is asked for."""
    settled, left = a_delivery(1, due_at=10), a_delivery(2, due_at=10)
    await put_all(store, settled, left)
    await store.commit((SettleWaiting(1, "s1"),))

    assert await store.due(10, 10, mark(settled)) == [left]


async def test_due_rows_of_some_can_be_left_out(store: Store) -> None:
    """However many of them come first."""
    left_out = [a_delivery(n, "full's", due_at=10) for n in range(300)]
    others = [a_delivery(7, "s1", due_at=10), a_delivery(1, "s2", due_at=20)]
    await store.commit([PutWaiting(row) for row in [*left_out, *others]])

    assert await store.due(30, 10, excluding=["full's", "nobody"]) == others
    assert await store.next_due(excluding=["full's"]) == mark(others[0])
    assert await store.next_due(mark(others[0]), excluding=["full's"]) == mark(others[1])
    assert await store.next_due(excluding=["full's", "s1", "s2"]) is None


async def test_dead_letters_are_not_left_out(store: Store) -> None:
    """They need nothing of who takes no deliveries; they stand in the order of all."""
    waits = a_delivery(1, "full's", due_at=10)
    letters = [
        a_delivery(n, "full's", due_at=20 + n, dead_letter_reason="NotRetriable") for n in (2, 4)
    ]
    other = a_delivery(3, "s1", due_at=23)
    await put_all(store, waits, *letters, other)

    assert await store.due(30, 10, excluding=["full's"]) == [letters[0], other, letters[1]]
    assert await store.due(30, 1, excluding=["full's"]) == [letters[0]]
    assert await store.next_due(excluding=["full's"]) == mark(letters[0])
    assert await store.next_due(mark(other), excluding=["full's"]) == mark(letters[1])
    assert await store.due(30, 10) == [waits, letters[0], other, letters[1]]


async def test_next_due_is_the_first_of_all(store: Store) -> None:
    """None when nothing waits."""
    nothing = await store.next_due()
    late, early = a_delivery(1, due_at=30), a_delivery(2, "s2", due_at=10)
    await put_all(store, late, early)

    assert (nothing, await store.next_due()) == (None, mark(early))


async def test_next_due_after_a_mark_is_the_following_one(store: Store) -> None:
    """Whoever holds the first rows in memory looks behind them."""
    rows = [a_delivery(1), a_delivery(1, run=1), a_delivery(1, "s2"), a_delivery(2, due_at=11)]
    await put_all(store, *rows)

    following = [await store.next_due(mark(row)) for row in rows]
    assert following == [*(mark(row) for row in rows[1:]), None]


async def test_waiting_yields_the_lowest_positions_of_one_subscription(store: Store) -> None:
    """Whatever their due times are."""
    first, second = a_delivery(9, due_at=99), a_delivery(10, due_at=1)
    await put_all(store, second, a_delivery(1, "s2"), first)

    assert await store.waiting("s1") == [first, second]
    assert await store.waiting("s1", limit=1) == [first]


async def test_backlogs_count_the_rows_of_each_subscription(store: Store) -> None:
    """With the time of the event at the lowest position; who has no rows is not among them."""
    nothing = await store.backlogs()
    await put_all(
        store,
        a_delivery(8, "s2", published_at=3),
        a_delivery(9, published_at=5),
        a_delivery(7, published_at=4),
        a_delivery(7, run=1, published_at=4),
    )

    assert nothing == []
    assert await store.backlogs() == [
        Backlog(subscription="s1", count=3, published_at=4),
        Backlog(subscription="s2", count=1, published_at=3),
    ]


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


async def test_progress_of_a_dropped_subscription_is_not_written_any_more(store: Store) -> None:
    """A checkpoint that was under way knows nothing of the deletion; the rest of it counts."""
    late = (
        PutCursor(Cursor(subscription="s1", position=1)),
        PutWaiting(a_delivery(1)),
        PutWaiting(a_delivery(1, run=2)),
        PutWaiting(a_delivery(1, "s2")),
    )
    await asyncio.gather(store.commit((DropSubscription("s1"),)), store.commit(late))
    await store.commit(late)

    assert await store.cursors() == []
    assert await store.waiting("s1") == []
    assert await store.due(99, 10) == [a_delivery(1, "s2")]


async def test_subscription_whose_deletion_failed_goes_on(store: Store) -> None:
    """A commit that is refused drops nobody, nor does it disturb others of its group."""
    refused = (DropSubscription("s1"), Put("c", "k", b"", expected=7))
    results = await asyncio.gather(
        store.commit(refused),
        store.commit((PutWaiting(a_delivery(1)), PutCursor(Cursor(subscription="s1", position=1)))),
        return_exceptions=True,
    )

    assert isinstance(results[0], Exception)
    assert await store.waiting("s1") == [a_delivery(1)]
    assert await store.cursors() == [Cursor(subscription="s1", position=1)]
