"""Events as they are accepted, read from the log."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from switchhook.clock import HOUR
from switchhook.grid.collections import TOPICS
from switchhook.grid.places import Place
from switchhook.grid.ports import Put
from switchhook.grid.schemas.accept import PublishRequest
from switchhook.grid.tail import Accepted, Missed, Tails, Wanted
from tests.builders import a_body, a_topic, an_event
from tests.flow.explaining import Asked, a_new_one

ALL = Wanted()


@pytest.fixture
async def flow() -> Asked:
    return await a_new_one()


@pytest.fixture
def tails(flow: Asked) -> Tails:
    return Tails(log=flow.store, router=flow.engine.router)


async def ids(watch: AsyncIterator[list[Accepted | Missed]]) -> list[str]:
    """The ids of all that is shown, until the end."""
    return [
        each.envelope.event.id
        async for found in watch
        for each in found
        if isinstance(each, Accepted)
    ]


async def following(watch: Any) -> list[Accepted | Missed]:
    """What is shown next."""
    found: list[Accepted | Missed] = await asyncio.wait_for(anext(watch), 10)
    return found


async def test_log_is_read_to_its_end(flow: Asked, tails: Tails) -> None:
    """Without following, what is there is shown, and nothing that comes meanwhile."""
    await flow.publish("e1", "e2")
    await flow.publish("e3")

    assert await ids(tails.watch(0, ALL, follow=False)) == ["e1", "e2", "e3"]
    assert await ids(tails.watch(1, ALL, follow=False)) == ["e2", "e3"]
    assert await ids(tails.watch(3, ALL, follow=False)) == []


async def test_follower_sees_what_is_accepted(flow: Asked, tails: Tails) -> None:
    """An event is shown when it is published, and the end of the server is the end."""
    watch = tails.watch(tails.head, ALL, follow=True)
    waiting = asyncio.ensure_future(following(watch))
    await asyncio.sleep(0)
    await flow.publish("e1")

    (shown,) = await waiting
    tails.close()

    assert isinstance(shown, Accepted)
    assert shown.envelope.event.id == "e1"
    assert await ids(watch) == []
    assert tails.count == 0


async def test_router_tells_only_who_watches(flow: Asked, tails: Tails) -> None:
    """Publishing costs nothing for a tail while there is none."""
    watchers = flow.engine.router.watchers
    watch = tails.watch(0, ALL, follow=True)
    await flow.publish("e1")
    assert watchers == []

    await following(watch)
    assert len(watchers) == 1

    tails.close()
    assert await ids(watch) == []
    assert watchers == []


async def test_close_ends_who_waits(flow: Asked, tails: Tails) -> None:
    """A follower at the end of the log does not hold up the server."""
    reading = asyncio.ensure_future(ids(tails.watch(0, ALL, follow=True)))
    await asyncio.sleep(0)
    tails.close()

    assert await asyncio.wait_for(reading, 10) == []


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Wanted(event_type="T"), ["typed"]),
        (Wanted(subject_begins_with="INVOICES/"), ["invoice"]),
        (Wanted(place=Place(topic=a_topic())), ["typed", "invoice"]),
        (Wanted(place=Place(topic=a_topic(incarnation="t2"))), ["other"]),
        (Wanted(event_type="T", subject_begins_with="invoices/"), []),
    ],
)
async def test_only_what_is_wanted(
    flow: Asked, tails: Tails, wanted: Wanted, shown: list[str]
) -> None:
    """By topic, by type and by the beginning of the subject."""
    other = a_topic(incarnation="t2", name="other", resource_id="/other")
    await flow.store.commit([Put(TOPICS, "t2", msgspec.json.encode(other))])
    flow.engine.router.add_topic(other)
    await flow.publish("typed", eventType="T")
    await flow.publish("invoice", subject="invoices/1")
    await flow.engine.publisher.publish(other, PublishRequest(a_body(an_event(id="other"))))

    assert await ids(tails.watch(0, wanted, follow=False)) == shown


async def test_trimmed_events_are_said_to_be_missed(flow: Asked, tails: Tails) -> None:
    """Whoever reads more slowly than the log is trimmed learns what is gone."""
    for name in ("e1", "e2", "e3"):
        await flow.publish(name)
    await flow.store.trim(2)

    found = await following(tails.watch(0, ALL, follow=False))

    assert found[0] == Missed(0, 2)
    assert [each.envelope.event.id for each in found if isinstance(each, Accepted)] == ["e3"]


async def test_empty_log_is_said_to_be_missed(flow: Asked, tails: Tails) -> None:
    """When nothing is left at all there is still an end."""
    await flow.publish("e1")
    await flow.store.trim(1)

    assert [each async for each in tails.watch(0, ALL, follow=False)] == [[Missed(0, 1)]]


async def test_position_of_an_instant(flow: Asked, tails: Tails) -> None:
    """A time finds the first event that was accepted at it or later."""
    start = flow.clock.now()
    for number in range(10):
        await flow.publish(f"a{number}", f"b{number}")
        await flow.advance(hours=1)
    await flow.store.trim(4)

    found = [await tails.position_at(start + hours * HOUR) for hours in (0, 2, 5, 9, 10, 99)]

    assert found == [4, 4, 10, 18, 20, 20]
    assert await tails.position_at(start + 5 * HOUR + 1) == 12


async def test_slow_reader_has_a_page_and_no_queue(flow: Asked, tails: Tails) -> None:
    """However much is published while it does not read, it gets the next page of the log."""
    watch = tails.watch(0, ALL, follow=True)
    await flow.publish("first")
    await following(watch)
    for number in range(40):
        await flow.publish(f"e{number}", data={"text": "x" * 50_000})
    pages = [await following(watch), await following(watch)]
    tails.close()

    assert [len(page) for page in pages] == [5, 5]
