"""One request, until its `done` is called."""

import logging
from collections.abc import Callable
from time import monotonic_ns

from switchhook.clock import SECOND
from switchhook.grid.ports import Failure, WebhookRequest, WebhookResponse
from switchhook.webhook.addresses import Target
from switchhook.webhook.traffic import Traffic

_log = logging.getLogger(__name__)


class Exchange:
    """A request with its target, the instant it began and who wants to know what came of it.

    The time runs from `started`: when the request is written, or when a connection is opened for
    it. One that waits its turn behind others has not begun, because its webhook was not asked.
    """

    __slots__ = ("_done", "_traffic", "is_repeated", "request", "started", "target")

    def __init__(
        self,
        request: WebhookRequest,
        target: Target,
        done: Callable[[WebhookResponse], None],
        traffic: Traffic,
    ) -> None:
        self.request = request
        self.target = target
        self.started = 0
        self.is_repeated = False
        self._traffic = traffic
        self._done: Callable[[WebhookResponse], None] | None = done
        traffic.enter()

    @property
    def is_finished(self) -> bool:
        """Whether `done` was called."""
        return self._done is None

    def is_late(self, now: int) -> bool:
        """Whether it has begun, and its time is up."""
        return 0 < self.started <= now - self.request.timeout * SECOND

    def to_bytes(self) -> bytes:
        """The request as HTTP/1.1 has it."""
        request = self.request
        body = request.body
        return b"%b%b%bContent-Length: %d\r\n\r\n%b" % (
            b"POST" if request.method == "POST" else request.method.encode("ascii"),
            self.target.head,
            request.headers,
            len(body),
            body,
        )

    def finish(self, response: WebhookResponse) -> None:
        """Call `done`, if that was not done before."""
        done, self._done = self._done, None
        if done is None:
            return
        self._traffic.leave()
        try:
            done(response)
        except Exception:  # noqa: BLE001 - the caller's mistake must not end a shared connection
            _log.exception("webhook.callback_failed")

    def fail(self, failure: Failure, detail: str) -> None:
        """Finish without an answer."""
        duration = monotonic_ns() - self.started if self.started else 0
        self.finish(WebhookResponse(failure=failure, detail=detail, duration=duration))

    def expire(self) -> None:
        """Finish because the time is up."""
        self.fail(
            Failure.TIMED_OUT,
            f"{self.target.origin} did not answer within {self.request.timeout:g} seconds",
        )
