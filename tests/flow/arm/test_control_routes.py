"""Moving the clock, waiting for quiet and resetting over the management routes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from switchhook.cli.spans import to_iso
from switchhook.clock import HOUR, SECOND, SystemClock
from switchhook.errors import StartError
from tests.flow.arm.requests import send
from tests.flow.arm.scene import Scene

OWN = "/providers/Switchhook.EventGrid"
CLOCK = f"{OWN}/clocks/default"


@pytest.mark.parametrize(
    ("body", "moved"),
    [
        ({"by": "PT24H"}, 24 * HOUR),
        ({"by": "p1dt12h"}, 36 * HOUR),
        ({"by": "PT0.5S"}, SECOND // 2),
        ({"by": "PT0S"}, 0),
        ({"by": "P366D"}, 366 * 24 * HOUR),
        ({"to": "2026-01-01T01:00:00Z"}, HOUR),
        ({"to": "2026-01-01T02:00:00+01:00"}, HOUR),
        ({"to": "2026-01-01T00:00:00Z"}, 0),
    ],
)
async def test_clock_is_moved_by_a_span_or_to_a_time(
    scene: Scene, body: dict[str, Any], moved: int
) -> None:
    """The answer has the new time."""
    start = scene.clock.now()
    answer = await send(scene, "POST", f"{CLOCK}/advance", body)

    assert answer.status == 200, answer.text
    assert scene.clock.now() - start == moved
    assert answer.json()["properties"]["kind"] == "Virtual"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"by": "PT1H", "to": "2026-01-01T01:00:00Z"},
        {"by": "24h"},
        {"by": "P1M"},
        {"by": "P1Y"},
        {"by": "PT"},
        {"by": "P"},
        {"by": ""},
        {"by": "-PT1H"},
        {"by": 3600},
        {"by": None},
        {"by": "P366DT0.000000001S"},
        {"by": "P999999999D"},
        {"by": "PT" + "9" * 5000 + "H"},
        {"to": "soon"},
        {"to": ""},
        {"to": 5},
        {"to": "2025-12-31T23:59:59Z"},
        {"to": "2999-01-01T00:00:00Z"},
        {"to": "0001-01-01T00:00:00+23:59"},
        {"by": "PT1H", "speed": 2},
    ],
)
async def test_wrong_advance_is_refused_and_moves_nothing(
    scene: Scene, body: dict[str, Any]
) -> None:
    """With a message in Azure's form."""
    start = scene.clock.now()
    answer = await send(scene, "POST", f"{CLOCK}/advance", body)

    assert answer.status == 400
    assert answer.json()["error"]["code"] == "InvalidRequest"
    assert scene.clock.now() == start


async def test_clock_ends_in_2100(scene: Scene) -> None:
    """Long before times no longer fit into the store."""
    statuses = [
        (await send(scene, "POST", f"{CLOCK}/advance", {"by": "P366D"})).status for _ in range(75)
    ]

    assert statuses == [200] * 73 + [400] * 2
    assert (await send(scene, "GET", CLOCK)).json()["properties"]["now"].startswith("2099-")


async def test_there_is_one_clock(scene: Scene) -> None:
    """Its name is `default`, in any case."""
    answers = [
        await send(scene, "GET", f"{OWN}/clocks/Default"),
        await send(scene, "GET", f"{OWN}/clocks/other"),
        await send(scene, "POST", f"{OWN}/clocks/other/advance", {"by": "PT1S"}),
    ]

    assert [answer.status for answer in answers] == [200, 404, 404]


async def test_nested_advance_conflicts(scene: Scene) -> None:
    """The one that runs is not disturbed."""
    hanging = asyncio.Event()

    async def wait() -> None:
        await hanging.wait()

    scene.clock.wait_for(wait)
    start = scene.clock.now()
    advance = asyncio.create_task(scene.clock.advance(timedelta(hours=1)))
    await scene.settle()
    answer = await send(scene, "POST", f"{CLOCK}/advance", {"by": "PT1H"})
    hanging.set()
    await advance

    assert (answer.status, answer.json()["error"]["code"]) == (409, "Conflict")
    assert scene.clock.now() - start == HOUR


async def test_clock_of_the_machine_is_not_moved(scene: Scene) -> None:
    """The message says what to do."""
    scene.control_clock = SystemClock()
    answer = await send(scene, "POST", f"{CLOCK}/advance", {"by": "PT1H"})
    clock = (await send(scene, "GET", CLOCK)).json()

    assert answer.status == 409
    assert "--virtual-clock" in answer.json()["error"]["message"]
    assert clock["properties"]["kind"] == "System"


@pytest.mark.parametrize("span", ["PT0S", "PT0.9S", "PT10M1S", "P1D", "soon", 30, None])
async def test_wrong_timeout_is_refused(scene: Scene, span: object) -> None:
    """One second to ten minutes."""
    answer = await send(scene, "POST", f"{OWN}/waitIdle", {"timeout": span})

    assert answer.status == 400


async def test_waiting_ends_with_quiet(scene: Scene) -> None:
    """Not before."""
    waiting = asyncio.create_task(send(scene, "POST", f"{OWN}/waitIdle", {}))
    for _ in range(50):
        await asyncio.sleep(0)
    before = waiting.done()
    scene.is_idle.set()
    answer = await waiting

    assert not before
    assert (answer.status, answer.json()) == (200, {"isIdle": True})


async def test_waiting_goes_on_while_a_replay_reads(scene: Scene) -> None:
    """On the clock of the machine a replay comes to its end by itself."""
    scene.control_clock = SystemClock()
    scene.is_idle.set()
    scene.replays = ["replay-1"]
    waiting = asyncio.create_task(send(scene, "POST", f"{OWN}/waitIdle", {}))
    for _ in range(50):
        await asyncio.sleep(0)
    before = waiting.done()
    scene.replays = []
    answer = await waiting

    assert (before, answer.status) == (False, 200)


async def test_waiting_that_is_too_short_names_the_replay(scene: Scene) -> None:
    """It is what there is to be waited for."""
    scene.control_clock = SystemClock()
    scene.is_idle.set()
    scene.replays = ["replay-1", "again"]
    answer = await send(scene, "POST", f"{OWN}/waitIdle", {"timeout": "PT1S"})

    assert answer.status == 409
    assert answer.json()["error"]["message"].endswith(
        " The replay 'replay-1' (and 1 more) is still running."
    )


async def test_replay_on_a_clock_that_stands_still_is_said_at_once(scene: Scene) -> None:
    """No waiting would end it: the message says what to do."""
    scene.is_idle.set()
    scene.replays = ["replay-1"]
    async with asyncio.timeout(5):
        answer = await send(scene, "POST", f"{OWN}/waitIdle", {"timeout": "PT10M"})

    assert answer.status == 409
    assert "'replay-1' is still running" in answer.json()["error"]["message"]
    assert "switchhook clock advance" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "resets"), [({}, [False]), ({"all": True}, [True]), ({"all": False}, [False])]
)
async def test_reset_is_asked_for(scene: Scene, body: dict[str, Any], resets: list[bool]) -> None:
    """Resources stay unless the body says otherwise."""
    answer = await send(scene, "POST", f"{OWN}/reset", body)

    assert (answer.status, scene.resets) == (204, resets)


@pytest.mark.parametrize("body", [{"all": "yes"}, {"everything": True}])
async def test_wrong_reset_is_refused(scene: Scene, body: dict[str, Any]) -> None:
    """Nothing is forgotten by mistake."""
    answer = await send(scene, "POST", f"{OWN}/reset", body)

    assert (answer.status, scene.resets) == (400, [])


async def test_routes_are_closed_without_the_token(scene: Scene) -> None:
    """As all management routes are."""
    paths = (f"{CLOCK}/advance", f"{OWN}/waitIdle", f"{OWN}/reset")
    answers = [await send(scene, "POST", path, {}, {"authorization": ""}) for path in paths]

    assert [answer.status for answer in answers] == [401, 401, 401]
    assert scene.resets == []


# --- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("24h", "PT24H"),
        ("90s", "PT90S"),
        ("10m", "PT10M"),
        ("1d12h", "P1DT12H"),
        ("2d", "P2D"),
        ("1.5s", "PT1.5S"),
        ("1D2H3M4S", "P1DT2H3M4S"),
        ("PT24H", "PT24H"),
        ("p1d", "P1D"),
    ],
)
def test_spans_of_the_command_line(text: str, iso: str) -> None:
    """Days, hours, minutes and seconds in this order, or ISO 8601."""
    assert to_iso(text, "SPAN") == iso


@pytest.mark.parametrize("text", ["", "24", "h", "1h1d", "1w", "-1h", "1.5h", "1 h", "٣h"])
def test_wrong_span_of_the_command_line(text: str) -> None:
    """It is named."""
    with pytest.raises(StartError, match="SPAN"):
        to_iso(text, "SPAN")
