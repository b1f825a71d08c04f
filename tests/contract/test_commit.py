"""The promises of `grid.ports.Commit`."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from switchhook.errors import ConflictError, StoreError, StoreFullError
from switchhook.grid.ports import Delete, MoveWatermark, Put, Store
from switchhook.stores.sqlite import SqliteStore
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


class Ends:
    """What `ended` of submitted commits was called with, by their names, in order."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def seen_at(self, first: int) -> None:
        """An `on_durable` to submit."""
        self.seen.append(f"at {first}")

    def of(self, name: str) -> Callable[[Exception | None], None]:
        """An `ended` to submit."""
        return lambda error: self.seen.append(f"{name}: {type(error).__name__}")


async def test_submitted_commit_ends_after_submit_has_returned(store: Store) -> None:
    """Who submits can finish its own work first."""
    ends = Ends()
    store.submit((), (a_batch(),), ends.seen_at, ends.of("a"))
    at_once = list(ends.seen)
    await store.commit()

    assert at_once == []
    assert ends.seen == ["at 0", "a: NoneType"]


async def test_submitted_commits_end_after_every_on_durable_of_their_group(store: Store) -> None:
    """The router has heard of all of them before anybody is answered."""
    ends = Ends()
    for name in ("a", "b", "c"):
        store.submit((), (a_batch(),), ends.seen_at, ends.of(name))
    await store.commit()

    durable = ["at 0", "at 1", "at 2"]
    assert ends.seen == [*durable, "a: NoneType", "b: NoneType", "c: NoneType"]


async def test_submitted_commits_and_awaited_ones_keep_one_order(store: Store) -> None:
    """It does not matter by which call a commit comes."""
    ends = Ends()
    awaited = asyncio.create_task(store.commit((), (a_batch(b"[1]"),)))
    await asyncio.sleep(0)
    store.submit((), (a_batch(b"[2]"),), None, ends.of("second"))

    assert [await awaited, await store.commit((), (a_batch(b"[3]"),))] == [0, 2]
    bodies = [appended.batch.body for appended in await store.read_from(0)]
    assert bodies == [b"[1]", b"[2]", b"[3]"]
    assert ends.seen == ["second: NoneType"]


async def test_submitted_commit_that_fails_ends_with_its_error(store: Store) -> None:
    """Its `on_durable` is not called; neighbours of its group notice nothing."""
    ends = Ends()
    durable: list[int] = []
    store.submit((), (a_batch(b"[1]"),), durable.append, ends.of("before"))
    taken = (Put("c", "k", b"v", expected=7),)
    store.submit(taken, (a_batch(b"[2]"),), durable.append, ends.of("conflict"))
    store.submit((), (a_batch(b"x" * MAX_BYTES),), durable.append, ends.of("full"))
    store.submit((), (a_batch(b"[3]"),), durable.append, ends.of("after"))
    await store.commit()

    assert ends.seen == [
        "before: NoneType",
        "conflict: ConflictError",
        "full: StoreFullError",
        "after: NoneType",
    ]
    assert durable == [0, 1]


async def test_what_ended_sees_is_readable(store: Store) -> None:
    """Events and records of the commit are there for whoever is told of its end."""
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    changes = (Put("c", "k", b"v"),)
    store.submit(changes, (a_batch(),), None, lambda _: found.set_result(store.extent().end))

    assert await found == 1
    assert await store.get("c", "k") is not None
    assert len(await store.read_from(0)) == 1


async def test_commit_can_be_submitted_by_the_end_of_another(store: Store) -> None:
    """The next one of a chain, without a task."""
    ends = Ends()
    last = asyncio.Event()

    def again(error: Exception | None) -> None:
        ends.of("first")(error)
        store.submit((), (a_batch(),), ends.seen_at, lambda _: last.set())

    store.submit((), (a_batch(),), None, again)
    await last.wait()

    assert ends.seen == ["first: NoneType", "at 1"]


async def test_submitted_batch_without_events_is_refused_at_once(store: Store) -> None:
    """As `commit` refuses it; nothing is called."""
    ends = Ends()
    with pytest.raises(ValueError, match="at least one event"):
        store.submit((), (a_batch(b"[]", 0),), None, ends.of("empty"))
    await store.commit()

    assert ends.seen == []


async def test_callbacks_that_raise_harm_no_other_commit(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """They must not; if they do, the rest of the group hears of its commits all the same."""
    ends = Ends()

    def fail(_: object) -> None:
        raise RuntimeError("this caller is broken")

    store.submit((), (a_batch(),), fail, ends.of("a"))
    store.submit((), (a_batch(),), None, fail)
    store.submit((), (a_batch(),), None, ends.of("c"))
    await store.commit()

    assert ends.seen == ["a: NoneType", "c: NoneType"]
    logged = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert logged == ["commit.not_told", "commit.not_told"]


async def test_closed_store_refuses_what_is_submitted(tmp_path: Path) -> None:
    """And calls nothing; what was submitted before is finished."""
    ends = Ends()
    async with SqliteStore.open(tmp_path / "data") as store:
        store.submit((), (a_batch(),), None, ends.of("before"))
    with pytest.raises(StoreError, match="closed"):
        store.submit((), (a_batch(),), None, ends.of("after"))
    with pytest.raises(StoreError, match="closed"):
        await store.commit()

    assert ends.seen == ["before: NoneType"]


@pytest.mark.parametrize(
    "changes", [(), (Put("c", "k", b"v", expected=7),)], ids=["full", "conflict"]
)
async def test_refused_events_are_not_kept(store: Store, changes: tuple[Put, ...]) -> None:
    """Garbage is looked for rarely: a refusal that led to itself would fill the memory."""
    batch = a_batch(b"x" * (MAX_BYTES + 1))
    refusals: list[weakref.ref[Exception]] = []
    ended = asyncio.Event()

    def told(error: Exception | None) -> None:
        assert error is not None
        refusals.append(weakref.ref(error))
        ended.set()

    gc.disable()
    try:
        store.submit(changes, (batch,), None, told)
        await ended.wait()
        try:
            await store.commit(changes, (batch,))
        except (StoreFullError, ConflictError) as error:
            refusals.append(weakref.ref(error))
        await store.commit()  # the last group may be kept

        assert [refusal() for refusal in refusals] == [None, None]
    finally:
        gc.enable()
