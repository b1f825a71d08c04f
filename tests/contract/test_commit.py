"""The promises of `grid.ports.Commit`."""

import asyncio

import pytest

from switchhook.errors import ConflictError, StoreFullError
from switchhook.grid.ports import Delete, MoveWatermark, Put, Store
from tests.contract.conftest import MAX_BYTES
from tests.contract.values import a_batch


async def test_batches_get_consecutive_positions_in_their_order(store: Store) -> None:
    """A position names one event, so a batch takes as many as it has events."""
    first = await store.commit((), (a_batch(b"[1,2]", 2), a_batch(b"[3]")))
    second = await store.commit((), (a_batch(b"[4]"),))

    read = [(appended.first, appended.batch.body) for appended in await store.read_from(0)]
    assert (first, second) == (0, 3)
    assert read == [(0, b"[1,2]"), (2, b"[3]"), (3, b"[4]")]


async def test_commit_without_batches_answers_the_end_of_the_log(store: Store) -> None:
    """A state change takes a place in the order of the log without adding to it."""
    await store.commit((), (a_batch(count=3),))

    assert await store.commit((Put("c", "k", b"v"),)) == 3


async def test_empty_commit_is_a_place_in_the_order(store: Store) -> None:
    """Neither changes nor batches are needed."""
    assert await store.commit() == 0


async def test_changes_and_batches_become_durable_together(store: Store) -> None:
    """A state change and the events it causes are one commit."""
    first = await store.commit((Put("c", "k", b"v"), MoveWatermark(0)), (a_batch(b"[7]"),))

    record = await store.get("c", "k")
    assert record is not None
    assert record.position == first
    assert [appended.batch.body for appended in await store.read_from(first)] == [b"[7]"]


async def test_commits_of_many_tasks_keep_their_order(store: Store) -> None:
    """Each caller gets the positions of its own events, in the order of the calls."""
    bodies = [b"[%d]" % number for number in range(100)]
    firsts = await asyncio.gather(*(store.commit((), (a_batch(body),)) for body in bodies))

    assert firsts == list(range(100))
    assert [appended.batch.body for appended in await store.read_from(0)] == bodies


async def test_on_durable_runs_in_the_order_of_the_positions_before_commit_returns(
    store: Store,
) -> None:
    """The router sees events and subscription versions in the order of the log."""
    seen: list[str] = []

    async def commit(name: str) -> None:
        await store.commit((), (a_batch(),), lambda first: seen.append(f"{name} at {first}"))
        seen.append(f"{name} returned")

    await asyncio.gather(commit("a"), commit("b"))

    assert seen == ["a at 0", "b at 1", "a returned", "b returned"]


async def test_on_durable_sees_what_its_commit_wrote(store: Store) -> None:
    """At that moment the extent already contains the events."""
    ends: list[int] = []

    await store.commit((), (a_batch(),), lambda _: ends.append(store.extent().end))

    assert ends == [1]


async def test_on_durable_is_called_for_a_caller_who_was_cancelled(store: Store) -> None:
    """A publisher that hangs up must not keep its event from the router."""
    seen: list[int] = []
    task = asyncio.create_task(store.commit((), (a_batch(),), seen.append))
    await asyncio.sleep(0)
    task.cancel()

    await store.commit()

    assert seen == [0]
    assert task.cancelled()


async def test_commit_lets_other_tasks_run(store: Store) -> None:
    """Code that needs the loop to itself around a commit fails with every adapter."""
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "another")

    await store.commit()

    assert turns == ["another"]


async def test_failed_condition_applies_nothing_of_its_commit(store: Store) -> None:
    """Neither the changes before the one that fails, nor the events."""
    changes = (Put("c", "new", b"v"), Put("c", "k", b"v", expected=7))
    called: list[int] = []
    with pytest.raises(ConflictError, match=r"c/k is at revision 0, not at 7"):
        await store.commit(changes, (a_batch(),), called.append)

    assert await store.scan("c") == []
    assert store.extent().end == 0
    assert called == []


async def test_failed_condition_leaves_other_commits_of_its_group_alone(store: Store) -> None:
    """Two create the same record in one turn: the first wins, bystanders notice nothing."""
    results = await asyncio.gather(
        store.commit((Put("c", "before", b""),), (a_batch(b"[1]"),)),
        store.commit((Put("c", "k", b"first", expected=0),), (a_batch(b"[2]"),)),
        store.commit((Put("c", "k", b"second", expected=0),), (a_batch(b"[3]"),)),
        store.commit((Put("c", "after", b""),), (a_batch(b"[4]"),)),
        return_exceptions=True,
    )

    record = await store.get("c", "k")
    assert record is not None
    assert record.value == b"first"
    assert [type(result) for result in results] == [int, int, ConflictError, int]
    bodies = [appended.batch.body for appended in await store.read_from(0)]
    assert bodies == [b"[1]", b"[2]", b"[4]"]


async def test_condition_sees_what_earlier_commits_of_its_group_wrote(store: Store) -> None:
    """A condition holds for the state that all earlier commits left."""
    results = await asyncio.gather(
        store.commit((Put("c", "k", b"v", expected=0),)),
        store.commit((Put("c", "k", b"w", expected=1),)),
        store.commit((Delete("c", "k", expected=2),)),
        store.commit((Put("c", "k", b"x", expected=0),)),
    )

    assert list(results) == [0, 0, 0, 0]


async def test_events_over_the_cap_are_refused_and_nothing_is_applied(store: Store) -> None:
    """At the cap publishing stops, with its state changes; what was accepted stays."""
    await store.commit((), (a_batch(b"x" * (MAX_BYTES - 1)),))

    with pytest.raises(StoreFullError):
        await store.commit((Put("c", "k", b"v"),), (a_batch(b"xx"),))
    assert await store.get("c", "k") is None
    assert store.extent().end == 1


async def test_changes_alone_are_accepted_at_the_cap(store: Store) -> None:
    """The cap is the log's: deliveries go on being settled and cursors being written."""
    await store.commit((), (a_batch(b"x" * MAX_BYTES),))

    await store.commit((MoveWatermark(1),))

    assert await store.watermark() == 1


async def test_events_are_accepted_again_after_a_trim(store: Store) -> None:
    """The cap counts what the log holds, not what it ever held."""
    await store.commit((), (a_batch(b"x" * MAX_BYTES),))
    await store.trim(1)

    assert await store.commit((), (a_batch(b"x" * MAX_BYTES),)) == 1


async def test_cap_counts_earlier_commits_of_the_same_group(store: Store) -> None:
    """What fits after a refused commit is accepted."""
    results = await asyncio.gather(
        store.commit((), (a_batch(b"x" * (MAX_BYTES - 2)),)),
        store.commit((), (a_batch(b"xxx"),)),
        store.commit((), (a_batch(b"xx"),)),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [int, StoreFullError, int]
    assert results[2] == 1


async def test_batch_without_events_is_refused(store: Store) -> None:
    """It would share its position with the next batch."""
    with pytest.raises(ValueError, match="at least one event"):
        await store.commit((), (a_batch(b"[]", 0),))
