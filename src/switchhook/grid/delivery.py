"""What is one event on its way to one event subscription?"""

import msgspec

from switchhook.grid.events import Event
from switchhook.grid.ports import Identity, WaitingDelivery, WebhookRequest
from switchhook.grid.subscriptions import EventSubscription
from switchhook.tracing.model import DeliverySpan


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One event for one event subscription, to be attempted.

    `attempts` were made before; `is_stored` says that an exception row stands for it. `early_for`
    is set on a probe that is sent before the delivery's own time: the instant at which it is due.
    `run`, `lives_from` and what is known of the last attempt are those of `WaitingDelivery`.
    """

    position: int
    published_at: int
    event: Event
    subscription: EventSubscription
    attempts: int = 0
    is_stored: bool = False
    early_for: int | None = None
    run: int = 0
    lives_from: int = 0
    traceparent: str = ""
    last_outcome: str = ""
    last_status_code: int | None = None
    last_attempt_at: int | None = None

    @property
    def identity(self) -> Identity:
        """What tells this delivery from every other."""
        return self.position, self.subscription.incarnation, self.run

    @property
    def attempts_with_this(self) -> int:
        """How many attempts are made when the one under way has ended; an early one is none."""
        return self.attempts + (self.early_for is None)

    @property
    def starts_at(self) -> int:
        """The instant from which its time to live counts."""
        return self.lives_from or self.published_at

    def as_waiting(self, due_at: int, **members: object) -> WaitingDelivery:
        """The exception row that stands for it, with `members` of the row that are known."""
        subscription = self.subscription
        row = WaitingDelivery(
            position=self.position,
            subscription=subscription.incarnation,
            run=self.run,
            version=subscription.version,
            topic=subscription.topic,
            schema=self.event.schema,
            published_at=self.published_at,
            body=b"[" + self.event.json + b"]",
            attempts=self.attempts,
            due_at=due_at,
            lives_from=self.lives_from,
            traceparent=self.traceparent,
            last_outcome=self.last_outcome,
            last_status_code=self.last_status_code,
            last_attempt_at=self.last_attempt_at,
        )
        return msgspec.structs.replace(row, **members) if members else row


class InFlight(WebhookRequest, eq=False, kw_only=True):
    """A request under way: its deliveries, when it began, and the same on real time, in seconds.

    What is written down as waiting meanwhile is replaced by what says so. `span` is what traces it.
    """

    deliveries: list[Delivery]
    began_at: int
    began: float
    span: DeliverySpan | None = None
