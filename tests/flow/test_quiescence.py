"""A clock that is advanced while the router's own loops run: each due action has then happened."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from switchhook.background import Background
from switchhook.clock import HOUR, MINUTE, SECOND, VirtualClock
from switchhook.communication.arm_resources import EventRules
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.management import Chance, Resources, open_resources
from switchhook.grid.handshake import RETRY_DELAY
from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse
from switchhook.grid.resources.subscription_life import HandshakeTools
from switchhook.grid.retry import SCHEDULE
from switchhook.grid.subscriptions import DeadLetterDestination, ProvisioningState
from switchhook.quiescence import Quiescence
from tests.flow.arm.scene import TOPIC_ID, echo, webhook
from tests.flow.conftest import Flow
from tests.scripted_transport import always


class _Worker:
    """Works for so many turns of the loop, then sets another one to work."""

    def __init__(self, turns: int = 0, following: "_Worker | None" = None) -> None:
        self.turns = turns
        self.following = following
        self.done = False

    @property
    def is_busy(self) -> bool:
        return self.turns > 0

    async def quiet(self) -> None:
        while self.turns:
            await asyncio.sleep(0)
            self.turns -= 1
        if self.following is not None and not self.done:
            self.following.turns = 3
        self.done = True


@asynccontextmanager
async def running(flow: Flow) -> AsyncIterator[Background]:
    """The router's own loops, as in a server."""
    background = Background()
    flow.clock.wait_for(Quiescence((background, flow.engine)).reached)
    loops = asyncio.create_task(flow.engine.run())
    try:
        yield background
    finally:
        loops.cancel()
        await background.close()
        await asyncio.gather(loops, return_exceptions=True)


async def managed(flow: Flow, background: Background) -> Resources:
    """The resources over this router."""
    numbers = itertools.count(1)
    resources = await open_resources(
        store=flow.store,
        routing=flow.engine.router,
        directory=CommunicationDirectory(),
        event_rules=EventRules(types=frozenset(), profiles=frozenset()),
        tools=HandshakeTools(
            transport=flow.transport,
            public_url=lambda: "https://localhost",
            spawn=background.spawn,
            rest=background.rest,
        ),
        clock=flow.clock,
        chance=Chance(
            new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
            random_bytes=lambda count: b"k" * count,
        ),
    )
    await resources.topics.put(TOPIC_ID, "orders", {})
    return resources


def note_instants(flow: Flow, status: int) -> list[int]:
    """Answer so to everything; the instants of the requests, from now."""
    start = flow.clock.now()
    instants: list[int] = []

    def answer(_: WebhookRequest) -> WebhookResponse:
        instants.append(flow.clock.now() - start)
        return WebhookResponse(status=status)

    flow.transport.answer = answer
    return instants


# --- the router ----------------------------------------------------------------------------------


async def test_a_day_of_retries_comes_at_the_instants_of_the_schedule(flow: Flow) -> None:
    """Each attempt sees its own instant, whatever the loops do beside it."""
    await flow.subscribe()
    instants = note_instants(flow, 500)
    async with running(flow):
        await flow.publish("a")
        await flow.clock.advance(timedelta(hours=24))

    gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
    assert gaps == list(SCHEDULE)


async def test_advance_takes_dead_letters_to_their_end(flow: Flow) -> None:
    """Given up, kept for five minutes, and written when the call returns."""
    destination = DeadLetterDestination(resource_id="/storage", container="letters")
    await flow.subscribe(dead_letter_destination=destination)
    flow.transport.answer = always(400)
    async with running(flow):
        await flow.publish("a")
        await flow.clock.advance(timedelta(minutes=5))

    assert [event["id"] for event in flow.dead_letters.events] == ["a"]


@pytest.mark.parametrize(("hours", "letters"), [(34, 0), (48, 1)])
async def test_failing_webhook_has_its_dead_letter_within_two_days(
    flow: Flow, hours: int, letters: int
) -> None:
    """The time to live of a day is looked at when the next attempt comes due, after a day and a
    half."""
    destination = DeadLetterDestination(resource_id="/storage", container="letters")
    await flow.subscribe(dead_letter_destination=destination)
    flow.transport.answer = always(503)
    async with running(flow):
        await flow.publish("a")
        await flow.clock.advance(timedelta(hours=hours))

    assert len(flow.dead_letters.events) == letters


async def test_log_is_trimmed_on_the_way(flow: Flow) -> None:
    """Upkeep is one of the things that come due."""
    await flow.subscribe()
    async with running(flow):
        await flow.publish("a")
        await flow.clock.advance(timedelta(hours=25))

    assert flow.store.extent().size == 0


async def test_time_stands_still_until_a_hanging_request_ends(flow: Flow) -> None:
    """The timeout of the request is real time, which the transport measures."""
    await flow.subscribe()
    flow.transport.answer = lambda _: None
    start = flow.clock.now()
    async with running(flow):
        await flow.publish("a")
        advance = asyncio.create_task(flow.clock.advance(timedelta(hours=1)))
        for _ in range(100):
            await asyncio.sleep(0)
        while_it_hangs = (flow.clock.now() - start, flow.clock.is_moving, advance.done())
        flow.transport.answer = always(200)
        flow.transport.release(WebhookResponse(failure=Failure.TIMED_OUT))
        await advance

    assert while_it_hangs == (0, True, False)
    assert flow.clock.now() == start + HOUR
    assert flow.transport.delivered_ids == ["a", "a"]


async def test_what_a_webhook_publishes_is_delivered_before_time_goes_on(flow: Flow) -> None:
    """Its events and those that they cause have the instant of the attempt."""
    await flow.subscribe()
    seen: list[tuple[str, int]] = []
    start = flow.clock.now()
    async with running(flow) as background:

        def answer(request: WebhookRequest) -> WebhookResponse:
            name = flow.transport.delivered_ids[-1]
            seen.append((name, flow.clock.now() - start))
            if name == "a" and len(seen) == 1:
                return WebhookResponse(status=500)
            if name in ("a", "b"):
                background.spawn(flow.publish(chr(ord(name) + 1)))
            return WebhookResponse(status=200)

        flow.transport.answer = answer
        await flow.publish("a")
        await flow.clock.advance(timedelta(hours=1))

    assert seen == [("a", 0), ("a", 10 * SECOND), ("b", 10 * SECOND), ("c", 10 * SECOND)]


# --- handshakes ----------------------------------------------------------------------------------


async def test_handshake_that_waits_for_its_second_try_holds_nothing_up(flow: Flow) -> None:
    """Its pause is virtual time; its result is there when the call returns."""
    async with running(flow) as background:
        resources = await managed(flow, background)
        source = resources.sources.get(TOPIC_ID)
        assert source is not None
        answers = [WebhookResponse(failure=Failure.TIMED_OUT)]
        flow.transport.answer = lambda request: answers.pop() if answers else echo(request)
        await resources.subscriptions.put(source, "audit", webhook())

        async def state() -> ProvisioningState:
            record = resources.subscriptions.get(source, "audit")
            assert record is not None
            return record.state

        await flow.clock.advance(timedelta(microseconds=RETRY_DELAY // 1000 - 1))
        before = (await state(), len(flow.transport.requests))
        await flow.clock.advance(timedelta(microseconds=1))
        after = (await state(), len(flow.transport.requests))

    assert before == (ProvisioningState.CREATING, 1)
    assert after == (ProvisioningState.SUCCEEDED, 2)


@pytest.mark.parametrize(("minutes", "found"), [(9, True), (11, False)])
async def test_subscription_is_gone_when_its_expiry_is_passed(
    flow: Flow, minutes: int, found: bool
) -> None:
    """The deadline is work of its own, which the call awaits."""
    async with running(flow) as background:
        resources = await managed(flow, background)
        source = resources.sources.get(TOPIC_ID)
        assert source is not None
        flow.transport.answer = echo
        body: dict[str, Any] = webhook(expirationTimeUtc="2026-01-01T00:10:00Z")
        await resources.subscriptions.put(source, "audit", body)
        await flow.clock.advance_to(flow.clock.now() + minutes * MINUTE)
        record = resources.subscriptions.get(source, "audit")

    assert (record is not None) == found


# --- the parts -----------------------------------------------------------------------------------


async def test_quiet_is_when_all_workers_are_idle_at_one_instant() -> None:
    """The last one set the first to work again."""
    first = _Worker()
    last = _Worker(turns=2, following=first)
    await Quiescence((first, last)).reached()

    assert last.done
    assert not first.is_busy


async def test_clock_that_moves_cannot_be_moved() -> None:
    """Two who advance it would not know what time it is."""
    clock = VirtualClock()
    hanging = asyncio.Event()
    clock.wait_for(lambda: _wait(hanging))
    advance = asyncio.create_task(clock.advance(timedelta(hours=1)))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        await clock.advance(timedelta(hours=1))
    hanging.set()
    await advance

    assert not clock.is_moving


async def test_timer_for_the_present_fires_without_an_advance() -> None:
    """Work that is due at once does not wait until somebody moves the clock."""
    clock = VirtualClock()
    fired: list[str] = []
    clock.call_at(clock.now(), lambda: fired.append("now"))
    clock.call_at(clock.now() + SECOND, lambda: fired.append("later"))
    at_once = list(fired)
    await asyncio.sleep(0)

    assert (at_once, fired) == ([], ["now"])


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
