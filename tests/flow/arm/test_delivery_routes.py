"""Replays, dead letters and delivery faults over the management routes."""

from datetime import timedelta
from typing import Any

import pytest

from tests.flow.arm.delivering import HOOK, OWN, DeliveringScene
from tests.flow.arm.requests import send
from tests.flow.arm.scene import TOPIC_ID
from tests.flow.arm.test_guarded_routes import addresses
from tests.scripted_transport import always

REPLAYS = f"{HOOK}/{OWN}/replays"
DEAD_LETTERS = f"{HOOK}/{OWN}/deadLetters"
FAULTS = f"{HOOK}/{OWN}/deliveryFaults/default"


@pytest.fixture
async def scene() -> DeliveringScene:
    """A server with an event subscription in force."""
    scene = DeliveringScene()
    await scene.open()
    await scene.subscribe()
    return scene


async def _advance(scene: DeliveringScene, **span: float) -> None:
    await scene.clock.advance(timedelta(**span))


async def test_every_route_wants_a_token(scene: DeliveringScene) -> None:
    """Those of one event subscription, and those over all."""
    found = [address for route in scene.app().routes for address in addresses(route)]
    own = [(method, path) for method, path in found if "switchhook.eventgrid" in path]

    assert len(own) >= 13
    for method, path in own:
        for headers in ({"authorization": ""}, {"origin": "https://example.com"}):
            answer = await send(scene, method, path, {}, headers)
            assert answer.status == (403 if "origin" in headers else 401), path


# --- replays -----------------------------------------------------------------------------------


async def test_replay_begins_shows_how_far_it_is_and_ends(scene: DeliveringScene) -> None:
    await scene.publish("a", "b", "c")
    scene.webhooks.requests.clear()
    begun = await scene.call("PUT", f"{REPLAYS}/again", {"properties": {"eventsPerSecond": 1}})
    await _advance(scene, seconds=1)
    half = await scene.call("GET", f"{REPLAYS}/AGAIN")
    await _advance(scene, seconds=9)
    end = (await scene.call("GET", f"/{OWN}/replays/again")).json()

    assert begun.status == 201
    assert half.json()["id"] == f"{REPLAYS}/again"
    properties = half.json()["properties"]
    assert (properties["state"], properties["queued"], properties["run"]) == ("Running", 2, 1)
    assert (end["properties"]["state"], end["properties"]["queued"]) == ("Succeeded", 3)
    assert end["properties"]["eventSubscriptionId"] == HOOK
    assert scene.delivered == ["a", "b", "c"]


async def test_replay_of_selected_events(scene: DeliveringScene) -> None:
    """By time (or how long ago), subject and type."""
    await scene.publish("old", subject="a/1", eventType="T")
    await _advance(scene, hours=2)
    await scene.publish("a", subject="a/1", eventType="T")
    await scene.publish("b", subject="b/1", eventType="T")
    await scene.publish("other", subject="a/1", eventType="Other")
    scene.webhooks.requests.clear()
    properties = {
        "startTime": "PT1H",
        "subjectBeginsWith": "a/",
        "subjectEndsWith": "1",
        "includedEventTypes": ["T"],
    }
    await scene.call("PUT", f"{REPLAYS}/some", {"properties": properties})
    await _advance(scene, seconds=10)

    assert scene.delivered == ["a"]


async def test_canceled_replay_stays_in_the_list_and_a_deleted_one_does_not(
    scene: DeliveringScene,
) -> None:
    await scene.publish("a", "b", "c")
    for name in ("one", "two"):
        await scene.call("PUT", f"{REPLAYS}/{name}", {"properties": {"eventsPerSecond": 1}})
    scene.webhooks.requests.clear()
    canceled = await scene.call("POST", f"{REPLAYS}/one/cancel")
    deleted = await scene.call("DELETE", f"{REPLAYS}/two")
    await _advance(scene, minutes=1)
    listed = (await scene.call("GET", REPLAYS)).json()["value"]
    everywhere = (await scene.call("GET", f"/{OWN}/replays")).json()["value"]

    assert canceled.json()["properties"]["state"] == "Canceled"
    assert deleted.status == 204
    assert [each["name"] for each in listed] == ["one"] == [each["name"] for each in everywhere]
    assert scene.delivered == []


@pytest.mark.parametrize(
    ("properties", "part"),
    [
        ({"eventsPerSecond": 0}, "'eventsPerSecond' must be between 1 and 10000"),
        ({"startTime": "yesterday"}, "'startTime' must be a time"),
        ({"startTime": "PX"}, "'startTime' must be a time, or a duration such as PT1H"),
        ({"startTime": "PT1H", "endTime": "PT2H"}, "'endTime' must be later"),
        ({"includedEventTypes": "T"}, "'includedEventTypes' must be an array"),
        ({"reason": "NotRetriable"}, "'reason' of 'replay.properties' is not supported"),
        ({"includedEventTypes": ["t"] * 101}, "at most 100"),
    ],
)
async def test_replay_that_cannot_be_is_refused(
    scene: DeliveringScene, properties: dict[str, Any], part: str
) -> None:
    answer = await scene.call("PUT", f"{REPLAYS}/one", {"properties": properties})

    assert answer.status == 400
    assert part in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", f"{REPLAYS}/with_underscore", 400),
        ("PUT", f"/{OWN}/replays/one", 400),
        ("PUT", f"{TOPIC_ID}/{OWN}/replays/one", 400),
        ("PUT", f"{HOOK}x/{OWN}/replays/one", 404),
        ("GET", f"{REPLAYS}/none", 404),
        ("POST", f"{REPLAYS}/none/cancel", 404),
        ("DELETE", f"{REPLAYS}/none", 204),
        ("GET", f"{DEAD_LETTERS}/1-2-3", 400),
        ("GET", f"{DEAD_LETTERS}/1-2-3-x", 404),
        ("GET", f"{DEAD_LETTERS}?$top=0", 400),
        ("GET", f"{DEAD_LETTERS}?$skiptoken=%C3%A4", 400),
        ("GET", f"{DEAD_LETTERS}?reason=Bad", 400),
        ("POST", f"{DEAD_LETTERS}/forget", 404),
        ("GET", f"{HOOK}/{OWN}/deliveryFaults/other", 400),
        ("GET", FAULTS, 404),
        ("DELETE", FAULTS, 204),
    ],
)
async def test_wrong_requests_are_answered(
    scene: DeliveringScene, method: str, path: str, status: int
) -> None:
    answer = await scene.call(method, path, {} if method in ("PUT", "POST") else None)

    assert answer.status == status, answer.text


async def test_name_of_a_replay_is_taken_once(scene: DeliveringScene) -> None:
    await scene.call("PUT", f"{REPLAYS}/one", {})

    assert (await scene.call("PUT", f"{REPLAYS}/One", {})).status == 409


# --- dead letters ------------------------------------------------------------------------------


async def _give_up(scene: DeliveringScene, *names: str) -> None:
    scene.webhooks.answer = always(400)
    await scene.publish(*names)
    await scene.engine.checkpoint.write()
    scene.webhooks.answer = always(200)


async def test_dropped_events_are_listed_the_newest_first(scene: DeliveringScene) -> None:
    """On pages, of a subscription and of all; each is shown with its event."""
    for name in ("a", "b", "c"):
        await _give_up(scene, name)
        await _advance(scene, seconds=1)
    first = (await scene.call("GET", f"{DEAD_LETTERS}?$top=2")).json()
    second = (await scene.call("GET", first["nextLink"].partition("8080")[2])).json()
    everywhere = (await scene.call("GET", f"/{OWN}/deadLetters")).json()["value"]
    one = (await scene.call("GET", first["value"][0]["id"])).json()

    ids = [each["properties"]["eventId"] for each in first["value"] + second["value"]]
    assert ids == ["c", "b", "a"] == [each["properties"]["eventId"] for each in everywhere]
    assert one["properties"]["event"]["id"] == "c"
    assert one["properties"]["reason"] == "NotRetriable"
    assert one["properties"]["state"] == "dropped"
    assert one["properties"]["lastHttpStatusCode"] == 400
    assert one["properties"]["eventSubscriptionId"] == HOOK


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("reason=notretriable", ["b", "a"]),
        ("reason=TimeToLiveExceeded", []),
        ("state=dropped", ["b", "a"]),
        ("state=written", []),
        ("startTime=PT30M", ["b"]),
        ("endTime=PT30M", ["a"]),
    ],
)
async def test_query_selects(scene: DeliveringScene, query: str, expected: list[str]) -> None:
    await _give_up(scene, "a")
    await _advance(scene, hours=1)
    await _give_up(scene, "b")
    found = (await scene.call("GET", f"{DEAD_LETTERS}?{query}")).json()["value"]

    assert [each["properties"]["eventId"] for each in found] == expected


@pytest.mark.parametrize("path", [DEAD_LETTERS, f"/{OWN}/deadLetters"])
async def test_redrive_delivers_again_and_the_list_shows_it(
    scene: DeliveringScene, path: str
) -> None:
    await _give_up(scene, "a", "b")
    scene.webhooks.requests.clear()
    begun = await scene.call("POST", f"{path}/redrive", {"reason": "NotRetriable"})
    await _advance(scene, seconds=10)
    replay = (await scene.call("GET", begun.json()["id"])).json()["properties"]
    listed = (await scene.call("GET", DEAD_LETTERS)).json()["value"]

    assert begun.status == 202
    assert (replay["state"], replay["queued"], replay["source"]) == ("Succeeded", 2, "deadLetters")
    assert scene.delivered == ["a", "b"]
    assert [each["properties"]["redrivenByRun"] for each in listed] == [1, 1]


async def test_redrive_of_one_by_its_name(scene: DeliveringScene) -> None:
    await _give_up(scene, "a", "b")
    scene.webhooks.requests.clear()
    listed = (await scene.call("GET", DEAD_LETTERS)).json()["value"]
    name = next(each["name"] for each in listed if each["properties"]["eventId"] == "b")
    await scene.call("POST", f"{DEAD_LETTERS}/redrive", {"names": [name]})
    await _advance(scene, seconds=10)

    assert scene.delivered == ["b"]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"names": ["x"]}, "'x' is not the name of a dead letter"),
        ({"names": ["1-1-1-x"], "reason": "NotRetriable"}, "exclude each other"),
        ({"names": ["1-1-1-x"] * 101}, "at most 100"),
        ({"state": "waiting"}, "'written' or 'dropped'"),
        ({"reason": 5}, "'reason' must be a string"),
        ({"since": "PT1H"}, "'since' of 'redrive' is not supported"),
    ],
)
async def test_redrive_that_cannot_be_is_refused(
    scene: DeliveringScene, body: dict[str, Any], part: str
) -> None:
    answer = await scene.call("POST", f"{DEAD_LETTERS}/redrive", body)

    assert answer.status == 400
    assert part in answer.json()["error"]["message"]


# --- faults ------------------------------------------------------------------------------------


async def test_next_deliveries_fail_and_the_rest_do_not(scene: DeliveringScene) -> None:
    put = await scene.call("PUT", FAULTS, {"properties": {"count": 2, "status": 503}})
    await scene.publish("a")
    left = (await scene.call("GET", FAULTS)).json()["properties"]
    await scene.publish("b", "c")
    gone = await scene.call("GET", FAULTS)
    await _advance(scene, hours=1)

    assert put.json()["properties"] == {
        "count": 2,
        "status": 503,
        "dropConnection": False,
        "delay": None,
        "duplicate": False,
        "reorder": False,
    }
    assert (left["count"], gone.status) == (1, 404)
    assert sorted(scene.delivered) == ["a", "b", "c"]
    assert scene.delivered[0] == "c"


async def test_request_is_held_back_until_the_next_was_sent(scene: DeliveringScene) -> None:
    await scene.call("PUT", FAULTS, {"properties": {"reorder": True}})
    await scene.publish("a")
    await scene.publish("b")
    await _advance(scene, seconds=1)

    assert scene.delivered == ["b", "a"]


async def test_cleared_fault_does_nothing(scene: DeliveringScene) -> None:
    await scene.call("PUT", FAULTS, {"properties": {"delay": "PT1H", "count": 9}})
    await scene.call("DELETE", FAULTS)
    await scene.publish("a")

    assert scene.delivered == ["a"]


@pytest.mark.parametrize(
    ("properties", "part"),
    [
        ({}, "Name what is to go wrong"),
        ({"status": 99}, "'status' must be between 200 and 599"),
        ({"status": 503, "count": 0}, "'count' must be between 1 and 1000000"),
        ({"status": 503, "dropConnection": True}, "exclude each other"),
        ({"dropConnection": True, "duplicate": True}, "exclude each other"),
        ({"delay": "PT2H"}, "at most one hour"),
        ({"delay": "5s"}, "ISO 8601"),
        ({"fail": True}, "'fail' of 'deliveryFaults.properties' is not supported"),
    ],
)
async def test_fault_that_cannot_be_is_refused(
    scene: DeliveringScene, properties: dict[str, Any], part: str
) -> None:
    answer = await scene.call("PUT", FAULTS, {"properties": properties})

    assert answer.status == 400
    assert part in answer.json()["error"]["message"]
