"""A send that is repeated is sent once."""

import asyncio
import uuid
from typing import Any

from tests.flow.sms.world import PHONE, SmsWorld, a_resource


def a_recipient(id_: str, to: str = PHONE) -> dict[str, Any]:
    """A recipient whose send has an identity."""
    return {
        "to": to,
        "repeatabilityRequestId": id_,
        "repeatabilityFirstSent": "Thu, 01 Jan 2026 00:00:00 GMT",
    }


async def test_repetition_answers_the_first_message_and_sends_nothing(world: SmsWorld) -> None:
    """As after a reply that was lost on its way."""
    id_ = str(uuid.uuid4())
    [first] = await world.send(smsRecipients=[a_recipient(id_)])
    await world.advance(seconds=1)
    [again] = await world.send(smsRecipients=[a_recipient(id_.upper())])
    await world.advance(seconds=1)

    assert again == first
    assert first.repeatability_result == "accepted"
    assert len(await world.events()) == 1
    assert len(await world.store.scan("sms-messages")) == 1


async def test_repetition_with_another_body_is_rejected(world: SmsWorld) -> None:
    """Per recipient; the others of the request are sent."""
    id_ = str(uuid.uuid4())
    await world.send(smsRecipients=[a_recipient(id_)])

    rejected, sent = await world.send(
        smsRecipients=[a_recipient(id_), a_recipient(str(uuid.uuid4()))], message="other"
    )

    assert (rejected.successful, rejected.repeatability_result) == (False, "rejected")
    assert 400 <= rejected.http_status_code < 500
    assert not rejected.message_id
    assert sent.successful


async def test_only_the_new_recipients_of_a_request_are_sent(world: SmsWorld) -> None:
    """One request may hold repetitions and new sends."""
    known, new = str(uuid.uuid4()), str(uuid.uuid4())
    [first] = await world.send(smsRecipients=[a_recipient(known)])

    results = await world.send(smsRecipients=[a_recipient(new, "+14255550124"), a_recipient(known)])

    assert [result.successful for result in results] == [True, True]
    assert results[1].message_id == first.message_id
    await world.advance(seconds=1)
    assert len(await world.events()) == 2


async def test_same_id_twice_in_a_request_is_sent_once(world: SmsWorld) -> None:
    """And rejected for another recipient."""
    id_ = str(uuid.uuid4())

    first, again, other = await world.send(
        smsRecipients=[a_recipient(id_), a_recipient(id_), a_recipient(id_, "+14255550124")]
    )

    assert again == first
    assert other.repeatability_result == "rejected"
    await world.advance(seconds=1)
    assert len(await world.events()) == 1


async def test_concurrent_repetitions_are_sent_once(world: SmsWorld) -> None:
    """The commit decides which of them is the first."""
    recipients = [a_recipient(str(uuid.uuid4())) for _ in range(3)]

    pairs = (recipients[:2], recipients[1:])
    answers = await asyncio.gather(
        *(world.send(smsRecipients=pairs[number % 2]) for number in range(8))
    )

    ids = {result.message_id for results in answers for result in results}
    assert all(result.successful for results in answers for result in results)
    assert len(ids) == 3
    await world.advance(seconds=1)
    assert {event["id"] for event in await world.events()} == ids


async def test_failed_recipient_may_be_sent_to_under_the_same_id(world: SmsWorld) -> None:
    """A send that was refused is not remembered."""
    id_ = str(uuid.uuid4())
    bad, _ = await world.send(smsRecipients=[a_recipient(id_, "bad"), {"to": PHONE}])

    [result] = await world.send(smsRecipients=[a_recipient(id_)])

    assert bad.repeatability_result == "rejected"
    assert result.successful


async def test_ids_of_two_resources_have_nothing_to_do_with_each_other(world: SmsWorld) -> None:
    """They are kept by resource."""
    id_ = str(uuid.uuid4())
    [first] = await world.send(smsRecipients=[a_recipient(id_)])
    world.resource = a_resource(name="other")

    [second] = await world.send(smsRecipients=[a_recipient(id_)])

    assert second.message_id != first.message_id
