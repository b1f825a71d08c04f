"""How many requests to webhooks are on their way, and how many were sent?"""

import asyncio
import logging

from switchhook.grid.ports import WebhookRequest, WebhookResponse

_log = logging.getLogger(__name__)


class Traffic:
    """Counts every request that is sent, and once more when it is told what came of it."""

    __slots__ = ("_none_left", "answered", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.answered = 0
        self._none_left = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many are on their way."""
        return self.sent - self.answered

    def end(self, request: WebhookRequest, response: WebhookResponse) -> None:
        """Tell a request what came of it; whoever does so has let go of it, so that it is once."""
        self.answered += 1
        if self.answered == self.sent:
            self._none_left.set()
        try:
            request.answered(response)
        except Exception:  # noqa: BLE001 - the caller's mistake must not end a shared connection
            _log.exception("webhook.callback_failed")

    async def quiet(self) -> None:
        """Return when no request is on its way."""
        while self.in_flight:
            self._none_left.clear()
            await self._none_left.wait()
