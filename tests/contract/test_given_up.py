"""What was given up is kept, listed and trimmed, over every store."""

from typing import Any

import pytest

from switchhook.clock import HOUR
from switchhook.grid import given_up
from switchhook.grid.events import Event
from switchhook.grid.given_up import GivenUp, GivenUpState, list_given_up, trim
from switchhook.grid.ports import Store
from tests.contract.values import a_delivery

EVENT = Event("e1", "Shop.OrderPlaced", "orders/1", "", b"{}")
AFTER_ALL = 1_000


def given_up_at(instant: int, position: int = 0, **members: Any) -> GivenUp:
    """A delivery that was given up then."""
    defaults: dict[str, Any] = {"dead_letter_reason": "NotRetriable", "given_up_at": instant}
    row = a_delivery(position, **(defaults | members))
    return given_up.given_up(row, EVENT, "hook", GivenUpState.WAITING)


async def keep(store: Store, *kept: GivenUp, body: bytes = b"[1]") -> None:
    """Keep them, each with the same event."""
    await store.commit([change for each in kept for change in given_up.keep(each, body)])


async def keep_instants(store: Store, *instants: int) -> None:
    """Keep one delivery for each instant."""
    await keep(store, *(given_up_at(instant) for instant in instants))


async def listed(store: Store, **options: Any) -> list[int]:
    """The instants that a list shows."""
    return [each.given_up_at for each in (await list_given_up(store, **options)).items]


async def test_kept_is_read_as_it_was(store: Store) -> None:
    """The record has all that the row had, and the event is found beside it."""
    row = a_delivery(
        7,
        run=2,
        attempts=3,
        last_outcome="Busy",
        last_status_code=503,
        last_attempt_at=40,
        dead_letter_reason="TimeToLiveExceeded",
        given_up_at=50,
        body=b'[{"id":"e1"}]',
    )
    kept = given_up.given_up(row, EVENT, "hook", GivenUpState.WRITTEN, "HOOK/x.json")
    await keep(store, kept, body=row.body)

    assert await given_up.get(store, kept.key) == kept
    assert await given_up.get_event(store, kept.key) == row.body
    assert kept == GivenUp(
        position=7,
        run=2,
        subscription="s1",
        name="hook",
        topic="t1",
        schema=row.schema,
        event_id="e1",
        event_type="Shop.OrderPlaced",
        size=13,
        published_at=1,
        attempts=3,
        reason="TimeToLiveExceeded",
        last_outcome="Busy",
        last_status_code=503,
        last_attempt_at=40,
        given_up_at=50,
        state=GivenUpState.WRITTEN,
        where="HOOK/x.json",
    )


async def test_what_is_not_kept_is_none(store: Store) -> None:
    """Neither a record nor an event."""
    assert await given_up.get(store, "no") is None
    assert await given_up.get_event(store, "no") is None


async def test_long_texts_are_cut_for_lists(store: Store) -> None:
    """A publisher's long id does not make a list long."""
    event = Event("i" * 1_000, "t" * 1_000, "", "", b"{}")

    kept = given_up.given_up(a_delivery(), event, "hook", GivenUpState.DROPPED)

    assert (len(kept.event_id), len(kept.event_type)) == (200, 200)


async def test_later_state_replaces_the_earlier(store: Store) -> None:
    """One delivery is listed once, as it is now."""
    row = a_delivery(given_up_at=5, dead_letter_reason="NotRetriable")
    for state in (GivenUpState.WAITING, GivenUpState.WRITTEN):
        await keep(store, given_up.given_up(row, EVENT, "hook", state))

    page = await list_given_up(store)

    assert [each.state for each in page.items] == [GivenUpState.WRITTEN]


async def test_deliveries_of_one_instant_are_apart(store: Store) -> None:
    """Position, subscription and run tell them apart."""
    await keep(
        store,
        given_up_at(5, 0),
        given_up_at(5, 1),
        given_up_at(5, 1, run=1),
        given_up_at(5, 1, subscription="s2"),
    )

    assert len((await list_given_up(store)).items) == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 20, 300]),
        ({"newest_first": True}, [300, 20, 1]),
        ({"since": 20}, [20, 300]),
        ({"until": 20}, [1]),
        ({"since": 2, "until": 300}, [20]),
        ({"since": 2, "until": 300, "newest_first": True}, [20]),
        ({"since": -5}, [1, 20, 300]),
        ({"since": 301}, []),
        ({"limit": 2}, [1, 20]),
        ({"limit": 2, "newest_first": True}, [300, 20]),
    ],
)
async def test_list_is_ordered_by_time(
    store: Store, options: dict[str, Any], expected: list[int]
) -> None:
    """`since` is in, `until` is not."""
    await keep_instants(store, 300, 1, 20)

    assert await listed(store, **options) == expected


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_make_up_the_list(store: Store, newest_first: bool) -> None:
    """Each goes on where the one before ended, and the last says so."""
    await keep_instants(store, *range(7))
    seen: list[int] = []
    after: str | None = None
    for _ in range(4):
        page = await list_given_up(store, limit=2, after=after, newest_first=newest_first)
        seen += [each.given_up_at for each in page.items]
        after = page.after

    assert seen == sorted(range(7), reverse=newest_first)
    assert after is None


async def test_list_is_narrowed(store: Store) -> None:
    """To one incarnation, to one reason, to both."""
    await keep(
        store,
        given_up_at(1, subscription="a", dead_letter_reason="X"),
        given_up_at(2, subscription="a", dead_letter_reason="Y"),
        given_up_at(3, subscription="b", dead_letter_reason="X"),
    )

    assert await listed(store, subscription="a") == [1, 2]
    assert await listed(store, reason="X") == [1, 3]
    assert await listed(store, subscription="b", reason="Y") == []


async def test_one_call_looks_at_a_bounded_number(store: Store) -> None:
    """An empty page in the middle of a long list can be continued."""
    count = given_up.MAX_LOOKED_AT + 1
    await keep(store, *(given_up_at(1, position) for position in range(count)))
    await keep(store, given_up_at(2, subscription="wanted"))

    first = await list_given_up(store, subscription="wanted")
    second = await list_given_up(store, subscription="wanted", after=first.after)

    assert (first.items, len(second.items)) == ((), 1)
    assert first.after is not None
    assert second.after is None


@pytest.mark.parametrize(
    ("bounds", "left"),
    [
        ({}, [10, 20, 30, 40]),
        ({"keep_newest": 4}, [10, 20, 30, 40]),
        ({"keep_newest": 3}, [20, 30, 40]),
        ({"keep_newest": 0}, []),
        ({"keep_bytes": 12}, [10, 20, 30, 40]),
        ({"keep_bytes": 11}, [20, 30, 40]),
        ({"max_age": 980}, [20, 30, 40]),
        ({"max_age": 981, "keep_newest": 1}, [40]),
        ({"max_age": 100, "keep_newest": 9}, []),
    ],
)
async def test_trim_forgets_the_oldest(
    store: Store, bounds: dict[str, int], left: list[int]
) -> None:
    """Whichever bound is the narrowest; the events go too."""
    await keep_instants(store, 10, 20, 30, 40)
    keys = {each.given_up_at: each.key for each in (await list_given_up(store)).items}

    await store.commit(await trim(store, AFTER_ALL, **bounds))

    assert await listed(store) == left
    events = {at: await given_up.get_event(store, key) for at, key in keys.items()}
    assert sorted(at for at, event in events.items() if event is not None) == left
    assert await trim(store, AFTER_ALL, **bounds) == []


async def test_trim_goes_in_steps(store: Store) -> None:
    """One call removes a bounded number; calling until there is nothing removes all."""
    count = given_up.MAX_TRIMMED + 3
    await keep(store, *(given_up_at(1, position) for position in range(count)))
    removed = []
    while changes := await trim(store, given_up.KEEP_FOR + HOUR):
        await store.commit(changes)
        removed.append(len(changes) // 2)

    assert removed == [given_up.MAX_TRIMMED, 3]
    assert await listed(store) == []
