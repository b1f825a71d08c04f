"""Kill the server under load, again and again, and compare the books at the end."""

import asyncio
import functools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from tests.crash.books import Books, Kill, Stalls, judge, judge_further
from tests.crash.chat_books import ChatBooks, judge_chat
from tests.crash.chat_client import NO_RATE_LIMITS
from tests.crash.chat_events import EVENT_TYPES
from tests.crash.chat_load import ChatLoad, inspect
from tests.crash.chat_talker import Cast
from tests.crash.load import REFUSED, SOME, SUBJECT, Load, exchange
from tests.crash.management import Management
from tests.crash.sink import REPORT, Sink
from tests.system.server_process import Command, ServerProcess

CHECKPOINT = 0.1  # seconds
# What must hold at the instant of every kill.
LEAST_PER_SECOND = 500.0
LEAST_UNACKNOWLEDGED = 50
# A kill comes so many seconds after the load began, early ones in the middle of catching up.
KILL_AFTER = (0.15, 1.5)
LOAD_REACHED_WITHIN = 20.0
QUIET_WITHIN = 40.0
# Two subscriptions take what the load makes, with 64 deliveries in flight each. A cursor waits for
# the oldest of them: what the others finish meanwhile comes again too, and is as much at most.
TICK = 0.01  # how often this process looks whether the machine lets it run
IN_FLIGHT = 2 * 64

# Further kinds of subscriptions, which take the events of some publishers.
BATCHED, CLOUD, ORDERED, REFUSING = "batched", "cloud", "ordered", "refusing"
FURTHER = (BATCHED, CLOUD, ORDERED)
LETTERS_WITHIN = 60.0

PUBLISHED, ELSEWHERE, REPORTS, OTHER_NUMBER = "published", "elsewhere", "reports", "other-number"
CHAT = "chat"


class Duplicates(msgspec.Struct, frozen=True):
    """How many deliveries a kill caused to be repeated, and how many it may."""

    found: int
    allowed: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign found: nothing in `problems` when every promise was kept.

    `lost` counts what was `acknowledged` and never came to who wants it; `duplicates` are by kill.
    """

    problems: list[str]
    lines: list[str]
    acknowledged: int
    lost: int
    duplicates: list[Duplicates]


def run(*, kills: int, seed: int, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Run a campaign to its end, on an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Campaign(kills, seed, folder, say).run())


class Campaign:
    """A number of kills on one data folder."""

    def __init__(self, kills: int, seed: int, folder: Path, say: Callable[[str], None]) -> None:
        self._kills = kills
        self._random = random.Random(seed)  # noqa: S311 - repeatable is what it has to be
        self._data = folder / "data"
        self._command = Command(folder / "user")
        self._say = say
        self._books = Books()
        self._chat = ChatBooks()
        self._cast = Cast()
        self._stalls = Stalls()
        self._lines: list[str] = []

    async def run(self) -> Outcome:
        """Kill, restart and load; then wait until all is delivered, and judge."""
        watching = asyncio.create_task(self._watch_stalls())
        try:
            return await self._run()
        finally:
            watching.cancel()

    async def _watch_stalls(self) -> None:
        while True:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            now = time.monotonic()
            self._stalls.add(now, now - due)

    async def _run(self) -> Outcome:
        async with Sink(self._books, REFUSING, FURTHER, (CHAT, self._chat)) as sink:
            for number in range(1, self._kills + 1):
                server = await self._serve()
                if number == 1:
                    await _subscribe(server, sink)
                load, talk = await self._load(server, number)
                await self._kill(server, self._random.uniform(*KILL_AFTER))
                await load.end()
                await talk.end()
                self._report(number)
            await self._finish(sink)
        problems = judge(
            self._books,
            wanting=PUBLISHED,
            unwanting=(ELSEWHERE, OTHER_NUMBER),
            checkpoint=CHECKPOINT,
            in_flight=IN_FLIGHT,
        )
        problems += judge_further(
            self._books, wanting=FURTHER, prefix=SOME, ordered=ORDERED, letters=self._letters()
        )
        problems += judge_chat(self._chat)
        if not any(self._data.glob("bodies-*")):
            problems.append("no event was large enough for a file of its own")
        books = self._books
        return Outcome(
            problems=problems,
            lines=self._lines,
            acknowledged=len(books.events) + len(books.messages),
            lost=len(books.missing(PUBLISHED))
            + sum(len(books.missing_further(name, SOME)) for name in FURTHER)
            + len(self._chat.missing()),
            duplicates=self._duplicates(),
        )

    async def _load(self, server: ServerProcess, run: int) -> tuple[Load, ChatLoad]:
        load = Load(self._books, server.ready, run)
        said = functools.partial(exchange, self._books)
        talk = ChatLoad(self._chat, self._cast, said, run, self._random)
        await talk.start(server.ready)
        await load.start()
        return load, talk

    async def _serve(self) -> ServerProcess:
        options = ("--checkpoint-interval", str(CHECKPOINT), *NO_RATE_LIMITS)
        return await self._command.serve(self._data, *options)

    async def _kill(self, server: ServerProcess, after: float) -> None:
        await asyncio.sleep(after)  # the random instant; nothing is waited for
        deadline = time.monotonic() + LOAD_REACHED_WITHIN
        while not _is_loaded(state := self._state()):
            assert server.is_running, server.log_tail()
            assert time.monotonic() < deadline, f"the load was never reached: {state}"
            await asyncio.sleep(0.01)
        # Between measuring and killing this process does nothing else.
        server.send_signal(signal.SIGKILL)
        self._books.kills.append(state)
        await server.ended()

    def _state(self) -> Kill:
        now = time.monotonic()
        reach = self._books.acknowledged.reach(now, CHECKPOINT)
        return Kill(
            at=now,
            unacknowledged=self._books.in_flight,
            acknowledged_per_second=self._books.acknowledged.per_second(now),
            delivered_per_second=self._books.delivered.highest_per_second(now, CHECKPOINT),
            stall=self._stalls.longest(),
            delivered_in_reach=self._books.delivered.count(reach, now),
        )

    async def _finish(self, sink: Sink) -> None:
        """Start once more, load a little, and let everything be delivered."""
        server = await self._serve()
        load, talk = await self._load(server, self._kills + 1)
        await asyncio.sleep(KILL_AFTER[0])  # the restarted server takes new work as well
        await load.end()
        await talk.end()
        await inspect(self._chat, self._cast, server.ready)
        await sink.wait_for_quiet(PUBLISHED, within=QUIET_WITHIN)
        await self._wait_for_further()
        self._report_duplicates()
        code = await server.stop()
        assert code == 0, server.log_tail()

    async def _wait_for_further(self) -> None:
        """Return when all is there, or nothing has come for so long as one deadline.

        A subscription that is always refused is parked again after each event: a long campaign
        leaves it more of them than it can be tried with in a minute.
        """
        least, deadline = self._awaited(), time.monotonic() + LETTERS_WITHIN
        while least and time.monotonic() < deadline:
            await asyncio.sleep(0.2)  # blobs are files: nothing tells when one is there
            awaited = self._awaited()
            if awaited < least:
                least, deadline = awaited, time.monotonic() + LETTERS_WITHIN

    def _awaited(self) -> int:
        """How much is still to come besides what the first subscription gets."""
        unwritten = sum(not count for count in self._letters().values())
        further = sum(len(self._books.missing_further(name, SOME)) for name in FURTHER)
        return unwritten + further + len(self._chat.missing())

    def _letters(self) -> Counter[str]:
        """How often each event that was refused is in a dead letter."""
        letters = Counter(dict.fromkeys(self._books.wanted(REFUSED), 0))
        for blob in (self._data / "dead-letters").rglob("*.json"):
            found = msgspec.json.decode(blob.read_bytes(), type=list[dict[str, Any]])
            letters.update(each["id"] for each in found)
        return letters

    def _report(self, number: int) -> None:
        kill = self._books.kills[-1]
        self._line(
            f"kill {number}: {kill.acknowledged_per_second:,.0f} acknowledged/s, "
            f"{kill.unacknowledged} requests unacknowledged, "
            f"{kill.delivered_per_second:,.0f} delivered/s"
        )

    def _duplicates(self) -> list[Duplicates]:
        return [
            Duplicates(
                len(self._books.duplicates_of(number)),
                kill.duplicates_allowed(CHECKPOINT, IN_FLIGHT),
            )
            for number, kill in enumerate(self._books.kills, 1)
        ]

    def _report_duplicates(self) -> None:
        books = self._books
        for number, kill in enumerate(books.kills, 1):
            ages = books.duplicates_of(number)
            oldest = f", the oldest from {max(ages) * 1000:.0f} ms before it" if ages else ""
            allowed = kill.duplicates_allowed(CHECKPOINT, IN_FLIGHT)
            self._line(f"kill {number}: {len(ages)} duplicates of {allowed:.0f} allowed{oldest}")
        letters = self._letters()
        self._line(
            f"{len(books.wanted(SOME)):,} events to batched, CloudEvents and ordered subscriptions "
            f"each, {sum(len(books.missing_further(name, SOME)) for name in FURTHER)} lost; "
            f"{len(books.wanted(REFUSED)):,} refused, "
            f"{sum(not count for count in letters.values())} without a dead letter"
        )
        self._line(self._chat.counted())
        self._line(
            f"{len(books.events):,} events and {len(books.messages):,} messages acknowledged, "
            f"{len(books.missing(PUBLISHED))} lost, over {len(books.kills)} kills"
        )

    def _line(self, text: str) -> None:
        self._lines.append(text)
        self._say(text)


async def _subscribe(server: ServerProcess, sink: Sink) -> None:
    management = Management(server)
    topic, communication = server.ready.topic, server.ready.communication
    wanted: dict[tuple[str, str], dict[str, Any]] = {
        (topic.resource_id, PUBLISHED): {"subjectBeginsWith": SUBJECT},
        (topic.resource_id, ELSEWHERE): {"subjectBeginsWith": "elsewhere/"},
        (communication.resource_id, REPORTS): {"includedEventTypes": [REPORT]},
        (communication.resource_id, OTHER_NUMBER): {"subjectBeginsWith": "phonenumber/1999"},
    }
    for (scope, name), filter_ in wanted.items():
        await management.subscribe(scope, name, sink.url(name), filter_)
    await management.subscribe(
        communication.resource_id,
        CHAT,
        sink.url(CHAT),
        {"includedEventTypes": EVENT_TYPES},
        settings={"validateEndpoint": False},
        batch=50,
    )
    await _subscribe_further(management, topic.resource_id, sink)


async def _subscribe_further(management: Management, scope: str, sink: Sink) -> None:
    some, unchecked = {"subjectBeginsWith": SOME}, {"validateEndpoint": False}
    storage = f"{scope.partition('/providers/')[0]}/providers/Microsoft.Storage/storageAccounts"
    container = {"resourceId": f"{storage}/letters", "blobContainerName": "refused"}
    kinds: dict[str, dict[str, Any]] = {
        BATCHED: {"filter_": some, "settings": unchecked, "batch": 50},
        CLOUD: {
            "filter_": some,
            "settings": unchecked,
            "eventDeliverySchema": "CloudEventSchemaV1_0",
        },
        ORDERED: {"filter_": some, "settings": unchecked | {"orderedBy": "subject"}},
        REFUSING: {
            "filter_": {"subjectBeginsWith": REFUSED},
            "settings": unchecked | {"profile": "fast"},
            "deadLetterDestination": {"endpointType": "StorageBlob", "properties": container},
        },
    }
    for name, asked in kinds.items():
        await management.subscribe(scope, name, sink.url(name), **asked)


def _is_loaded(state: Kill) -> bool:
    return (
        state.acknowledged_per_second >= LEAST_PER_SECOND
        and state.unacknowledged >= LEAST_UNACKNOWLEDGED
    )
