"""The process dies: who was connected is told to be gone once, unless back in time."""

from collections.abc import Sequence

import pytest

from switchhook.clock import VirtualClock
from switchhook.errors import CommitUnknownError, StoreFullError
from switchhook.grid.ports import Batch, Change
from switchhook.stores.memory import MemoryStore
from tests.flow.dying_commit import DyingCommit
from tests.flow.presence.world import PresenceWorld, a_world
from tests.rules.chat.scenes import ALICE, BOB, CAROL, DAVE


async def live(world: PresenceWorld) -> None:
    """Users come and go in every way."""
    world.connect(ALICE, BOB)
    await world.advance(seconds=1)
    world.disconnect(BOB)
    await world.advance(seconds=1)
    world.connect(CAROL)
    world.disconnect(ALICE)
    await world.advance(seconds=1)
    world.connect(ALICE)
    await world.advance(seconds=40)


@pytest.mark.parametrize("is_durable", [False, True], ids=["lost", "durable"])
@pytest.mark.parametrize("last", range(1, 8))
async def test_death_at_any_commit_leaves_state_and_events_in_step(
    last: int, *, is_durable: bool
) -> None:
    """Everyone who was written down is told of once; who comes back is not, again."""
    store, clock = MemoryStore(), VirtualClock()
    commit = DyingCommit(store, last, is_durable=is_durable)
    world = a_world(store=store, clock=clock, commit=commit)
    await live(world)
    assert commit.is_dead == (last <= 5)

    before = await world.gone()
    kept = await store.scan("presence-users")
    present = {record.key.partition("/")[2] for record in kept}
    assert not present & set(before)
    world = await world.restart()
    world.connect(ALICE)
    await world.advance(hours=1)

    assert sorted(await world.gone()) == sorted([*before, *(present - {ALICE})])
    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]
    await world.presence.close()


async def test_restart_gives_everyone_a_grace_period(world: PresenceWorld) -> None:
    """Also who was gone before: nobody could come back to a server that was down."""
    world.connect(ALICE, BOB, CAROL, DAVE)
    await world.advance(seconds=1)
    world.disconnect(BOB, DAVE)
    await world.advance(seconds=20)
    await world.presence.close()
    await world.advance(hours=1)

    restarted = await world.restart()
    await restarted.advance(seconds=29)
    assert await restarted.gone() == []
    restarted.connect(CAROL, DAVE)
    await restarted.advance(seconds=1)

    assert sorted(await restarted.gone()) == [ALICE, BOB]
    await restarted.advance(hours=1)
    assert sorted(await restarted.gone()) == [ALICE, BOB]
    await restarted.presence.close()


async def test_second_restart_within_the_grace_period(world: PresenceWorld) -> None:
    """Tells nobody twice, and forgets nobody."""
    world.connect(ALICE, BOB)
    await world.advance(seconds=1)
    restarted = await world.restart()
    await restarted.advance(seconds=20)
    again = await restarted.restart()
    again.connect(BOB)
    await again.advance(minutes=1)
    assert await again.gone() == [ALICE]

    last = await again.restart()
    await last.advance(minutes=1)

    assert await last.gone() == [ALICE, BOB]
    await last.presence.close()


async def test_user_who_is_back_before_the_last_run_is_taken_up(world: PresenceWorld) -> None:
    """The server listens a moment before it knows who was there."""
    world.connect(ALICE, BOB)
    await world.advance(seconds=1)
    world.disconnect(ALICE)
    await world.advance(seconds=1)
    await world.presence.close()

    restarted = a_world(store=world.store, clock=world.clock)
    restarted.connect(ALICE)
    await restarted.presence.resume()
    await restarted.advance(hours=1)

    assert await restarted.gone() == [BOB]
    assert await restarted.kept() == [f"{world.resource.topic}/{ALICE}"]
    await restarted.presence.close()


async def test_user_who_came_and_went_before_the_last_run_is_taken_up(world: PresenceWorld) -> None:
    """The grace period begins when the user goes, not when the server knows of the last run."""
    world.connect(ALICE)
    await world.advance(seconds=1)
    await world.presence.close()

    restarted = a_world(store=world.store, clock=world.clock)
    restarted.connect(ALICE)
    restarted.disconnect(ALICE)
    await restarted.advance(seconds=10)
    await restarted.presence.resume()
    await restarted.advance(seconds=20)

    assert await restarted.gone() == [ALICE]
    await restarted.advance(hours=1)
    assert await restarted.gone() == [ALICE]
    assert await restarted.kept() == []
    await restarted.presence.close()


async def test_restart_with_many_users(world: PresenceWorld) -> None:
    """More than fit one page."""
    users = [f"{ALICE}{number:04}" for number in range(1203)]
    world.connect(*users)
    await world.advance(seconds=1)

    restarted = await world.restart()
    await restarted.advance(seconds=1)
    assert len(restarted.commits) <= 5
    await restarted.advance(minutes=1)

    assert sorted(await restarted.gone()) == users
    await restarted.presence.close()


async def test_full_store_delays_and_loses_nothing() -> None:
    """State and events are written once there is room again."""
    store, is_full, attempts = MemoryStore(), False, 0

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        nonlocal attempts
        attempts += 1
        if is_full:
            raise StoreFullError("no room")
        return await store.commit(changes, batches)

    world = a_world(store=store, commit=commit)
    world.connect(ALICE, BOB)
    await world.advance(seconds=1)
    is_full, attempts = True, 0
    world.disconnect(ALICE)
    await world.advance(seconds=10)
    for number in range(100):
        world.connect(f"{CAROL}{number}")
        await world.advance(milliseconds=1)
    assert attempts <= 12
    await world.advance(minutes=5)
    assert await world.gone() == []
    world.disconnect(BOB)

    is_full = False
    await world.advance(seconds=2)
    assert await world.gone() == [ALICE]
    await world.advance(seconds=30)

    assert await world.gone() == [ALICE, BOB]
    await world.presence.close()


@pytest.mark.parametrize("outcome", ["lost", "durable", "durable later"])
@pytest.mark.parametrize("fails", range(1, 8))
async def test_commit_of_unknown_outcome_makes_no_second_event(fails: int, outcome: str) -> None:
    """The process lives on and tries again, without knowing: also where the first try takes effect
    just before the second."""
    store, count = MemoryStore(), 0
    late: list[tuple[Sequence[Change], Sequence[Batch]]] = []

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        nonlocal count
        count += 1
        while late:
            await store.commit(*late.pop())
        if count != fails:
            return await store.commit(changes, batches)
        if outcome == "durable":
            await store.commit(changes, batches)
        elif outcome == "durable later":
            late.append((changes, batches))
        raise CommitUnknownError("who knows")

    world = a_world(store=store, commit=commit)
    await live(world)
    world.disconnect(ALICE, CAROL)
    await world.advance(hours=1)

    # Bob, who went first, and those who went at the end; nobody twice for one absence.
    assert sorted(await world.gone()) == sorted([BOB, ALICE, CAROL])
    await world.presence.close()


class FailingOnce:
    """A commit that fails once where the test says so."""

    def __init__(self, store: MemoryStore, *, is_durable: bool) -> None:
        self._store = store
        self._is_durable = is_durable
        self.fails = False

    async def __call__(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        if not self.fails:
            return await self._store.commit(changes, batches)
        self.fails = False
        if self._is_durable:
            await self._store.commit(changes, batches)
        raise CommitUnknownError("who knows")


async def test_return_that_could_not_be_written_in_time_counts() -> None:
    """Memory knows better than the record that is due."""
    store = MemoryStore()
    commit = FailingOnce(store, is_durable=False)
    world = a_world(store=store, commit=commit)
    world.connect(ALICE)
    world.disconnect(ALICE)
    await world.advance(seconds=29.5)
    commit.fails = True
    world.connect(ALICE)
    await world.advance(seconds=0)
    assert len(await world.kept()) == 2

    await world.advance(hours=1)
    assert await world.gone() == []
    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]

    world.disconnect(ALICE)
    await world.advance(seconds=30)
    assert await world.gone() == [ALICE]
    assert await world.kept() == []


async def test_absence_that_was_written_unknowingly_is_dropped() -> None:
    """The user came back before the second try: what the first one left goes when it is due."""
    store = MemoryStore()
    commit = FailingOnce(store, is_durable=True)
    world = a_world(store=store, commit=commit)
    world.connect(ALICE)
    await world.advance(seconds=1)
    commit.fails = True
    world.disconnect(ALICE)
    await world.advance(seconds=0.5)
    world.connect(ALICE)
    await world.advance(seconds=5)
    world.connect(BOB)
    world.disconnect(BOB)
    await world.advance(hours=1)

    assert await world.gone() == [BOB]
    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]


async def test_close_tries_once_more_what_could_not_be_written() -> None:
    """It does not wait until the next try is due."""
    store = MemoryStore()
    commit = FailingOnce(store, is_durable=False)
    world = a_world(store=store, commit=commit)
    commit.fails = True
    world.connect(ALICE)
    await world.advance(seconds=0)
    assert await world.kept() == []

    await world.presence.close()

    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]
