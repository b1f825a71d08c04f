"""What the official client hears in a browser, happening by happening."""

import contextlib
import itertools
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from switchhook.communication.chat.happenings import (
    Happening,
    MessageDeleted,
    MessageEdited,
    MessageRead,
    ParticipantRemoved,
    ParticipantsAdded,
    PropertiesUpdated,
    ThreadCreated,
    ThreadDeleted,
    TypingStarted,
)
from switchhook.communication.chat.model import (
    MessageKind,
    Participant,
    ReadReceipt,
    RetentionPolicy,
)
from switchhook.http.realtime_api.channel import Timing
from tests.browser.pages import Pages
from tests.flow.realtime.happenings import AT, AT_TEXT, a_message, a_thread, sent
from tests.flow.realtime.world import ALICE, BOB, CAROL, RESOURCE, World, serving

pytestmark = pytest.mark.asyncio(loop_scope="package")

CONNECTED = "realTimeNotificationConnected"
DISCONNECTED = "realTimeNotificationDisconnected"
# What a page shows must come through whole, and what the client takes apart must not be confused.
TOPIC = 'Mittagessen: 100 %, "50%41" für Zoë 🥗 & <b>+1</b>'
LATER = "2027-01-15T08:00:02.123Z"

_names = itertools.count(1)


class Site:
    """A server and the pages that are connected to it."""

    def __init__(self, pages: Pages, world: World) -> None:
        self.pages = pages
        self.world = world

    async def connected(self, raw_id: str, prepare: str = "") -> str:
        """Open a page of a user and connect it; its name."""
        name = f"page {next(_names)}"
        token = a_token()
        self.world.tokens.issue(token, raw_id)
        if prepare:
            await self.pages.run(name, prepare)
        endpoint = f"https://127.0.0.1:{self.world.port}"
        await self.pages.run(name, f"page.open('{endpoint}', '{token}')")
        await self.pages.run(name, "page.start()")
        await self.pages.heard(name, CONNECTED)
        return name


def a_token() -> str:
    """A token that the client takes for one: it reads no more of it than when it expires."""
    claims = {"exp": int(time.time()) + 3600, "jti": next(_names)}
    return jwt.encode(claims, "of no account, which is 32 letters long")


@contextlib.asynccontextmanager
async def a_site(
    pages: Pages, context: ssl.SSLContext, timing: Timing | None = None
) -> AsyncIterator[Site]:
    """A server over HTTPS."""
    async with serving(context=context, timing=timing) as world:
        yield Site(pages, world)


def user(raw_id: str) -> dict[str, str]:
    """A user as the client names one."""
    return {"kind": "communicationUser", "communicationUserId": raw_id}


def participant(raw_id: str, name: str, **members: Any) -> dict[str, Any]:
    """A participant as the client shows one."""
    return {
        "id": user(raw_id),
        "displayName": name,
        "metadata": {},
        "shareHistoryTime": "1970-01-01T00:00:00.000Z",
    } | members


ALICE_ACTING = {"id": user(ALICE), "displayName": "Alice", "metadata": {}}
ABOUT_MESSAGE = {
    "threadId": "19:thread@thread.v2",
    "sender": user(ALICE),
    "senderDisplayName": "Alice",
    "recipient": user(BOB),
    "id": "1800000000123",
    "createdOn": AT_TEXT,
    "version": "1800000000123",
    "type": "Text",
}
ABOUT_THREAD = {"threadId": "19:thread@thread.v2", "version": "1800000000123"}
CAROL_JOINS = Participant(
    raw_id=CAROL, display_name="Carol", share_history_time=AT, metadata={"desk": "ä%"}
)
CAROL_SHOWN = participant(CAROL, "Carol", shareHistoryTime=AT_TEXT, metadata={"desk": "ä%"})

CASES: list[tuple[str, Happening, dict[str, Any]]] = [
    (
        "chatMessageReceived",
        sent(TOPIC),
        ABOUT_MESSAGE | {"message": TOPIC, "metadata": {}, "attachments": []},
    ),
    (
        "chatMessageEdited",
        MessageEdited(
            thread=a_thread(),
            message=a_message(kind=MessageKind.HTML, edited_at=AT + 2 * 10**9, metadata={"a": "ü"}),
        ),
        ABOUT_MESSAGE
        | {
            "type": "RichText/Html",
            "message": "Hello",
            "metadata": {"a": "ü"},
            "attachments": [],
            "editedOn": LATER,
        },
    ),
    (
        "chatMessageDeleted",
        MessageDeleted(
            thread=a_thread(), message=a_message(content=None, deleted_at=AT + 2 * 10**9)
        ),
        ABOUT_MESSAGE | {"deletedOn": LATER},
    ),
    (
        "typingIndicatorReceived",
        TypingStarted(thread=a_thread(), sender=ALICE, sender_display_name="Alice", at=AT),
        {
            "threadId": "19:thread@thread.v2",
            "sender": user(ALICE),
            "senderDisplayName": "Alice",
            "recipient": user(BOB),
            "version": "1800000000123",
            "receivedOn": AT_TEXT,
        },
    ),
    (
        "readReceiptReceived",
        MessageRead(
            thread=a_thread(), receipt=ReadReceipt(sender=ALICE, message_id=17, read_at=AT)
        ),
        {
            "threadId": "19:thread@thread.v2",
            "sender": user(ALICE),
            "senderDisplayName": "",
            "recipient": user(BOB),
            "chatMessageId": "17",
            "readOn": AT_TEXT,
        },
    ),
    (
        "chatThreadCreated",
        ThreadCreated(thread=a_thread(topic=TOPIC, metadata={"a": "%41"})),
        ABOUT_THREAD
        | {
            "createdOn": AT_TEXT,
            "createdBy": ALICE_ACTING,
            "participants": [participant(ALICE, "Alice"), participant(BOB, "Bob")],
            "properties": {"topic": TOPIC, "metadata": {"a": "%41"}},
            "retentionPolicy": {"kind": "none"},
        },
    ),
    (
        "chatThreadPropertiesUpdated",
        PropertiesUpdated(
            thread=a_thread(
                topic=TOPIC, retention_policy=RetentionPolicy(delete_thread_after_days=90)
            ),
            by=ALICE,
            at=AT,
            topic=TOPIC,
        ),
        ABOUT_THREAD
        | {
            "updatedOn": AT_TEXT,
            "updatedBy": ALICE_ACTING,
            "properties": {"topic": TOPIC, "metadata": {}},
            "retentionPolicy": {"kind": "threadCreationDate", "deleteThreadAfterDays": 90},
        },
    ),
    (
        "chatThreadDeleted",
        ThreadDeleted(thread=a_thread(), by=ALICE, at=AT),
        ABOUT_THREAD | {"deletedOn": AT_TEXT, "deletedBy": ALICE_ACTING, "reason": "deletedByUser"},
    ),
    (
        "chatThreadDeleted",
        ThreadDeleted(thread=a_thread(), by=None, at=AT),
        ABOUT_THREAD | {"deletedOn": AT_TEXT, "deletedBy": None, "reason": "deletedByPolicy"},
    ),
    (
        "participantsAdded",
        ParticipantsAdded(thread=a_thread(), by=ALICE, at=AT, added=(CAROL_JOINS,)),
        ABOUT_THREAD
        | {"addedOn": AT_TEXT, "addedBy": ALICE_ACTING, "participantsAdded": [CAROL_SHOWN]},
    ),
    (
        "participantsRemoved",
        ParticipantRemoved(thread=a_thread(), by=ALICE, at=AT, removed=CAROL_JOINS),
        ABOUT_THREAD
        | {"removedOn": AT_TEXT, "removedBy": ALICE_ACTING, "participantsRemoved": [CAROL_SHOWN]},
    ),
]


async def test_page_hears_each_happening_once(pages: Pages, context: ssl.SSLContext) -> None:
    """With every member that the client makes of it."""
    async with a_site(pages, context) as site:
        bob = await site.connected(BOB)

        for event, happening, expected in CASES:
            site.world.hub.push(RESOURCE, happening)

            assert await pages.heard(bob, event) == expected
        assert not any((await pages.run(bob, "page.left()")).values())


async def test_removed_user_hears_of_it(pages: Pages, context: ssl.SSLContext) -> None:
    """Though no participant any more."""
    async with a_site(pages, context) as site:
        carol = await site.connected(CAROL)

        site.world.hub.push(
            RESOURCE, ParticipantRemoved(thread=a_thread(), by=CAROL, at=AT, removed=CAROL_JOINS)
        )

        heard = await pages.heard(carol, "participantsRemoved")
        assert heard["removedBy"]["displayName"] == "Carol"


async def test_page_registers_and_stops(pages: Pages, context: ssl.SSLContext) -> None:
    """`stopRealtimeNotifications` takes its registration back, and the page may start again."""
    async with a_site(pages, context) as site:
        bob = await site.connected(BOB)

        await pages.run(bob, "client.stopRealtimeNotifications()")
        await site.world.comings.until(("connected", BOB), ("disconnected", BOB))
        site.world.hub.push(RESOURCE, sent("nobody hears this"))
        await pages.run(bob, "page.start()")
        await pages.heard(bob, CONNECTED)
        site.world.hub.push(RESOURCE, sent("heard"))

        assert (await pages.heard(bob, "chatMessageReceived"))["message"] == "heard"


async def test_page_without_websockets_polls(pages: Pages, context: ssl.SSLContext) -> None:
    """As behind a proxy that lets none through."""
    # A client that stops between two polls is missed only when it is silent.
    timing = Timing(heartbeat=0.2, poll=0.4, silence=1.5)
    async with a_site(pages, context, timing) as site:
        bob = await site.connected(BOB, prepare="delete globalThis.WebSocket")
        for word in ("one", "zwei 🥗"):
            site.world.hub.push(RESOURCE, sent(word))
            site.world.hub.push(RESOURCE, sent(word))

            heard = [await pages.heard(bob, "chatMessageReceived") for _ in range(2)]
            assert [each["message"] for each in heard] == [word, word]
        await pages.run(bob, "client.stopRealtimeNotifications()")
        await site.world.comings.until(("connected", BOB), ("disconnected", BOB))


async def test_page_disconnects_when_its_token_is_revoked(
    pages: Pages, context: ssl.SSLContext
) -> None:
    """The client asks for a new token a few times and gives up."""
    async with a_site(pages, context, Timing(heartbeat=0.1)) as site:
        bob = await site.connected(BOB)
        site.world.tokens.revoke_all()

        await pages.heard(bob, DISCONNECTED)
        site.world.hub.push(RESOURCE, sent())

        assert await pages.run(bob, "page.left()") == {}
