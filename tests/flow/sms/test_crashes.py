"""The process dies: neither state without its events is left, nor events without their state."""

import contextlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from switchhook.clock import VirtualClock
from switchhook.errors import CommitUnknownError, RequestError, StoreError, StoreFullError
from switchhook.grid.ports import Batch, Change
from switchhook.stores.memory import MemoryStore
from tests.flow.dying_commit import DyingCommit
from tests.flow.sms.world import PHONE, SHORT_CODE, SmsWorld, a_world


async def run_until_death(world: SmsWorld) -> list[str]:
    """Use SMS in every way; answer the ids of the messages that were acknowledged."""
    acknowledged: list[str] = []
    steps: list[Any] = [
        lambda: world.send(PHONE, "+14255554004", "+14255552022"),
        lambda: world.receive("STOP"),
        lambda: world.send(PHONE),
        lambda: world.receive("HELP", SHORT_CODE),
    ]
    for step in steps:
        with contextlib.suppress(StoreError):
            answer = await step()
            results = answer if isinstance(answer, list) else []
            acknowledged += [str(result.message_id) for result in results]
        await world.advance(milliseconds=100)
    await world.advance(seconds=2)
    return acknowledged


async def check(world: SmsWorld, acknowledged: list[str]) -> None:
    """State and events tell the same story, and what was promised has happened."""
    events = await world.events()
    messages = {
        record.key.partition("/")[2]: json.loads(record.value)
        for record in await world.store.scan("sms-messages")
    }
    received = [event["id"] for event in events if event["eventType"].endswith("SMSReceived")]
    reported = [event["id"] for event in events if event["eventType"].endswith("ReportReceived")]
    inbound = [id_ for id_, message in messages.items() if message["direction"] == "inbound"]
    outbound = {id_ for id_, message in messages.items() if message["direction"] == "outbound"}
    stopped = any(event["data"].get("message") == "STOP" for event in events)

    assert sorted(received) == sorted(inbound)
    assert set(reported) == outbound == {id_ for id_ in outbound if messages[id_]["report"]}
    assert set(acknowledged) <= outbound
    assert len(await world.store.scan("sms-opt-outs")) == stopped
    twice = {id_ for id_ in outbound if messages[id_]["to"].endswith("2022")}
    assert len(reported) == len(outbound) + len(twice)


@pytest.mark.parametrize("is_durable", [False, True], ids=["lost", "durable"])
@pytest.mark.parametrize("last", range(1, 9))
async def test_death_at_any_commit_leaves_state_and_events_in_step(
    last: int, *, is_durable: bool
) -> None:
    """The next start finds one of two worlds, and goes on from there."""
    store, clock = MemoryStore(), VirtualClock()
    commit = DyingCommit(store, last, is_durable=is_durable)
    world = a_world(store=store, clock=clock, commit=commit)
    acknowledged = await run_until_death(world)
    assert commit.is_dead == (last <= 7)

    world = await world.restart()
    await world.advance(minutes=1)

    await check(world, acknowledged)


async def test_restart_goes_on_with_what_is_pending(world: SmsWorld) -> None:
    """What has become due meanwhile is reported at once, the rest in its time."""
    await world.send(PHONE, "+14255552060")
    restarted = await world.restart()
    await restarted.advance(seconds=0)
    assert await restarted.reports() == []

    await restarted.advance(seconds=30)
    assert len(await restarted.reports()) == 1
    again = await restarted.restart()
    await again.advance(seconds=30)

    assert len(await again.reports()) == 2


async def test_overdue_report_comes_at_the_start(world: SmsWorld) -> None:
    """With the time at which it really came, and attempts at theirs."""
    await world.send(PHONE)
    await world.engine.due_work.close()
    await world.advance(hours=1)
    assert await world.reports() == []

    restarted = await world.restart()
    await restarted.advance(seconds=0)

    [report] = await restarted.reports()
    assert report["receivedTimestamp"] == "2026-01-01T01:00:00.0000000Z"
    assert report["deliveryAttempts"][0]["timestamp"] == "2026-01-01T00:00:00.1000000Z"


async def test_send_of_unknown_outcome_may_be_repeated_under_its_id() -> None:
    """The client got 503; whether or not the first send was durable, one message is sent."""
    for is_durable in (False, True):
        store, clock = MemoryStore(), VirtualClock()
        world = a_world(
            store=store, clock=clock, commit=DyingCommit(store, 1, is_durable=is_durable)
        )
        recipient = {"to": PHONE, "repeatabilityRequestId": str(uuid.uuid4())}
        with pytest.raises(CommitUnknownError):
            await world.send(smsRecipients=[recipient])

        world = await world.restart()
        await world.send(smsRecipients=[recipient])
        await world.advance(minutes=1)

        assert len(await world.events()) == 1


async def test_full_store_refuses_sends_and_delays_reports() -> None:
    """Reports are published once there is room again."""
    store, is_full = MemoryStore(), False

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        if is_full:
            raise StoreFullError("no room")
        return await store.commit(changes, batches)

    world = a_world(store=store, commit=commit)
    await world.send(PHONE)
    is_full = True
    with pytest.raises(StoreFullError):
        await world.send(PHONE)
    await world.advance(minutes=5)
    assert await world.events() == []

    is_full = False
    await world.advance(seconds=1)

    assert len(await world.events()) == 1
    await world.engine.due_work.close()


async def test_refused_send_leaves_nothing(world: SmsWorld) -> None:
    """A refusal publishes nothing and changes nothing."""
    with pytest.raises(RequestError):
        await world.send("bad")

    for collection in ("sms-messages", "sms-due", "sms-repeatability"):
        assert await world.store.scan(collection) == []
