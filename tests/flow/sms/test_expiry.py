"""How long is a message kept?"""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from switchhook.clock import SECOND
from switchhook.grid.ports import Put
from tests.flow.sms.world import PHONE, SmsWorld
from tests.flow.stores import commits_to

_COLLECTIONS = ("sms-messages", "sms-due", "sms-repeatability")
_ALMOST_A_WEEK = timedelta(days=7).total_seconds() - 1


def _identified(to: str) -> dict[str, Any]:
    return {"to": to, "repeatabilityRequestId": str(uuid.uuid4())}


@pytest.mark.parametrize("ending", ["0100", "4004", "2022", "2060", "2099"])
async def test_a_message_is_kept_for_a_week_whatever_became_of_it(
    world: SmsWorld, ending: str
) -> None:
    """Reported at once, twice, late or never; its repeatability id as long as itself."""
    await world.send(smsRecipients=[_identified(f"+1425555{ending}")])
    await world.advance(seconds=_ALMOST_A_WEEK)

    assert len(await world.store.scan("sms-messages")) == 1
    assert len(await world.store.scan("sms-repeatability")) == 1
    await world.advance(seconds=1)
    for collection in _COLLECTIONS:
        assert await world.store.scan(collection) == []


async def test_messages_that_are_reported_together_expire_together(world: SmsWorld) -> None:
    """None of them too soon: the last one says when."""
    for _ in range(6):
        await world.send(*[f"+142555501{number:02}" for number in range(100)])
        await world.advance(milliseconds=1)
    await world.advance(seconds=1)

    assert len(await world.store.scan("sms-due")) < 60
    await world.advance(seconds=_ALMOST_A_WEEK - 1)
    assert len(await world.store.scan("sms-messages")) == 600
    await world.advance(seconds=1)
    for collection in _COLLECTIONS:
        assert await world.store.scan(collection) == []


async def test_what_is_left_of_a_dead_process_expires_too(world: SmsWorld) -> None:
    """It died before the report came, which sees to the message's end."""
    await world.send(smsRecipients=[_identified(PHONE)])
    restarted = await world.restart()
    await restarted.advance(days=7)

    assert len(await restarted.events()) == 1
    for collection in _COLLECTIONS:
        assert await restarted.store.scan(collection) == []


async def test_message_of_a_resource_that_is_gone_expires(world: SmsWorld) -> None:
    """A send that became durable after everything of its resource was deleted."""
    await world.send(smsRecipients=[_identified(PHONE)])
    world.directory.remove(world.resource.resource_id)
    await world.advance(days=7)

    assert await world.events() == []
    for collection in _COLLECTIONS:
        assert await world.store.scan(collection) == []


async def test_records_of_before_are_reported_and_expire(world: SmsWorld) -> None:
    """Each send had a record of its own that said when it expires; its report said nothing."""
    [sent] = await world.send(smsRecipients=[_identified(PHONE)])
    [due] = await world.store.scan("sms-due")
    [once] = await world.store.scan("sms-repeatability")
    report = json.loads(due.value)
    week = timedelta(days=7) // timedelta(seconds=1) * SECOND
    message_key = f"{world.resource.topic}/{sent.message_id}"
    expiry = {"type": "expiry", "messages": [message_key], "repeatability": [once.key]}
    assert report.pop("expires_at") == world.clock.now() + week
    assert report.pop("repeatability") == once.key
    later = f"{world.clock.now() + week:020}/{message_key}"
    changes = [
        Put("sms-due", due.key, json.dumps(report).encode()),
        Put("sms-due", later, json.dumps(expiry).encode()),
    ]
    await commits_to(world.store)(changes, ())

    restarted = await world.restart()
    await restarted.advance(seconds=1)
    assert len(await restarted.reports()) == 1
    assert [each.key for each in await restarted.store.scan("sms-due")] == [later]
    await restarted.advance(days=7)
    for collection in _COLLECTIONS:
        assert await restarted.store.scan(collection) == []
