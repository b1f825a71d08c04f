"""How can a webhook be made to fail on purpose?

For tests of whoever receives events: the next deliveries of a subscription fail, come late, twice
or in another order. A fault stands between the router and its transport, so that all the rest
(retries, dead letters, metrics) is as it would be with a webhook that really behaves so.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec

from switchhook.clock import Clock
from switchhook.grid.ports import Failure, Transport, WebhookRequest, WebhookResponse

_DROPPED = "connection dropped by a delivery fault"


class DeliveryFault(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to the next `count` requests of a subscription.

    `status` answers in the webhook's place; `drop_connection` fails without an answer; `delay`
    nanoseconds pass before the request is sent; `duplicate` sends it twice; `reorder` holds it back
    until the next one has been sent, or `delay` has passed.
    """

    count: int = 1
    status: int | None = None
    drop_connection: bool = False
    delay: int = 0
    duplicate: bool = False
    reorder: bool = False


class Faults:
    """The faults in force, by the incarnation of the subscription; none survives a restart."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self.in_force: dict[str, DeliveryFault] = {}
        # Requests that are held back until the next one of their subscription.
        self.held: dict[str, Callable[[], None]] = {}
        # Requests that wait for their time, on the clock.
        self.delayed = 0

    def put(self, incarnation: str, fault: DeliveryFault) -> None:
        """Bring a fault into force in place of the one before."""
        self.in_force[incarnation] = fault

    def get(self, incarnation: str) -> DeliveryFault | None:
        """What is left of the fault in force."""
        return self.in_force.get(incarnation)

    def clear(self, incarnation: str) -> None:
        """End the fault; a request that is held back goes out."""
        self.in_force.pop(incarnation, None)
        self._release(incarnation)

    def send(self, incarnation: str, request: WebhookRequest) -> None:
        """Send as `Transport.send` does, unless a fault is in force.

        While none is, and nothing is held back, the transport may be asked at once.
        """
        fault = self.in_force.get(incarnation)
        if fault is None:
            self._transport.send(request)
        else:
            self._take(incarnation, fault)
            self._misbehave(incarnation, fault, request)
        if self.held and (fault is None or not fault.reorder):
            self._release(incarnation)

    def _take(self, incarnation: str, fault: DeliveryFault) -> None:
        if fault.count > 1:
            self.in_force[incarnation] = msgspec.structs.replace(fault, count=fault.count - 1)
        else:
            del self.in_force[incarnation]

    def _misbehave(self, incarnation: str, fault: DeliveryFault, request: WebhookRequest) -> None:
        act = partial(self._act_late, fault, request)
        if fault.reorder:
            self._release(incarnation)
            self.held[incarnation] = act
            act = partial(self._release, incarnation, act)
        if fault.delay or fault.reorder:
            self.delayed += 1
            self._clock.call_at(self._clock.now() + fault.delay, act)
        else:
            self._act(fault, request)

    def _act_late(self, fault: DeliveryFault, request: WebhookRequest) -> None:
        self.delayed -= 1
        self._act(fault, request)

    def _act(self, fault: DeliveryFault, request: WebhookRequest) -> None:
        loop = asyncio.get_running_loop()
        if fault.status is not None:
            loop.call_soon(request.answered, WebhookResponse(status=fault.status))
        elif fault.drop_connection:
            failed = WebhookResponse(failure=Failure.SOCKET_ERROR, detail=_DROPPED)
            loop.call_soon(request.answered, failed)
        else:
            if fault.duplicate:
                self._transport.send(_copy(request))
            self._transport.send(request)

    def _release(self, incarnation: str, only: Callable[[], None] | None = None) -> None:
        held = self.held.get(incarnation)
        if held is not None and (only is None or held is only):
            del self.held[incarnation]
            held()


def _copy(request: WebhookRequest) -> WebhookRequest:
    """The same once more, whose answer nobody hears."""
    return WebhookRequest(
        url=request.url,
        headers=request.headers,
        body=request.body,
        method=request.method,
        timeout=request.timeout,
    )
