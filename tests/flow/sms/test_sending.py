"""From a send request to its delivery reports."""

import uuid

import pytest

from switchhook.errors import RequestError
from tests.flow.sms.world import (
    GEOGRAPHIC,
    NAME,
    PHONE,
    SHORT_CODE,
    TOLL_FREE,
    SmsWorld,
    a_resource,
    a_world,
    counting_guids,
)


async def test_each_recipient_has_a_result_in_the_order_of_the_request(world: SmsWorld) -> None:
    """A bad number among others fails alone."""
    first, bad, second = await world.send(PHONE, "12345", "+14255550124")

    assert [first.to, bad.to, second.to] == [PHONE, "12345", "+14255550124"]
    assert (first.successful, first.http_status_code, first.error_message) == (True, 202, None)
    assert first.message_id != second.message_id
    assert (bad.successful, bad.http_status_code) == (False, 400)
    assert bad.error_message == "Invalid To phone number format."
    assert not bad.message_id


async def test_delivered_message_is_reported_once(world: SmsWorld) -> None:
    """After the carrier's delay, with every field of the current article."""
    [result] = await world.send(
        PHONE, smsSendOptions={"enableDeliveryReport": True, "tag": "spring"}
    )
    assert await world.events() == []

    await world.advance(minutes=1)

    [event] = await world.events()
    assert event == {
        "id": result.message_id,
        "topic": event["topic"],
        "subject": "/phonenumber/18005550100",
        "eventType": "Microsoft.Communication.SMSDeliveryReportReceived",
        "eventTime": "2026-01-01T00:00:00Z",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "data": {
            "messageId": result.message_id,
            "from": TOLL_FREE,
            "to": PHONE,
            "deliveryStatus": "Delivered",
            "deliveryStatusDetails": "No error.",
            "deliveryAttempts": [
                {
                    "timestamp": "2026-01-01T00:00:00.1000000Z",
                    "segmentsSucceeded": 1,
                    "segmentsFailed": 0,
                }
            ],
            "receivedTimestamp": "2026-01-01T00:00:00.1000000Z",
            "tag": "spring",
        },
    }
    assert event["topic"].lower() == world.resource.resource_id.lower()


async def test_report_without_a_tag_has_no_tag(world: SmsWorld) -> None:
    """The member is absent, not null."""
    await world.send(PHONE)
    await world.advance(seconds=1)

    [report] = await world.reports()
    assert "tag" not in report


async def test_report_is_published_only_when_asked_for(world: SmsWorld) -> None:
    """The option is off by default; the report can be read all the same."""
    [result] = await world.send(PHONE, smsSendOptions=None)
    await world.advance(minutes=1)

    assert await world.events() == []
    message = await world.engine.message(world.resource, str(result.message_id))
    assert message is not None
    assert message.report is not None
    assert message.report.code == 2000


async def test_failed_message_is_reported_with_the_text_of_its_status(world: SmsWorld) -> None:
    """Without the number of the status, unless the switch is on."""
    await world.send("+14255554005")
    await world.advance(seconds=1)
    world.configure(status_code_in_details=True)
    await world.send("+14255554005")
    await world.advance(seconds=1)

    plain, numbered = await world.reports()
    assert plain["deliveryStatus"] == "Failed"
    assert plain["deliveryStatusDetails"] == "Message blocked by Destination carrier."
    assert numbered["deliveryStatusDetails"] == "4005: Message blocked by Destination carrier."


async def test_attempts_are_reported_in_the_order_of_time(world: SmsWorld) -> None:
    """A long message whose second half needs another attempt."""
    await world.send("+14255552005", message="x" * 161)
    await world.advance(seconds=5)
    assert await world.reports() == []

    await world.advance(seconds=1)

    [report] = await world.reports()
    assert report["deliveryAttempts"] == [
        {
            "timestamp": "2026-01-01T00:00:00.1000000Z",
            "segmentsSucceeded": 1,
            "segmentsFailed": 1,
        },
        {
            "timestamp": "2026-01-01T00:00:05.1000000Z",
            "segmentsSucceeded": 1,
            "segmentsFailed": 0,
        },
    ]


async def test_report_that_comes_twice_is_published_twice(world: SmsWorld) -> None:
    """Under the same id; the first is the one that can be read."""
    [result] = await world.send("+14255552022")
    await world.advance(seconds=2)

    first, second = await world.events()
    assert first["id"] == second["id"] == result.message_id
    assert first["data"]["receivedTimestamp"] != second["data"]["receivedTimestamp"]
    message = await world.engine.message(world.resource, str(result.message_id))
    assert message is not None
    assert message.report is not None
    assert message.report.received_at == message.report.attempts[0].timestamp


async def test_silent_carrier_is_never_reported_without_a_timeout(world: SmsWorld) -> None:
    """No event, and nothing to read."""
    [result] = await world.send("+14255552099")
    await world.advance(days=1)

    assert await world.events() == []
    message = await world.engine.message(world.resource, str(result.message_id))
    assert message is not None
    assert message.report is None


async def test_timeout_ends_the_wait_for_a_report(world: SmsWorld) -> None:
    """The service makes a report itself."""
    options = {"enableDeliveryReport": True, "deliveryReportTimeoutInSeconds": 60}
    await world.send("+14255552099", smsSendOptions=options)
    await world.advance(seconds=59)
    assert await world.reports() == []

    await world.advance(seconds=1)

    [report] = await world.reports()
    assert report["deliveryStatus"] == "Failed"


@pytest.mark.parametrize("sender", [TOLL_FREE, GEOGRAPHIC, SHORT_CODE, NAME])
async def test_every_owned_sender_can_send(world: SmsWorld, sender: str) -> None:
    """The subject names the sender, without a plus."""
    await world.send(PHONE, **{"from": sender})
    await world.advance(seconds=1)

    [event] = await world.events()
    assert event["data"]["from"] == sender
    assert event["subject"] == "/phonenumber/" + sender.removeprefix("+")


@pytest.mark.parametrize("sender", ["+18005550199", "5550", "FABRIKAM", "contoso", " ", "\x00"])
async def test_sender_of_somebody_else_is_refused(world: SmsWorld, sender: str) -> None:
    """401, as the live service answers, and nothing is sent."""
    with pytest.raises(RequestError) as refusal:
        await world.send(PHONE, **{"from": sender})

    assert refusal.value.status == 401
    await world.advance(seconds=1)
    assert await world.events() == []


async def test_empty_sender_is_a_bad_request(world: SmsWorld) -> None:
    """There is nothing to look up."""
    with pytest.raises(RequestError) as refusal:
        await world.send(PHONE, **{"from": ""})

    assert refusal.value.status == 400


async def test_message_ids_are_as_the_profile_writes_them() -> None:
    """A GUID in the current documents, direction and time before it in older ones."""
    world = a_world(new_guid=counting_guids())

    [current] = await world.send(PHONE)
    world.configure(profile="preview-2020-07")
    [older] = await world.send(PHONE)

    assert uuid.UUID(str(current.message_id))
    assert str(older.message_id).startswith("Outgoing_20260101000000")
    await world.engine.due_work.close()


async def test_events_have_the_shape_of_the_resources_profile(world: SmsWorld) -> None:
    """Key casing, the plus of numbers and the slash of subjects are settings."""
    world.configure(
        sms_key_casing="pascal", plus_in_numbers=False, leading_slash_in_sms_subjects=False
    )
    await world.send(PHONE)
    await world.advance(seconds=1)

    [event] = await world.events()
    assert event["subject"] == "phonenumber/18005550100"
    assert event["data"]["From"] == "18005550100"
    assert "MessageId" in event["data"]


async def test_many_due_reports_come_in_the_order_of_their_instants(world: SmsWorld) -> None:
    """More than one pass is needed; none is lost."""
    for _ in range(6):
        await world.send(*[f"+142555501{number:02}" for number in range(100)])
        await world.advance(milliseconds=1)
    await world.advance(seconds=1)

    reports = await world.reports()
    instants = [report["receivedTimestamp"] for report in reports]
    assert len({report["messageId"] for report in reports}) == 600
    assert instants == sorted(instants)


async def test_everything_expires_in_the_end(world: SmsWorld) -> None:
    """A week later no record of a message is left."""
    recipient = {"to": PHONE, "repeatabilityRequestId": str(uuid.uuid4())}
    await world.send(smsRecipients=[recipient])
    await world.receive("hello")
    await world.advance(days=7)

    for collection in ("sms-messages", "sms-due", "sms-repeatability"):
        assert await world.store.scan(collection) == []


async def test_deleted_resource_leaves_nothing(world: SmsWorld) -> None:
    """What was due for it is dropped, what it kept is deleted."""
    recipient = {"to": PHONE, "repeatabilityRequestId": str(uuid.uuid4())}
    await world.send(smsRecipients=[recipient])
    await world.receive("STOP")
    world.directory.remove(world.resource.resource_id)
    other = a_resource(name="other", topic=world.resource.topic + "-2")
    world.directory.put(other)
    await world.engine.receive(other, PHONE, TOLL_FREE, "STOP")
    events = await world.events()

    await world.engine.forget(world.resource.topic)
    await world.advance(seconds=1)

    assert await world.events() == events
    assert await world.store.scan("sms-repeatability") == []
    assert len(await world.store.scan("sms-opt-outs")) == 1
    kept = await world.store.scan("sms-messages")
    assert all(record.key.startswith(other.topic + "/") for record in kept)


async def test_message_that_was_forgotten_has_no_report(world: SmsWorld) -> None:
    """What is due for a message that is no longer kept is dropped, though it was just sent."""
    await world.send(PHONE)
    await world.engine.forget(world.resource.topic)
    await world.advance(seconds=1)

    assert await world.events() == []
    assert await world.store.scan("sms-messages") == []
