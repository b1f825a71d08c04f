"""What becomes of rows that are due for their dead letter, by the answer of the store."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from switchhook.clock import HOUR, MINUTE, VirtualClock
from switchhook.grid import dead_letters
from switchhook.grid.collections import GIVEN_UP, GIVEN_UP_EVENTS
from switchhook.grid.dead_lettering import DeadLettering
from switchhook.grid.given_up import GivenUp, GivenUpState
from switchhook.grid.ports import (
    Change,
    DeadLetterAnswer,
    Put,
    PutWaiting,
    SettleWaiting,
    WaitingDelivery,
)
from switchhook.grid.subscriptions import DeadLetterDestination, EventSubscription
from tests.builders import a_body, a_subscription, a_topic, an_event
from tests.contract.values import a_delivery

CONTAINER = DeadLetterDestination(resource_id="/storageAccounts/acc", container="letters")
TO_CONTAINER = a_subscription(dead_letter_destination=CONTAINER)
HOUR_OF_START = "HOOK/2026/1/1/0/"


class ScriptedContainers:
    """Takes every blob, or answers what the test says."""

    def __init__(self) -> None:
        self.answer = DeadLetterAnswer.WRITTEN
        self.blobs: dict[str, list[Any]] = {}
        self.writes = 0

    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        assert destination == CONTAINER
        self.writes += 1
        if self.answer is DeadLetterAnswer.WRITTEN:
            self.blobs[name] = json.loads(body)
        return self.answer, "why"

    async def close(self) -> None:
        """Nothing to release."""


class Scene:
    """The step over scripted containers, and a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.containers = ScriptedContainers()
        self.step = DeadLettering(self.containers, self.clock)

    def row(self, position: int = 0, **members: Any) -> WaitingDelivery:
        """A delivery that was given up just now, unless the test says when."""
        now = self.clock.now()
        defaults: dict[str, Any] = {
            "body": a_body(an_event(id=f"e{position}")),
            "dead_letter_reason": "NotRetriable",
            "given_up_at": now,
            "due_at": now + dead_letters.DELAY,
        }
        return a_delivery(position, **(defaults | members))

    async def write(
        self, *rows: WaitingDelivery, subscription: EventSubscription = TO_CONTAINER
    ) -> list[Change]:
        """One turn of the step."""
        return await self.step.write(rows, subscription, a_topic())


@pytest.fixture
def scene() -> Scene:
    """Nothing is given up yet."""
    return Scene()


def settled(changes: list[Change]) -> list[int]:
    """The positions of the rows that are finished."""
    return [each.position for each in changes if isinstance(each, SettleWaiting)]


def postponed(changes: list[Change]) -> list[WaitingDelivery]:
    """The rows that go on waiting."""
    return [each.delivery for each in changes if isinstance(each, PutWaiting)]


def kept(changes: list[Change]) -> list[GivenUp]:
    """What is kept, which always comes with its event."""
    puts = [each for each in changes if isinstance(each, Put)]
    about = {each.key: each for each in puts if each.collection == GIVEN_UP}
    assert about.keys() == {each.key for each in puts if each.collection == GIVEN_UP_EVENTS}
    return [msgspec.json.decode(each.value, type=GivenUp) for each in about.values()]


async def test_rows_become_one_blob(scene: Scene) -> None:
    """In the order in which they were given up, each settled and kept with the blob's name."""
    early = scene.row(5)
    await scene.clock.advance(timedelta(seconds=1))
    changes = await scene.write(scene.row(3), early, scene.row(4))

    ((name, events),) = scene.containers.blobs.items()
    assert name.startswith(HOUR_OF_START)
    assert [each["id"] for each in events] == ["e5", "e3", "e4"]
    assert {each["deadLetterReason"] for each in events} == {"NotRetriable"}
    assert settled(changes) == [5, 3, 4]
    assert {(each.state, each.where, each.name) for each in kept(changes)} == {
        (GivenUpState.WRITTEN, name, "hook")
    }


async def test_nothing_due_is_nothing_to_do(scene: Scene) -> None:
    """No rows, no blob."""
    assert await scene.write() == []
    assert scene.containers.writes == 0


async def test_crash_before_the_commit_writes_the_same_blob_again(scene: Scene) -> None:
    """Rows that have come due meanwhile join it, also hours later and in another process."""
    rows = [scene.row(0), scene.row(1)]
    await scene.write(*rows)
    await scene.clock.advance(timedelta(hours=2))

    again = DeadLettering(scene.containers, scene.clock)
    changes = await again.write([scene.row(2), *rows], TO_CONTAINER, a_topic())

    ((_, events),) = scene.containers.blobs.items()
    assert [each["id"] for each in events] == ["e0", "e1", "e2"]
    assert settled(changes) == [0, 1, 2]


async def test_many_rows_become_several_blobs(scene: Scene) -> None:
    """Each bounded, each with a name of its own, nothing left out."""
    count = dead_letters.MAX_EVENTS_IN_BLOB + 2
    changes = await scene.write(*(scene.row(position) for position in range(count)))

    assert [len(each) for each in scene.containers.blobs.values()] == [count - 2, 2]
    assert settled(changes) == list(range(count))
    assert {each.where for each in kept(changes)} == set(scene.containers.blobs)


async def test_missing_container_drops(scene: Scene) -> None:
    """At once, and what is kept says why."""
    scene.containers.answer = DeadLetterAnswer.NO_CONTAINER

    changes = await scene.write(scene.row(0), scene.row(1))

    assert settled(changes) == [0, 1]
    assert {(each.state, each.where) for each in kept(changes)} == {
        (GivenUpState.DROPPED, "there is no such container: why")
    }


async def test_without_a_destination_drops(scene: Scene) -> None:
    """An update may have taken it away; nothing is written."""
    changes = await scene.write(scene.row(0), subscription=a_subscription())

    assert settled(changes) == [0]
    assert [each.state for each in kept(changes)] == [GivenUpState.DROPPED]
    assert scene.containers.writes == 0


async def test_unavailable_container_is_tried_again(scene: Scene) -> None:
    """The rows stay as they are but for their time, and nothing is settled."""
    scene.containers.answer = DeadLetterAnswer.UNAVAILABLE
    row = scene.row(0)
    await scene.clock.advance(timedelta(minutes=5))

    changes = await scene.write(row)

    due_at = scene.clock.now() + dead_letters.RETRY_INTERVAL
    assert changes == [PutWaiting(msgspec.structs.replace(row, due_at=due_at))]


async def test_unavailable_container_is_asked_once(scene: Scene) -> None:
    """Not once for every blob: each may take half a minute to fail."""
    scene.containers.answer = DeadLetterAnswer.UNAVAILABLE
    count = 2 * dead_letters.MAX_EVENTS_IN_BLOB + 1

    changes = await scene.write(*(scene.row(position) for position in range(count)))

    assert scene.containers.writes == 1
    assert len(postponed(changes)) == count


@pytest.mark.parametrize(
    ("waited", "due_after"),
    [
        (0, 5 * MINUTE),
        (3 * HOUR, 3 * HOUR + 5 * MINUTE),
        (4 * HOUR - 2 * MINUTE, 4 * HOUR),
        (4 * HOUR, None),
        (9 * HOUR, None),
    ],
)
async def test_unavailable_for_four_hours_drops(
    scene: Scene, waited: int, due_after: int | None
) -> None:
    """The last try is at the very end of the four hours."""
    scene.containers.answer = DeadLetterAnswer.UNAVAILABLE
    row = scene.row(0)
    await scene.clock.advance(timedelta(microseconds=waited // 1000))

    changes = await scene.write(row)

    due = [each.due_at - row.given_up_at for each in postponed(changes)]
    assert due == ([] if due_after is None else [due_after])
    assert [each.where for each in kept(changes)] == (
        [] if due else ["the container was unavailable for too long: why"]
    )
    assert settled(changes) == ([] if due else [0])


async def test_time_without_a_server_does_not_count(scene: Scene) -> None:
    """Container and server start together after a night: the first refusal drops nothing."""
    row = scene.row(0)
    await scene.clock.advance(timedelta(hours=12))
    scene.containers.answer = DeadLetterAnswer.UNAVAILABLE

    changes = await DeadLettering(scene.containers, scene.clock).write(
        [row], TO_CONTAINER, a_topic()
    )

    assert len(postponed(changes)) == 1


async def test_waits_can_be_shortened(scene: Scene) -> None:
    """The same rules in milliseconds."""
    scene.containers.answer = DeadLetterAnswer.UNAVAILABLE
    waits = dead_letters.DeadLetterWaits(delay=3, unavailable_for=100, retry_interval=10)
    row = scene.row(0)

    changes = await scene.step.write([row], TO_CONTAINER, a_topic(), waits)

    assert [each.due_at for each in postponed(changes)] == [row.given_up_at + 10]
