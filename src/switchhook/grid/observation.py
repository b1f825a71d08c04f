"""What is told of the router's work: one place for logs, counters, traces and the history."""

import logging
from collections.abc import Sequence

from switchhook.grid import retry
from switchhook.grid.delivery import Delivery
from switchhook.grid.ports import Batch, WebhookResponse
from switchhook.grid.retry import Delivered, GiveUpReason
from switchhook.grid.subscription_queue import SubscriptionQueue

log = logging.getLogger("switchhook.grid.deliver")


class Observation:
    """Told of what happens; it changes nothing."""

    def routed(self, batch: Batch, matched: int) -> None:
        """`matched` of the batch's events are wanted by a subscription."""

    def sending(self, queue: SubscriptionQueue, deliveries: Sequence[Delivery]) -> str:
        """A request is about to go; answers the `traceparent` that it carries, or ""."""
        return ""

    def attempted(
        self,
        queue: SubscriptionQueue,
        delivery: Delivery,
        attempts: int,
        response: WebhookResponse,
        step: retry.NextStep,
        started_at: int,
    ) -> None:
        """An attempt has ended, the `attempts`-th of its delivery; `step` follows."""
        # One line per failed or repeated attempt; a success at the first costs a debug check only.
        level = logging.DEBUG if isinstance(step, Delivered) and attempts == 1 else logging.INFO
        if not log.isEnabledFor(level):
            return
        log.log(
            level,
            "delivery.attempted",
            extra={
                "event_id": delivery.event.id,
                "subscription": delivery.subscription.name,
                "attempt": attempts,
                "status": response.status,
                "outcome": str(retry.outcome(response) or "Delivered"),
                "detail": response.detail,
                "duration_ms": round(response.duration / 1e6, 1),
                "next_step": type(step).__name__,
            },
        )

    def gave_up(self, queue: SubscriptionQueue, delivery: Delivery, step: retry.NextStep) -> None:
        """The event is dead-lettered or dropped."""
        match step:
            case retry.DeadLetter(reason):
                self._log_end("delivery.dead_lettered", delivery, reason)
            case retry.Drop(reason):
                self._log_end("delivery.dropped", delivery, reason)

    def _log_end(self, name: str, delivery: Delivery, reason: GiveUpReason) -> None:
        log.warning(
            name,
            extra={
                "event_id": delivery.event.id,
                "subscription": delivery.subscription.name,
                "reason": str(reason),
                "attempts": delivery.attempts,
            },
        )
