"""How many requests to webhooks are on their way, and how many were sent?"""

import asyncio


class Traffic:
    """A count that every request enters, and leaves when its `done` is called."""

    __slots__ = ("_none_left", "in_flight", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.in_flight = 0
        self._none_left = asyncio.Event()

    def enter(self) -> None:
        """A request is to be sent."""
        self.sent += 1
        self.in_flight += 1

    def leave(self) -> None:
        """A request has come to its end."""
        self.in_flight -= 1
        if not self.in_flight:
            self._none_left.set()

    async def quiet(self) -> None:
        """Return when no request is on its way."""
        while self.in_flight:
            self._none_left.clear()
            await self._none_left.wait()
