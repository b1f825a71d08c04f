"""A server that is stopped and started again is as it was."""

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest

from switchhook.communication.orphans import COLLECTIONS
from switchhook.grid.ports import Put
from switchhook.stores.sqlite import SqliteStore
from tests.crash.books import Books, judge
from tests.crash.load import SUBJECT, Load
from tests.crash.management import Management
from tests.crash.sink import REPORT, Sink
from tests.receiver import Receiver
from tests.system.conftest import Serve
from tests.system.publishing import call_sms, publish
from tests.system.server_process import READY_WITHIN, STOPPED_WITHIN, Command, Ready

pytestmark = pytest.mark.system

TOPICS = "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.EventGrid/topics/"


async def test_the_ready_line_has_every_member(serve: Serve, tmp_path: Path) -> None:
    """One line of JSON with all that a script needs, and nothing else; also of the file."""
    config = tmp_path / "switchhook.toml"
    key = "b3du" * 16
    config.write_text(f'[[communication]]\nname = "contoso"\nkey = "{key}"\n')
    server = await serve("--config", str(config))

    members = msgspec.json.decode(server.ready_line, type=dict[str, object])
    assert members.keys() == set(Ready.__struct_fields__)
    assert server.ready.http_endpoint.startswith("http://localhost:")
    assert server.ready.communication.access_key in server.ready.communication.connection_string
    assert server.ready.communication.numbers
    assert [(each.name, each.access_key) for each in server.ready.communications] == [
        ("contoso", key)
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_clean_stop_ends_with_0_and_repeats_nothing(
    serve: Serve, number: signal.Signals
) -> None:
    """The last checkpoint is written: the next start delivers only what is new."""
    async with Receiver() as receiver:
        server = await serve()
        topic = server.ready.topic.resource_id
        await Management(server).subscribe(topic, "hook", receiver.url)
        await publish(server.ready, *(f"before-{n}" for n in range(20)))
        await receiver.wait_for_events(20)

        code = await server.stop(number)
        server = await serve()
        await publish(server.ready, "after")
        events = await receiver.wait_for_events(21)

    assert code == 0
    assert sorted(event["id"] for event in events) == sorted(
        ["after", *(f"before-{n}" for n in range(20))]
    )


async def test_a_stop_under_load_loses_and_repeats_nothing(serve: Serve) -> None:
    """Attempts that run may end, what was acknowledged comes after the next start, once."""
    books = Books()
    async with Sink(books) as sink:
        server = await serve()
        management = Management(server)
        resource = server.ready.communication.resource_id
        await management.subscribe(
            server.ready.topic.resource_id, "all", sink.url("all"), {"subjectBeginsWith": SUBJECT}
        )
        await management.subscribe(
            resource, "reports", sink.url("reports"), {"includedEventTypes": [REPORT]}
        )
        load = Load(books, server.ready, 1)
        await load.start()
        await sink.wait_for_arrivals(200, within=20)

        code = await server.stop()
        await load.end()
        await serve()
        await sink.wait_for_quiet("all", within=20)

    assert code == 0
    assert judge(books, wanting="all", unwanting=(), checkpoint=0.1, in_flight=0) == []


async def test_resources_and_keys_outlive_a_restart(serve: Serve) -> None:
    """A topic, its regenerated key and an event subscription are as they were."""
    async with Receiver() as receiver:
        server = await serve()
        topic = TOPICS.format(server.ready.subscription_id, server.ready.resource_group) + "orders"
        management = Management(server)
        await management.request("PUT", topic, {"location": "westeurope", "tags": {"a": "b"}})
        await management.request("POST", f"{topic}/regenerateKey", {"keyName": "key2"})
        path = await management.subscribe(topic, "hook", receiver.url, {"subjectEndsWith": "/17"})
        before = await _state(management, topic, path)

        await server.stop()
        server = await serve()
        after = await _state(Management(server), topic, path)

    assert after == before


async def test_a_start_finishes_the_deletion_of_a_resource(serve: Serve) -> None:
    """A run that ended in the middle of it has left users and threads; what exists stays."""
    server = await serve()
    sender = server.ready.communication.numbers[0]
    opted_out = {"from": sender, "recipients": [{"to": "+14255550100"}]}
    await call_sms(server.ready, "/sms/optouts:add", opted_out)
    await server.stop()
    async with SqliteStore.open(server.data) as store:
        await store.commit([Put(each, "of-nobody/1/2", b"{}") for each in COLLECTIONS])

    server = await serve()
    wait = "/providers/Switchhook.EventGrid/waitIdle"
    assert (await Management(server).request("POST", wait)).status == 200
    await server.stop()

    async with SqliteStore.open(server.data) as store:
        kept = {each: len(await store.scan(each)) for each in COLLECTIONS}
    assert {each: count for each, count in kept.items() if count} == {"sms-opt-outs": 1}


async def test_opt_outs_outlive_a_restart(serve: Serve) -> None:
    """Who opted out stays opted out: the SMS state is in the same file."""
    server = await serve()
    sender = server.ready.communication.numbers[0]
    recipients = {"from": sender, "recipients": [{"to": "+14255550100"}]}
    await call_sms(server.ready, "/sms/optouts:add", recipients)

    await server.stop()
    server = await serve()
    checked = await call_sms(server.ready, "/sms/optouts:check", recipients)

    assert checked["value"][0]["isOptedOut"] is True


async def test_a_pending_delivery_report_outlives_a_kill(serve: Serve) -> None:
    """A message that was accepted is reported, though the server died before the carrier did."""
    async with Receiver() as receiver:
        server = await serve()
        resource = server.ready.communication.resource_id
        await Management(server).subscribe(
            resource, "reports", receiver.url, {"includedEventTypes": [REPORT]}
        )
        body = {
            "from": server.ready.communication.numbers[0],
            "smsRecipients": [{"to": "+14255550100"}],
            "message": "The lights stay on.",
            "smsSendOptions": {"enableDeliveryReport": True, "tag": "lights"},
        }
        sent = await call_sms(server.ready, "/sms", body)

        await server.kill()
        await serve()
        (event,) = await receiver.wait_for_events(1)

    assert event["data"]["messageId"] == sent["value"][0]["messageId"]
    assert event["data"]["tag"] == "lights"


async def _state(management: Management, topic: str, subscription: str) -> list[object]:
    resource = await management.get(topic)
    del resource["properties"]["endpoint"]  # each start took free ports
    keys = await management.request("POST", f"{topic}/listKeys")
    return [resource, keys.json(), await management.get(subscription)]


async def test_a_reader_that_leaves_does_not_end_the_server(
    command: Command, tmp_path: Path
) -> None:
    """As `switchhook serve | head -3` does: it serves on, and nothing complains."""
    data = tmp_path / "data"
    words = ("serve", "--data", str(data), "--http-port", "0", "--https-port", "0")
    server = await command.start(*words, "--log-level", "error")
    server.close_output()
    async with asyncio.timeout(READY_WITHIN):
        while (asked := await command.run("endpoints", "--data", str(data))).code:
            assert server.is_running

    assert "is ready" in asked.stdout
    assert (await command.run("topic", "list", "--data", str(data))).code == 0
    server.send_signal(signal.SIGTERM)
    ended = await server.ended(STOPPED_WITHIN)
    assert (ended.code, ended.stderr) == (0, "")
