"""What is recorded of a trace? Nothing by default; webhooks then get no `traceparent`."""

import contextlib
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from switchhook.tracing.context import Headers


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """What a trace says of a delivery attempt.

    `url` is recorded as host and port alone. `attempts` were made before; `event_id` is the first
    event's.
    """

    topic: str
    subscription: str
    url: str
    event_id: str
    events: int = 1
    attempts: int = 0


class DeliverySpan(Protocol):
    """An attempt under way. Its `traceparent` goes to the webhook."""

    traceparent: str

    def end(self, status: int | None, outcome: str | None) -> None:
        """The webhook answered `status`, or nothing; `outcome` says what failed, None nothing."""


class Tracing:
    """Records nothing."""

    is_on = False

    def on_publish(self, headers: Headers, topic: str) -> AbstractContextManager[str]:
        """Surround the publishing of a request to the topic of this name.

        Gives the `traceparent` to store with the events, or "". An error that leaves the block
        marks the span.
        """
        return _NOTHING

    def on_delivery(
        self, traceparents: Collection[str], attempt: DeliveryAttempt
    ) -> DeliverySpan | None:
        """Begin an attempt; the texts are those that were stored with its events.

        Ask only while `is_on`, so that nobody builds an attempt in vain.
        """
        return None

    async def close(self) -> None:
        """Send what is recorded and not sent yet."""


_NOTHING = contextlib.nullcontext("")  # it has no state: everybody may use it at once
