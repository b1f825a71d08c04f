"""Run the handshake with a webhook over the transport."""

import asyncio
from collections.abc import Callable

import msgspec

from switchhook.background import Rest, rest_uncounted
from switchhook.clock import Clock
from switchhook.grid import handshake as rules
from switchhook.grid.handshake import Verdict
from switchhook.grid.heard_request import HeardRequest
from switchhook.grid.ports import Failure, Transport, WebhookRequest, WebhookResponse


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a handshake: the last answer, its meaning and the number of requests sent."""

    verdict: Verdict
    response: WebhookResponse
    attempts: int


async def validate_endpoint(
    request: WebhookRequest,
    judge: Callable[[WebhookResponse], Verdict],
    *,
    transport: Transport,
    clock: Clock,
    rest: Rest = rest_uncounted,
) -> Validation:
    """Ask the endpoint, once more after a pause when it did not answer in time."""
    for attempt in range(1, rules.RETRIES + 2):
        response = await _send(request, transport)
        verdict = judge(response)
        if response.failure is not Failure.TIMED_OUT or attempt > rules.RETRIES:
            break
        await sleep(clock, rules.RETRY_DELAY, rest)
    return Validation(verdict=verdict, response=response, attempts=attempt)


async def sleep(clock: Clock, span: int, rest: Rest = rest_uncounted) -> None:
    """Wait for `span` nanoseconds of the clock."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not over.done():
            over.set_result(None)

    timer = clock.call_at(clock.now() + span, wake)
    try:
        await rest(over)
    finally:
        timer.cancel()


async def _send(request: WebhookRequest, transport: Transport) -> WebhookResponse:
    answer: asyncio.Future[WebhookResponse] = asyncio.get_running_loop().create_future()

    def heard(response: WebhookResponse) -> None:
        if not answer.done():  # whoever waited may have been cancelled
            answer.set_result(response)

    transport.send(HeardRequest.of(request, heard))
    return await answer
