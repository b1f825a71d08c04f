"""Two users chat from two pages; what either does, the other hears."""

import asyncio
import ssl
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from switchhook.http.realtime_api.channel import Timing
from switchhook.stores.memory import MemoryStore
from tests.browser.chat_server import serving_chat
from tests.browser.pages import Pages
from tests.browser.real_server import RealServer
from tests.browser.user_page import CONNECTED, DISCONNECTED, Page, create_thread, thread_client
from tests.crash.management import Management
from tests.receiver import Receiver
from tests.system.server_process import Command

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.system]

WAIT_IDLE = "/providers/Switchhook.EventGrid/waitIdle"


async def test_messages_are_heard_by_both(pages: Pages, server: RealServer) -> None:
    """As they are sent, edited and deleted; the sender hears them too."""
    alice, bob = await server.connected(pages, 2)
    thread_id = await create_thread(alice, bob)
    thread = thread_client(thread_id)

    message_id = (
        await alice.do(
            f"{thread}.sendMessage({{content: 'Hi'}}, "
            "{senderDisplayName: 'Alice', metadata: {a: 'ü'}})"
        )
    )["id"]
    for page in (alice, bob):
        heard = await page.hears("chatMessageReceived")
        assert (heard["id"], heard["message"]) == (message_id, "Hi")
        assert (heard["senderDisplayName"], heard["type"]) == ("Alice", "Text")
        assert heard["metadata"] == {"a": "ü"}
        assert heard["sender"]["communicationUserId"] == alice.user.raw_id
        assert heard["recipient"]["communicationUserId"] == page.user.raw_id

    await alice.do(f"{thread}.updateMessage($id, {{content: 'Hello'}})", id=message_id)
    for page in (alice, bob):
        heard = await page.hears("chatMessageEdited")
        read = await page.do(f"{thread}.getMessage($id)", id=message_id)
        assert (heard["id"], heard["message"]) == (message_id, "Hello")
        assert _second(heard["editedOn"]) == _second(read["editedOn"])
        assert heard["version"] == read["version"]
        assert _second(heard["createdOn"]) == _second(read["createdOn"])

    await alice.do(f"{thread}.deleteMessage($id)", id=message_id)
    for page in (alice, bob):
        heard = await page.hears("chatMessageDeleted")
        assert (heard["id"], heard["threadId"]) == (message_id, thread_id)
        assert heard["deletedOn"] >= heard["createdOn"]
        await page.hears_nothing_else()


async def test_typing_and_receipts_are_heard(pages: Pages, server: RealServer) -> None:
    """Who has read hears nothing of it."""
    alice, bob = await server.connected(pages, 2)
    thread_id = await create_thread(alice, bob)
    thread = thread_client(thread_id)

    await bob.do(f"{thread}.sendTypingNotification({{senderDisplayName: 'Bob'}})")
    for page in (alice, bob):
        heard = await page.hears("typingIndicatorReceived")
        assert heard["senderDisplayName"] == "Bob"
        assert heard["sender"]["communicationUserId"] == bob.user.raw_id

    sent = await alice.do(f"{thread}.sendMessage({{content: 'Hi'}})")
    await bob.do(f"{thread}.sendReadReceipt({{chatMessageId: $id}})", id=sent["id"])
    heard = await alice.hears("readReceiptReceived")
    assert heard["chatMessageId"] == sent["id"]
    assert heard["sender"]["communicationUserId"] == bob.user.raw_id
    for page in (alice, bob):
        await page.hears("chatMessageReceived")
        await page.hears_nothing_else()


async def test_changes_of_a_thread_are_heard(pages: Pages, server: RealServer) -> None:
    """By who is added from then on, by who is removed to the end, by strangers never."""
    alice, bob, carol, stranger = await server.connected(pages, 4)
    thread_id = await create_thread(alice, bob)
    thread = thread_client(thread_id)
    carols = {"communicationUserId": carol.user.raw_id}

    await alice.do(f"{thread}.updateTopic('Ä 100 %')")
    for page in (alice, bob):
        heard = await page.hears("chatThreadPropertiesUpdated")
        assert heard["properties"]["topic"] == "Ä 100 %"
        assert heard["updatedBy"]["id"]["communicationUserId"] == alice.user.raw_id

    await alice.do(
        f"{thread}.addParticipants({{participants: [{{id: $id, displayName: 'Zoë'}}]}})",
        id=carols,
    )
    for page in (alice, bob, carol):
        (added,) = (await page.hears("participantsAdded"))["participantsAdded"]
        assert (added["id"]["communicationUserId"], added["displayName"]) == (
            carol.user.raw_id,
            "Zoë",
        )

    await alice.do(f"{thread}.removeParticipant($id)", id=carols)
    for page in (alice, bob, carol):
        (removed,) = (await page.hears("participantsRemoved"))["participantsRemoved"]
        assert removed["id"]["communicationUserId"] == carol.user.raw_id

    await alice.do("client.deleteChatThread($id)", id=thread_id)
    for page in (alice, bob):
        heard = await page.hears("chatThreadDeleted")
        assert (heard["threadId"], heard["reason"]) == (thread_id, "deletedByUser")
    for page in (alice, bob, carol, stranger):
        await page.hears_nothing_else()


async def test_event_grid_hears_what_pages_do(pages: Pages, server: RealServer) -> None:
    """And that a user has gone whose page was closed, once, though the other one goes on."""
    async with Receiver() as receiver:
        management = Management(server.process)
        scope = server.process.ready.communication.resource_id
        subscription = await management.subscribe(scope, "pages", receiver.url)
        alice, bob = await server.connected(pages, 2)
        thread_id = await create_thread(alice, bob)
        thread = thread_client(thread_id)
        sent = await alice.do(f"{thread}.sendMessage({{content: 'Hi'}})")
        await alice.do(f"{thread}.updateMessage($id, {{content: 'Hello'}})", id=sent["id"])
        await bob.do(f"{thread}.sendReadReceipt({{chatMessageId: $id}})", id=sent["id"])
        await alice.do(f"{thread}.deleteMessage($id)", id=sent["id"])
        await bob.close()
        await gone(receiver, bob)
        await alice.do(f"{thread}.sendMessage({{content: 'Bob?'}})")
        await alice.close()
        await gone(receiver, alice)
        assert (await management.request("POST", WAIT_IDLE)).status == 200
        assert (await management.request("DELETE", subscription)).status == 204

    about_thread = [each for each in receiver.events if each["data"].get("threadId") == thread_id]
    assert Counter(short_type(each) for each in about_thread) == {
        "ChatThreadCreated": 1,
        "ChatThreadCreatedWithUser": 1,
        "ChatMessageReceivedInThread": 2,
        "ChatMessageReceived": 2,
        "ChatMessageEditedInThread": 1,
        "ChatMessageEdited": 1,
        "ChatMessageDeletedInThread": 1,
        "ChatMessageDeleted": 1,
    }
    assert {each["data"]["messageId"] for each in about_thread if "Edited" in short_type(each)} == {
        sent["id"]
    }
    assert [disconnections(receiver, page) for page in (alice, bob)] == [1, 1]


def short_type(event: dict[str, Any]) -> str:
    """The last segment of an event's type."""
    return str(event["eventType"].rpartition(".")[2])


def disconnections(receiver: Receiver, page: Page) -> int:
    """How often a page's user was said to be disconnected."""
    subject = f"user/{page.user.raw_id}"
    return sum(
        short_type(each) == "UserDisconnected" and each["subject"] == subject
        for each in receiver.events
    )


async def gone(receiver: Receiver, page: Page) -> None:
    """Wait until a page's user is said to be disconnected."""
    async with asyncio.timeout(10):
        while not disconnections(receiver, page):
            await receiver.wait_for(len(receiver.requests) + 1)


async def test_pages_go_on_after_a_restart(pages: Pages, command: Command, tmp_path: Path) -> None:
    """With their tokens, in their thread."""
    before = RealServer(await command.serve(tmp_path / "data"))
    alice, bob = await before.connected(pages, 2)
    thread_id = await create_thread(alice, bob)
    before.close()
    await before.process.stop()
    for page in (alice, bob):
        await page.hears(DISCONNECTED)

    port = before.process.ready.https_endpoint.rpartition(":")[2]
    again = await command.serve(tmp_path / "data", "--https-port", port)
    for page in (alice, bob):
        await page.hears(CONNECTED)
    await bob.do(f"{thread_client(thread_id)}.sendMessage({{content: 'Back'}})")

    for page in (alice, bob):
        assert (await page.hears("chatMessageReceived"))["message"] == "Back"
    await again.stop()


async def test_deleted_user_hears_no_more(pages: Pages, context: ssl.SSLContext) -> None:
    """Its tokens are out of force, and so is its connection, at the next heartbeat."""
    async with serving_chat(context, MemoryStore(), timing=Timing(heartbeat=0.1)) as server:
        alice, bob = [Page(pages, await server.user()) for _ in range(2)]
        endpoint = f"https://127.0.0.1:{server.port}"
        await asyncio.gather(alice.connect(endpoint), bob.connect(endpoint))
        thread_id = await create_thread(alice, bob)

        await server.identity.delete(server.resource, bob.user.raw_id)
        await bob.hears(DISCONNECTED)
        await alice.do(f"{thread_client(thread_id)}.sendMessage({{content: 'Bob?'}})")

        assert (await alice.hears("chatMessageReceived"))["message"] == "Bob?"
        await bob.hears_nothing_else()


def _second(time: str) -> str:
    """A time of the client's without its milliseconds, which replies do not tell."""
    return time.partition(".")[0]
