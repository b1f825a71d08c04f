"""What does a delivery request carry that most do not: batches, repetitions, headers of its own?"""

from collections.abc import Sequence
from typing import Protocol

from switchhook.grid.delivery import Delivery
from switchhook.grid.delivery_request import RequestForm
from switchhook.grid.subscriptions import DeliverySettings
from switchhook.tracing.model import DeliverySpan


class Tokens(Protocol):
    """Issues the tokens of secure webhook deliveries."""

    def token_for(self, tenant_id: str, audience: str) -> str:
        """A token of the tenant for that audience; cheap to ask for again."""


def build_special(
    form: RequestForm,
    deliveries: Sequence[Delivery],
    tokens: Tokens | None,
    span: DeliverySpan | None,
    settings: DeliverySettings,
) -> tuple[bytes, bytes]:
    """Headers and body of any request, with the token that its destination asks for."""
    first, webhook = deliveries[0], form.subscription.destination
    token = None
    if webhook.application_id_or_uri and tokens is not None:
        token = tokens.token_for(webhook.tenant_id, webhook.application_id_or_uri)
    return form.build(
        [each.event for each in deliveries],
        delivery_count=first.attempts,
        token=token,
        replay=str(first.run) if first.run and settings.marks_replays else "",
        traceparent="" if span is None else span.traceparent,
    )
