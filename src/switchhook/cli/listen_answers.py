"""What does `listen` answer to a request: to the handshake, to a delivery, to anything else?"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from switchhook.cli.json_read import read_json
from switchhook.cli.listen_receiver import ReceivedRequest, Reply

Event = dict[str, Any]
Forward = Callable[[ReceivedRequest], Awaitable[Reply]]

# The `aeg-event-type` of a handshake and of a delivery (event-delivery-schema article).
VALIDATION = "SubscriptionValidation"
NOTIFICATION = "Notification"
DELETION = "SubscriptionDeletion"

# What a webhook for CloudEvents answers in place of the handshake.
_PERMISSION = Reply(200, headers=(("WebHook-Allowed-Origin", "eventgrid.azure.net"),))


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """How deliveries are answered: with `status`, after so many seconds."""

    status: int = 200
    delay: float = 0.0


class Answers:
    """Shows every delivery and answers it as asked, or as the target of `forward` does.

    The path of the URL is a secret between the server and this listener: whatever else on this
    machine finds the port gets 404. The handshake is answered properly in every case.
    """

    def __init__(
        self,
        *,
        path: str,
        show: Callable[[Event, int], None],
        rehearsal: Rehearsal = Rehearsal(),  # noqa: B008 - frozen
        forward: Forward | None = None,
    ) -> None:
        self._path = path
        self._show = show
        self._rehearsal = rehearsal
        self._forward = forward

    async def __call__(self, request: ReceivedRequest) -> Reply:
        if request.target != self._path:
            return Reply(404)
        if request.method == "OPTIONS":
            return _PERMISSION
        if request.method != "POST":
            return Reply(405)
        events = _read_events(request.body)
        if not events:
            return Reply(400)
        match request.header("aeg-event-type"):
            case kind if kind == VALIDATION:
                return _echo(events[0])
            case kind if kind == NOTIFICATION:
                return await self._deliver(request, events)
            case kind if kind == DELETION:
                return Reply(200)
            case _:
                return Reply(400)

    async def _deliver(self, request: ReceivedRequest, events: list[Event]) -> Reply:
        count = request.header("aeg-delivery-count")
        for event in events:
            self._show(event, int(count) if count.isdecimal() else 0)
        if self._rehearsal.delay:
            await asyncio.sleep(self._rehearsal.delay)
        if self._forward is not None:
            return await self._forward(request)
        return Reply(self._rehearsal.status)


def _read_events(body: bytes) -> list[Event]:
    """The events of a delivery: a JSON array of objects, or one CloudEvent; else none."""
    try:
        events = read_json(body)
    except (ValueError, RecursionError):
        return []
    if isinstance(events, dict) and "specversion" in events:
        return [events]
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        return []
    return events


def _echo(event: Event) -> Reply:
    data = event.get("data")
    code = data.get("validationCode") if isinstance(data, dict) else None
    if not isinstance(code, str):
        return Reply(400)
    return Reply(200, json.dumps({"validationResponse": code}).encode())
