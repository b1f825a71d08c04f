"""How does a test take charge of the server? It moves the clock, waits for quiet, and starts anew.

`Switchhook.EventGrid/clocks/default` is the server's clock; `advance`, `waitIdle` and `reset` are
actions. Only `--virtual-clock` makes a clock that can be moved.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.responses import Response

from switchhook.clock import DAY, SECOND, Clock, VirtualClock, from_datetime, to_text
from switchhook.errors import RequestError
from switchhook.grid.resources.body_rules import as_flag, as_instant, check_members, refuse
from switchhook.grid.resources.settings_rules import from_duration, to_duration
from switchhook.http.arm_api.exchange import ArmRequest
from switchhook.http.errors import json_response
from switchhook.http.local_clients import check_is_local

# A step happens for each minute on the way, so that a longer way would take minutes itself.
MAX_ADVANCE = 366 * DAY
# Times are kept as 64 bits of nanoseconds, and some of the future stand for "never".
LATEST = from_datetime(datetime(2100, 1, 1, tzinfo=UTC))
MAX_WAIT = 600 * SECOND
DEFAULT_WAIT = 30 * SECOND

# How often it is looked whether a replay has come to its end, in seconds of real time.
_LOOKS_EVERY = 0.05

_CLOCK_ID = "/providers/Switchhook.EventGrid/clocks/default"
_NOT_VIRTUAL = (
    "The server runs on the time of the machine, which cannot be moved: "
    "start it with --virtual-clock."
)
_MOVING = (
    "The clock is being advanced already: an advance cannot begin within another one, such as from "
    "a webhook that it set off."
)

_STANDS_STILL = (
    "the clock stands still: a replay hands over so many events a second. Move the clock with "
    "'switchhook clock advance 10s'."
)


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """What the routes act on.

    `idle` returns when nothing is due, in flight or queued; `requests_sent` counts the requests to
    webhooks; `replays` names those that have events still to hand over; `reset` forgets what has
    happened and, when its argument says so, all resources.
    """

    clock: Clock
    idle: Callable[[], Awaitable[None]]
    requests_sent: Callable[[], int]
    replays: Callable[[], Sequence[str]]
    reset: Callable[[bool], Awaitable[None]]


class ControlRoutes:
    """The clock and the actions of tests."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get_clock(self, request: ArmRequest) -> Response:
        """GET the clock: its kind and its time."""
        _check_clock_name(request)
        return json_response(self._render())

    async def advance(self, request: ArmRequest) -> Response:
        """POST: every timer up to the new time has fired, and all that it set off has ended."""
        _check_clock_name(request)
        body = await request.body()
        clock = self._control.clock
        if not isinstance(clock, VirtualClock):
            raise RequestError(409, "Conflict", _NOT_VIRTUAL)
        before, sent = clock.now(), self._control.requests_sent()
        target = _target(body, before)
        if clock.is_moving:
            raise RequestError(409, "Conflict", _MOVING)
        await clock.advance_to(target)
        requests = self._control.requests_sent() - sent
        return json_response(
            self._render(advancedBy=to_duration(target - before), webhookRequests=requests)
        )

    async def wait_idle(self, request: ArmRequest) -> Response:
        """POST: answers when nothing is due, in flight or queued and no replay reads on.

        409 after the timeout, and at once where a replay waits for a clock that stands still.
        """
        body = await request.body()
        check_members(body, {"timeout"}, "waitIdle")
        timeout = _timeout(body)
        try:
            async with asyncio.timeout(timeout / SECOND):
                await self._idle()
        except TimeoutError:
            message = (
                f"Something is still in flight, queued or due after {timeout / SECOND:g} seconds."
            )
            names = self._control.replays()
            message += f" {_still_running(names)}." if names else ""
            raise RequestError(409, "Conflict", message) from None
        return json_response({"isIdle": True})

    async def _idle(self) -> None:
        clock = self._control.clock
        while True:
            await self._control.idle()
            # No await from there to here: all of this holds at one instant.
            names = self._control.replays()
            if not names:
                return
            if isinstance(clock, VirtualClock) and not clock.is_moving:
                raise RequestError(409, "Conflict", f"{_still_running(names)}, and {_STANDS_STILL}")
            await asyncio.sleep(_LOOKS_EVERY)

    async def reset(self, request: ArmRequest) -> Response:
        """POST: forgets what has happened; with `all` every resource too, except the defaults."""
        check_is_local(request.request, "Only programs on the server's own machine may reset it.")
        body = await request.body()
        check_members(body, {"all"}, "reset")
        await self._control.reset(as_flag(body.get("all", False), "all"))
        return Response(status_code=204)

    def _render(self, **more: object) -> dict[str, Any]:
        clock = self._control.clock
        kind = "Virtual" if isinstance(clock, VirtualClock) else "System"
        return {
            "id": _CLOCK_ID,
            "name": "default",
            "type": "Switchhook.EventGrid/clocks",
            "properties": {"kind": kind, "now": to_text(clock.now()), **more},
        }


def _still_running(names: Sequence[str]) -> str:
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"The replay '{names[0]}'{more} is still running"


def _check_clock_name(request: ArmRequest) -> None:
    if request.path.names[0].lower() != "default":
        raise RequestError(
            404, "ResourceNotFound", "There is one clock, and its name is 'default'."
        )


def _target(body: dict[str, Any], now: int) -> int:
    check_members(body, {"by", "to"}, "advance")
    if ("by" in body) == ("to" in body):
        refuse("Give one of 'by' (an ISO 8601 duration) and 'to' (a time).")
    target = now + _span(body["by"], "by") if "by" in body else _instant(body)
    if not now <= target <= now + MAX_ADVANCE:
        refuse(
            f"The clock can be advanced by at most 366 days, and not back: it is {to_text(now)}."
        )
    if target > LATEST:
        refuse(f"The clock can be advanced to {to_text(LATEST)} at the latest.")
    return target


def _instant(body: dict[str, Any]) -> int:
    instant = as_instant(body["to"], "to")
    if instant is None:
        refuse("The value of 'to' must be a time such as 2030-01-01T00:00:00Z.")
    return instant


def _span(value: object, name: str) -> int:
    span = from_duration(value.upper()) if isinstance(value, str) else None
    if span is None:
        refuse(
            f"The value of '{name}' must be an ISO 8601 duration of days, hours, minutes and "
            "seconds, such as PT24H."
        )
    return span


def _timeout(body: dict[str, Any]) -> int:
    span = _span(body["timeout"], "timeout") if "timeout" in body else DEFAULT_WAIT
    if not SECOND <= span <= MAX_WAIT:
        refuse("The value of 'timeout' must be between PT1S and PT10M.")
    return span
