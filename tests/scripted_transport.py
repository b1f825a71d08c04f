"""A transport whose webhooks are functions in the test, answering on the event loop."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse

Answer = Callable[[WebhookRequest], WebhookResponse | None]


class ScriptedTransport:
    """Records every request; `answer` decides, None leaves the request hanging."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.requests: list[WebhookRequest] = []
        self.answer: Answer = answer or (lambda _: WebhookResponse(status=200))
        self._hanging: list[WebhookRequest] = []

    def send(self, request: WebhookRequest) -> None:
        self.requests.append(request)
        response = self.answer(request)
        if response is None:
            self._hanging.append(request)
        else:
            asyncio.get_running_loop().call_soon(request.answered, response)

    def release(self, response: WebhookResponse, most: int = sys.maxsize) -> None:
        """Answer what hangs, the oldest first."""
        hanging, self._hanging = self._hanging[:most], self._hanging[most:]
        for request in hanging:
            request.answered(response)

    async def close(self) -> None:
        self.release(WebhookResponse(failure=Failure.ABORTED))

    @property
    def delivered_ids(self) -> list[str]:
        """The ids of the events of all requests, in order."""
        return [event["id"] for request in self.requests for event in events_of(request)]


def events_of(request: WebhookRequest) -> list[dict[str, Any]]:
    """The events in a request's body."""
    events: list[dict[str, Any]] = json.loads(request.body)
    return events


def always(status: int) -> Answer:
    """A webhook that gives one answer for ever."""
    return lambda _: WebhookResponse(status=status)


def in_turn(*statuses: int) -> Answer:
    """A webhook that gives these answers, then 200."""
    left = list(statuses)
    return lambda _: WebhookResponse(status=left.pop(0) if left else 200)
