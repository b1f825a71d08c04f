"""A user's page, which acts and hears."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

from tests.browser.pages import Pages

CONNECTED = "realTimeNotificationConnected"
DISCONNECTED = "realTimeNotificationDisconnected"

_names = itertools.count(1)


@dataclass(frozen=True)
class User:
    """A user with a token."""

    raw_id: str
    token: str


class Page:
    """A page with the client of one user."""

    def __init__(self, pages: Pages, user: User) -> None:
        self._pages = pages
        self._name = f"user {next(_names)}"
        self.user = user

    async def connect(self, endpoint: str) -> None:
        """Be open, and hear what happens."""
        await self.do("page.open($endpoint, $token)", endpoint=endpoint, token=self.user.token)
        await self.do("page.start()")
        await self.hears(CONNECTED)

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

    async def close(self) -> None:
        """Go, as a page goes whose tab is closed."""
        await self._pages.close_page(self._name)


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


def thread_client(thread_id: str) -> str:
    """JavaScript for the client of a thread."""
    return f"client.getChatThreadClient({json.dumps(thread_id)})"
