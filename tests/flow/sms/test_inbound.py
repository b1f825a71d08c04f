"""A phone sends a message to one of the resource's numbers."""

import pytest

from switchhook.communication.sms.opt_outs import OptOutAction
from switchhook.communication.sms.requests import OptOutRecipient, OptOutRequest, OptOutResult
from switchhook.errors import RequestError
from tests.flow.sms.world import GEOGRAPHIC, NAME, PHONE, SHORT_CODE, TOLL_FREE, SmsWorld

BLOCKED = "Sender blocked for given recipient."


async def change_opt_outs(
    world: SmsWorld, action: OptOutAction, *recipients: str, from_: str = TOLL_FREE
) -> list[OptOutResult]:
    """Call the opt-out API."""
    request = OptOutRequest(
        from_=from_, recipients=[OptOutRecipient(to=recipient) for recipient in recipients]
    )
    return await world.engine.change_opt_outs(world.resource, action, request)


async def details_of_last_report(world: SmsWorld) -> str:
    """What the newest delivery report says."""
    return str((await world.reports())[-1]["deliveryStatusDetails"])


async def test_inbound_message_is_published_at_once(world: SmsWorld) -> None:
    """One event for the whole message, with every field of the current article."""
    message_id = await world.receive("é" * 161)

    [event] = await world.events()
    assert (event["id"], event["subject"]) == (message_id, "/phonenumber/18005550100")
    assert event["eventType"] == "Microsoft.Communication.SMSReceived"
    assert event["data"] == {
        "messageId": message_id,
        "from": PHONE,
        "to": TOLL_FREE,
        "message": "é" * 161,
        "receivedTimestamp": "2026-01-01T00:00:00.0000000Z",
        "segmentCount": 2,
    }


@pytest.mark.parametrize(
    ("to", "from_", "message", "word"),
    [
        ("+18005550199", PHONE, "hi", "does not own"),
        ("", PHONE, "hi", "does not own"),
        (NAME, PHONE, "hi", "alphanumeric"),
        (TOLL_FREE, "somebody", "hi", "E.164"),
        (TOLL_FREE, "", "hi", "E.164"),
        (TOLL_FREE, PHONE, "", "must not be empty"),
        (TOLL_FREE, PHONE, "x" * (153 * 255 + 1), "255 segments"),
    ],
)
async def test_impossible_inbound_message_is_refused(
    world: SmsWorld, to: str, from_: str, message: str, word: str
) -> None:
    """The refusal says why, and nothing is published."""
    with pytest.raises(RequestError, match=word) as refusal:
        await world.receive(message, to, from_)

    assert refusal.value.status == 400
    assert await world.events() == []


@pytest.mark.parametrize("number", [TOLL_FREE, SHORT_CODE, GEOGRAPHIC])
async def test_stop_blocks_and_start_lifts_the_block(world: SmsWorld, number: str) -> None:
    """A blocked message is accepted and its report says why it failed."""
    await world.receive(" stop ", number)
    [blocked] = await world.send(PHONE, **{"from": number})
    await world.advance(seconds=1)
    assert blocked.successful
    assert await details_of_last_report(world) == BLOCKED

    await world.receive("Start", number)
    await world.send(PHONE, **{"from": number})
    await world.advance(seconds=1)

    assert await details_of_last_report(world) == "No error."


async def test_unstop_lifts_the_block(world: SmsWorld) -> None:
    """The other word for it."""
    await world.receive("STOP")
    await world.receive("UNSTOP")
    await world.send(PHONE)
    await world.advance(seconds=1)

    assert await details_of_last_report(world) == "No error."


async def test_block_is_between_one_sender_and_one_recipient(world: SmsWorld) -> None:
    """Another number of the resource still reaches the phone; another phone is still reached."""
    await world.receive("STOP", TOLL_FREE)
    await world.send(PHONE, **{"from": GEOGRAPHIC})
    await world.send("+14255550124", **{"from": TOLL_FREE})
    await world.advance(seconds=1)

    assert [report["deliveryStatus"] for report in await world.reports()] == ["Delivered"] * 2


@pytest.mark.parametrize("keyword", ["STOP", "START", "UNSTOP", "HELP"])
async def test_keywords_are_published_like_any_message(world: SmsWorld, keyword: str) -> None:
    """The application sees them."""
    await world.receive(keyword, SHORT_CODE)

    [event] = await world.events()
    assert event["data"]["message"] == keyword


@pytest.mark.parametrize(
    ("number", "message", "answered"),
    [
        (SHORT_CODE, "STOP", True),
        (SHORT_CODE, "HELP", True),
        (TOLL_FREE, "STOP", True),
        (TOLL_FREE, "HELP", False),
        (TOLL_FREE, "hello", False),
    ],
)
async def test_automatic_answer_is_kept_and_never_reported(
    world: SmsWorld, number: str, message: str, *, answered: bool
) -> None:
    """It is no send of the application's."""
    await world.receive(message, number)
    await world.advance(hours=1)

    assert len(await world.events()) == 1
    assert len(await world.store.scan("sms-messages")) == 1 + answered


async def test_block_is_reported_with_its_code_when_the_switch_is_on(world: SmsWorld) -> None:
    """4007 is the row of the table that means the same."""
    world.configure(status_code_in_details=True)
    await world.receive("STOP")
    await world.send(PHONE)
    await world.advance(seconds=1)

    [report] = await world.reports()
    assert report["deliveryStatus"] == "Failed"
    assert report["deliveryStatusDetails"] == "4007: " + BLOCKED


async def test_opt_out_api_reads_and_changes_the_list(world: SmsWorld) -> None:
    """The same list as that of the keywords."""
    other = "+14255550124"
    await world.receive("STOP")

    [before, unknown] = await change_opt_outs(world, OptOutAction.CHECK, PHONE, other)
    await change_opt_outs(world, OptOutAction.REMOVE, PHONE)
    [added, bad] = await change_opt_outs(world, OptOutAction.ADD, other, "bad")
    after = await change_opt_outs(world, OptOutAction.CHECK, PHONE, other)

    assert (before.is_opted_out, unknown.is_opted_out) == (True, False)
    assert (added.http_status_code, bad.http_status_code) == (200, 400)
    assert [result.is_opted_out for result in after] == [False, True]


async def test_alphanumeric_sender_has_no_opt_out_list(world: SmsWorld) -> None:
    """Nobody can reply to it."""
    with pytest.raises(RequestError, match="alphanumeric") as refusal:
        await change_opt_outs(world, OptOutAction.ADD, PHONE, from_=NAME)

    assert refusal.value.status == 400


async def test_opt_outs_of_somebody_elses_sender_are_refused(world: SmsWorld) -> None:
    """As a send from it."""
    with pytest.raises(RequestError) as refusal:
        await change_opt_outs(world, OptOutAction.CHECK, PHONE, from_="+18005550199")

    assert refusal.value.status == 401
