"""What becomes of a request on its way: when its time is up, and how it can end without an answer.

Its time runs from `started`: when it is written, or when a connection is opened for it. One that
waits its turn behind others has not begun, because its webhook was not asked.
"""

from time import monotonic_ns

from switchhook.clock import SECOND
from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse
from switchhook.webhook.addresses import parse_url


def is_late(request: WebhookRequest, now: int) -> bool:
    """Whether it has begun, and its time is up."""
    return 0 < request.started <= now - request.timeout * SECOND


def failed(request: WebhookRequest, failure: Failure, detail: str) -> WebhookResponse:
    """What came of a request that was not answered."""
    duration = monotonic_ns() - request.started if request.started else 0
    return WebhookResponse(failure=failure, detail=detail, duration=duration)


def expired(request: WebhookRequest) -> WebhookResponse:
    """What came of a request whose time is up."""
    detail = f"{origin(request)} did not answer within {request.timeout:g} seconds"
    return failed(request, Failure.TIMED_OUT, detail)


def origin(request: WebhookRequest) -> str:
    """The endpoint that it goes to, for people."""
    return parse_url(request.url).origin
