"""How `switchhook listen` keeps its event subscription, against a server in memory."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from switchhook.cli.listen_subscription import KeptSubscription, Wanted
from switchhook.errors import ConnectError, RequestError

SCOPE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/orders"
PATH = f"{SCOPE}/providers/Microsoft.EventGrid/eventSubscriptions/listen-1"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Server:
    """Resources by id; refuses everything with `problem` while there is one."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Any]] = {}
        self.problem: Exception | None = None
        self.asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def get(self, path: str) -> dict[str, Any]:
        self._check()
        if path not in self.resources:
            raise RequestError(404, "ResourceNotFound", f"{path} was not found.")
        return self.resources[path]

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self._check()
        self.resources[path] = body["properties"]
        return body

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.get(path).update(body)
        return body

    def delete(self, path: str) -> None:
        self._check()
        self.resources.pop(path, None)

    def _check(self) -> None:
        self._loop.call_soon_threadsafe(self.asked.set)
        if self.problem is not None:
            raise self.problem


class Listening:
    """A kept subscription on a server, a clock for it, and what it told."""

    def __init__(self) -> None:
        self.server = Server()
        self.now = NOON
        self.notes: list[str] = []
        wanted = Wanted(
            scope=SCOPE,
            name="listen-1",
            endpoint_url="http://127.0.0.1:9/x",
            filter={"subjectBeginsWith": "orders/"},
        )
        self.kept = KeptSubscription(
            wanted,
            connect=lambda: self.server,
            note=self.notes.append,
            now=lambda: self.now,
            lifetime=timedelta(minutes=5),
        )

    async def check(self, times: int = 2) -> None:
        """Let it look after its subscription: `times` requests to the server."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(5):
            tasks.create_task(self.kept.keep(stop, check_every=0.001))
            for _ in range(times):
                self.server.asked.clear()
                await self.server.asked.wait()
            stop.set()


async def test_it_is_created_with_filter_destination_and_a_near_expiry() -> None:
    """A killed listener leaves nothing behind for longer than the lifetime."""
    listening = Listening()

    await listening.kept.create()

    assert listening.server.resources[PATH] == {
        "destination": {
            "endpointType": "WebHook",
            "properties": {"endpointUrl": "http://127.0.0.1:9/x"},
        },
        "filter": {"subjectBeginsWith": "orders/"},
        "expirationTimeUtc": "2026-01-01T12:05:00Z",
    }


async def test_it_is_renewed_when_a_third_of_its_life_is_over() -> None:
    """Long before it expires, so that a missed renewal or two do no harm."""
    listening = Listening()
    await listening.kept.create()

    listening.now = NOON + timedelta(seconds=101)
    await listening.check()

    assert listening.server.resources[PATH]["expirationTimeUtc"] == "2026-01-01T12:06:41Z"


async def test_it_is_left_alone_before_that() -> None:
    """Each renewal is a new version of the subscription: not more than needed."""
    listening = Listening()
    await listening.kept.create()

    listening.now = NOON + timedelta(seconds=99)
    await listening.check()

    assert listening.server.resources[PATH]["expirationTimeUtc"] == "2026-01-01T12:05:00Z"


async def test_it_is_created_again_when_the_server_lost_it() -> None:
    """As after the restart of a server with a throw-away folder."""
    listening = Listening()
    await listening.kept.create()

    listening.server.resources.clear()
    await listening.check()

    assert PATH in listening.server.resources
    assert listening.notes == []


async def test_an_absent_server_is_noted_once_and_its_return_too() -> None:
    """However often it is looked for meanwhile."""
    listening = Listening()
    await listening.kept.create()

    listening.server.problem = ConnectError("no server answers")
    await listening.check(times=4)
    listening.server.problem = None
    listening.server.resources.clear()
    await listening.check(times=3)

    assert listening.notes == [
        "no events for now, trying again: no server answers",
        "listening again",
    ]
    assert PATH in listening.server.resources


async def test_a_refused_creation_is_the_callers_to_tell() -> None:
    """A wrong filter, say, or a topic that is not there."""
    listening = Listening()
    listening.server.problem = RequestError(404, "ResourceNotFound", "no such topic")

    with pytest.raises(RequestError, match="no such topic"):
        await listening.kept.create()


async def test_it_is_deleted() -> None:
    """At the end nothing is left."""
    listening = Listening()
    await listening.kept.create()

    await listening.kept.delete()

    assert listening.server.resources == {}
    assert listening.notes == []


async def test_a_server_that_is_gone_at_the_end_is_no_error() -> None:
    """The subscription then expires by itself."""
    listening = Listening()
    await listening.kept.create()

    listening.server.problem = ConnectError("no server answers")
    await listening.kept.delete()

    assert listening.notes == ["the event subscription is left to expire: no server answers"]
