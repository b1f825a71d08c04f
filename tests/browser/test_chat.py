"""Two users chat from two pages; what either does, the other hears."""

import itertools
import json
import ssl
from typing import Any

import pytest

from switchhook.http.realtime_api.channel import Timing
from switchhook.stores.memory import MemoryStore
from tests.browser.chat_server import ChatServer, User, serving_chat
from tests.browser.pages import Pages

pytestmark = pytest.mark.asyncio(loop_scope="package")

CONNECTED = "realTimeNotificationConnected"
DISCONNECTED = "realTimeNotificationDisconnected"

_names = itertools.count(1)


class Page:
    """A user's page, which acts and hears."""

    def __init__(self, pages: Pages, user: User) -> None:
        self._pages = pages
        self._name = f"user {next(_names)}"
        self.user = user

    async def do(self, script: str, **values: Any) -> Any:
        """Run JavaScript, with values in place of their names."""
        for name, value in values.items():
            script = script.replace(f"${name}", json.dumps(value))
        return await self._pages.run(self._name, script)

    async def hears(self, event: str) -> Any:
        """The next event of that name."""
        return await self._pages.heard(self._name, event)

    async def hears_nothing_else(self) -> None:
        """Of all that was heard nothing is left."""
        assert not any((await self._pages.run(self._name, "page.left()")).values())


async def connected(pages: Pages, server: ChatServer, user: User | None = None) -> Page:
    """A page of a user, a new one if need be, that hears what happens."""
    page = Page(pages, user or await server.user())
    endpoint = f"https://127.0.0.1:{server.port}"
    await page.do("page.open($endpoint, $token)", endpoint=endpoint, token=page.user.token)
    await page.do("page.start()")
    await page.hears(CONNECTED)
    return page


async def create_thread(alice: Page, *others: Page) -> str:
    """The id of a thread that a page has created, and everybody has heard of."""
    participants = [
        {"id": {"communicationUserId": each.user.raw_id}, "displayName": "Bob"} for each in others
    ]
    created = await alice.do(
        "client.createChatThread({topic: 'Lunch'}, {participants: $participants})",
        participants=participants,
    )
    thread_id: str = created["chatThread"]["id"]
    for page in (alice, *others):
        heard = await page.hears("chatThreadCreated")
        assert heard["threadId"] == thread_id
        assert heard["properties"]["topic"] == "Lunch"
        assert heard["createdBy"]["id"]["communicationUserId"] == alice.user.raw_id
        assert len(heard["participants"]) == 1 + len(others)
    return thread_id


async def test_messages_are_heard_by_both(pages: Pages, context: ssl.SSLContext) -> None:
    """As they are sent, edited and deleted; the sender hears them too."""
    async with serving_chat(context, MemoryStore()) as server:
        alice, bob = await connected(pages, server), await connected(pages, server)
        thread_id = await create_thread(alice, bob)
        thread = f"client.getChatThreadClient({json.dumps(thread_id)})"

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


async def test_typing_and_receipts_are_heard(pages: Pages, context: ssl.SSLContext) -> None:
    """Who has read hears nothing of it."""
    async with serving_chat(context, MemoryStore()) as server:
        alice, bob = await connected(pages, server), await connected(pages, server)
        thread_id = await create_thread(alice, bob)
        thread = f"client.getChatThreadClient({json.dumps(thread_id)})"

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


async def test_changes_of_a_thread_are_heard(pages: Pages, context: ssl.SSLContext) -> None:
    """By who is added from then on, by who is removed to the end, by strangers never."""
    async with serving_chat(context, MemoryStore()) as server:
        alice, bob = await connected(pages, server), await connected(pages, server)
        carol, stranger = await connected(pages, server), await connected(pages, server)
        thread_id = await create_thread(alice, bob)
        thread = f"client.getChatThreadClient({json.dumps(thread_id)})"
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


async def test_pages_go_on_after_a_restart(pages: Pages, context: ssl.SSLContext) -> None:
    """With their tokens, in their thread."""
    store = MemoryStore()
    async with serving_chat(context, store) as server:
        alice, bob = await connected(pages, server), await connected(pages, server)
        thread_id = await create_thread(alice, bob)
    for page in (alice, bob):
        await page.hears(DISCONNECTED)

    async with serving_chat(context, store, port=server.port):
        for page in (alice, bob):
            await page.hears(CONNECTED)
        await bob.do("client.getChatThreadClient($id).sendMessage({content: 'Back'})", id=thread_id)

        for page in (alice, bob):
            assert (await page.hears("chatMessageReceived"))["message"] == "Back"


async def test_deleted_user_hears_no_more(pages: Pages, context: ssl.SSLContext) -> None:
    """Its tokens are out of force, and so is its connection."""
    async with serving_chat(context, MemoryStore(), timing=Timing(heartbeat=0.1)) as server:
        alice, bob = await connected(pages, server), await connected(pages, server)
        thread_id = await create_thread(alice, bob)

        await server.identity.delete(server.resource, bob.user.raw_id)
        await bob.hears(DISCONNECTED)
        await alice.do(
            "client.getChatThreadClient($id).sendMessage({content: 'Bob?'})", id=thread_id
        )

        assert (await alice.hears("chatMessageReceived"))["message"] == "Bob?"
        await bob.hears_nothing_else()


def _second(time: str) -> str:
    """A time of the client's without its milliseconds, which replies do not tell."""
    return time.partition(".")[0]
