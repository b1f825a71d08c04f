"""UserDisconnected is published once for each user who goes and does not come back in time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import SECOND
from switchhook.communication.catalogue import validate
from tests.flow.presence.world import PresenceWorld, a_world
from tests.rules.chat.lifecycle import PROFILES
from tests.rules.chat.scenes import ALICE, BOB, a_resource


async def test_user_who_stays_away_is_gone_after_the_grace_period(world: PresenceWorld) -> None:
    """Not a moment earlier, and once."""
    world.connect(ALICE)
    await world.advance(hours=1)
    world.disconnect(ALICE)

    await world.advance(seconds=29.999)
    assert await world.gone() == []
    await world.advance(seconds=0.001)
    assert await world.gone() == [ALICE]
    await world.advance(hours=1)

    assert await world.gone() == [ALICE]
    assert await world.kept() == []


async def test_event_is_that_of_the_article(world: PresenceWorld) -> None:
    """Subject, data and time, which is the only one."""
    world.connect(ALICE)
    world.disconnect(ALICE)
    await world.advance(minutes=1)

    [event] = await world.events()
    assert event["eventType"] == "Microsoft.Communication.UserDisconnected"
    assert event["subject"] == f"user/{ALICE}"
    assert event["data"] == {
        "userCommunicationIdentifier": {"rawId": ALICE, "communicationUser": {"id": ALICE}}
    }
    assert event["eventTime"] == "2026-01-01T00:00:30Z"
    validate(event["eventType"], event["data"])


@pytest.mark.parametrize("profile", PROFILES)
async def test_every_profile_has_presence_as_it_is_now(profile: str) -> None:
    """No older document describes it in another way."""
    world = a_world(resource=a_resource(profile=profile))
    world.connect(ALICE)
    world.disconnect(ALICE)
    await world.advance(minutes=1)

    [event] = await world.events()
    assert event["eventType"] == "Microsoft.Communication.UserDisconnected"


async def test_user_who_comes_back_in_time_was_never_gone(world: PresenceWorld) -> None:
    """However often."""
    world.connect(ALICE)
    for _ in range(5):
        world.disconnect(ALICE)
        await world.advance(seconds=29)
        world.connect(ALICE)
        await world.advance(seconds=29)
    await world.advance(hours=1)

    assert await world.gone() == []
    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]


async def test_last_connection_counts(world: PresenceWorld) -> None:
    """A user with two devices is gone when both are."""
    world.connect(ALICE, ALICE)
    world.disconnect(ALICE)
    await world.advance(hours=1)
    assert await world.gone() == []

    world.disconnect(ALICE)
    await world.advance(seconds=30)

    assert await world.gone() == [ALICE]


async def test_user_may_go_again(world: PresenceWorld) -> None:
    """Each absence is told once."""
    for _ in range(3):
        world.connect(ALICE)
        await world.advance(seconds=1)
        world.disconnect(ALICE)
        await world.advance(minutes=1)

    assert await world.gone() == [ALICE] * 3


async def test_grace_period_may_be_nothing() -> None:
    """Then a user is gone at once, and once."""
    world = a_world(grace=0)
    world.connect(ALICE)
    world.disconnect(ALICE)
    await world.advance(seconds=0)
    world.connect(ALICE)
    world.disconnect(ALICE)
    world.connect(ALICE)
    await world.advance(seconds=1)

    assert await world.gone() == [ALICE]


@given(
    steps=st.lists(
        st.tuples(st.sampled_from([ALICE, BOB]), st.integers(0, 40), st.integers(0, 40)),
        max_size=12,
    )
)
async def test_any_coming_and_going(steps: list[tuple[str, int, int]]) -> None:
    """Each absence of 30 seconds is told, no shorter one is, and the store agrees with memory."""
    world = a_world()
    now, last = 0, {ALICE: -1, BOB: -1}
    expected = []
    for raw_id, present, absent in steps:
        world.connect(raw_id)
        await world.advance(seconds=present)
        world.disconnect(raw_id)
        now += present
        last[raw_id] = now
        await world.advance(seconds=absent)
        now += absent
        for each, since in last.items():
            if since >= 0 and now - since >= 30:
                expected.append(each)
                last[each] = -1
        assert sorted(await world.gone()) == sorted(expected)
        assert len(await world.kept()) == 2 * sum(since >= 0 for since in last.values())


async def test_connection_of_a_user_who_came_back_while_the_event_was_written() -> None:
    """The event stands, since it was true; the user is present again, and may go again."""
    entered, go_on = asyncio.Event(), asyncio.Event()
    world = a_world()

    async def slow(changes: object, batches: object) -> int:
        if batches:
            entered.set()
            await go_on.wait()
        return await world.store.commit(changes, batches)  # type: ignore[arg-type]

    world = a_world(store=world.store, clock=world.clock, commit=slow)
    world.connect(ALICE)
    world.disconnect(ALICE)
    moving = asyncio.create_task(world.advance(seconds=30))
    await entered.wait()
    world.connect(ALICE)
    go_on.set()
    await moving

    assert await world.gone() == [ALICE]
    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]
    world.disconnect(ALICE)
    await world.advance(seconds=30)
    assert await world.gone() == [ALICE, ALICE]
    assert await world.kept() == []


async def test_burst_of_connections_is_few_commits(world: PresenceWorld) -> None:
    """Ten thousand browsers come and go together."""
    users = [f"{ALICE}{number}" for number in range(10_000)]
    world.connect(*users)
    await world.advance(seconds=1)
    assert len(await world.store.scan("presence-users")) == 10_000
    assert len(world.commits) <= 25

    world.disconnect(*users)
    await world.advance(minutes=1)

    assert sorted(await world.gone()) == sorted(users)
    assert len(world.commits) <= 100
    assert await world.kept() == []


async def test_quick_changes_are_written_as_they_end(world: PresenceWorld) -> None:
    """What comes and goes and comes again before anything is written needs one record."""
    world.connect(ALICE)
    world.disconnect(ALICE)
    world.connect(ALICE)
    await world.advance(hours=1)

    assert world.commits == [1]
    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]


async def test_nothing_new_is_not_written(world: PresenceWorld) -> None:
    """Another connection, or one that was gone for a moment."""
    world.connect(ALICE)
    await world.advance(seconds=1)
    world.connect(ALICE)
    await world.advance(seconds=1)
    world.disconnect(ALICE, ALICE)
    world.connect(ALICE)
    await world.advance(hours=1)

    assert world.commits == [1]


async def test_deleted_resource_is_silent(world: PresenceWorld) -> None:
    """Whoever was connected or just gone, and connections that close only now."""
    world.connect(ALICE, BOB)
    await world.advance(seconds=1)
    world.disconnect(BOB)
    await world.advance(seconds=1)

    world.directory.remove(world.resource.resource_id)
    await world.presence.forget(world.resource.topic)
    await world.advance(seconds=1)
    assert await world.kept() == []
    world.disconnect(ALICE)
    await world.advance(hours=1)

    assert await world.events() == []
    assert await world.kept() == []


async def test_resource_deleted_without_being_forgotten_is_silent(world: PresenceWorld) -> None:
    """A crash may come between the two; what is left goes by itself."""
    world.connect(ALICE, BOB)
    world.disconnect(BOB)
    await world.advance(seconds=1)
    world.directory.remove(world.resource.resource_id)

    restarted = await world.restart()
    await restarted.advance(hours=1)

    assert await restarted.events() == []
    assert await restarted.kept() == []
    await restarted.presence.close()


async def test_forgetting_a_resource_that_stays_keeps_the_connected(world: PresenceWorld) -> None:
    """Connections are not what has happened: they still end, and that is told."""
    world.connect(ALICE, BOB)
    world.disconnect(BOB)
    await world.advance(seconds=1)

    await world.presence.forget(world.resource.topic)
    await world.advance(hours=1)
    assert await world.gone() == []
    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]

    world.disconnect(ALICE)
    await world.advance(minutes=1)
    assert await world.gone() == [ALICE]


async def test_forgetting_one_resource_leaves_the_others(world: PresenceWorld) -> None:
    """Topics that begin alike are others, too."""
    other = a_resource()
    world.connect(ALICE)
    await world.advance(seconds=1)

    await world.presence.forget(other.topic[:-1])

    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]


async def test_end_without_a_beginning_is_ignored(world: PresenceWorld) -> None:
    """Of a connection to a resource that was deleted meanwhile."""
    world.disconnect(ALICE)
    await world.advance(minutes=1)
    assert await world.events() == []

    world.connect(ALICE)
    world.disconnect(ALICE, ALICE)
    world.connect(ALICE)
    await world.advance(minutes=1)
    assert await world.events() == []
    world.disconnect(ALICE)
    await world.advance(minutes=1)
    assert await world.gone() == [ALICE]


async def test_grace_is_thirty_seconds_unless_told_otherwise() -> None:
    """The constructor takes nanoseconds."""
    world = a_world(grace=5 * SECOND)
    world.connect(ALICE)
    world.disconnect(ALICE)
    await world.advance(seconds=4.9)
    assert await world.gone() == []
    await world.advance(seconds=0.1)

    assert await world.gone() == [ALICE]


async def test_close_writes_what_is_not_written(world: PresenceWorld) -> None:
    """The next start knows of it."""
    world.connect(ALICE)
    await world.presence.close()

    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]


async def test_nothing_is_written_after_the_close(world: PresenceWorld) -> None:
    """The store closes next."""
    world.connect(ALICE)
    await world.presence.close()
    world.disconnect(ALICE)
    world.connect(BOB)
    await world.advance(hours=1)

    assert await world.kept() == [f"{world.resource.topic}/{ALICE}"]
