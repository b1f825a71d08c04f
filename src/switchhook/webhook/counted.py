"""How many requests to webhooks are on their way, and how many were sent?"""

import asyncio
from collections.abc import Callable

from switchhook.grid.ports import Transport, WebhookRequest, WebhookResponse


class CountedTransport:
    """Implements `grid.ports.Transport` over another one, and counts."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._in_flight = 0
        self._none_left = asyncio.Event()
        self.sent = 0

    def send(self, request: WebhookRequest, done: Callable[[WebhookResponse], None]) -> None:
        def ended(response: WebhookResponse) -> None:
            self._in_flight -= 1
            if not self._in_flight:
                self._none_left.set()
            done(response)

        self.sent += 1
        self._in_flight += 1
        self._transport.send(request, ended)

    @property
    def is_busy(self) -> bool:
        """Whether a request is on its way."""
        return self._in_flight > 0

    async def quiet(self) -> None:
        """Return when none is."""
        while self.is_busy:
            self._none_left.clear()
            await self._none_left.wait()

    async def close(self) -> None:
        await self._transport.close()
