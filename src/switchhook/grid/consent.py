"""Which handshake does an event subscription need, and what do its ends say?"""

from collections.abc import Callable

import msgspec

from switchhook.grid import handshake, options_handshake
from switchhook.grid.events import EventSchema
from switchhook.grid.handshake import Handshake, Verdict
from switchhook.grid.ports import WebhookRequest, WebhookResponse


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint that is asked for its consent, and for deliveries in which schema."""

    endpoint_url: str
    schema: EventSchema
    subscription_name: str
    topic: str

    @property
    def is_for_cloud_events(self) -> bool:
        """Whether HTTP OPTIONS asks instead of an event."""
        return self.schema is EventSchema.CLOUD_EVENTS

    def request(self, url: str, shake: Handshake, token: str | None = None) -> WebhookRequest:
        """The request that asks; opening `url` is consent too, and `token` authorizes it."""
        if self.is_for_cloud_events:
            request = options_handshake.build_request(self.endpoint_url, url)
        else:
            request = handshake.build_request(
                self.endpoint_url, self.subscription_name, self.topic, url, shake
            )
        if not token:
            return request
        authorization = f"Authorization: Bearer {token}\r\n".encode("ascii")
        return msgspec.structs.replace(request, headers=request.headers + authorization)

    def judge(self, shake: Handshake) -> Callable[[WebhookResponse], Verdict]:
        """What an answer means."""
        if self.is_for_cloud_events:
            return options_handshake.judge
        return lambda response: handshake.judge(response, shake.code)

    def refusal(self, response: WebhookResponse, activity: str, now: int) -> str:
        """Why the endpoint gets no events."""
        name = self.endpoint_url.partition("?")[0]
        if self.is_for_cloud_events:
            message = options_handshake.refusal_message(name, response, activity, now)
        else:
            message = handshake.failure_message(name, response, activity, now)
        detail = response.detail or response.failure
        return f"{message} ({detail})" if detail else message

    def still_open(self, response: WebhookResponse, activity: str, now: int) -> str:
        """What somebody can still do."""
        name = self.endpoint_url.partition("?")[0]
        if self.is_for_cloud_events:
            return options_handshake.waiting_message(name, activity, now)
        return handshake.manual_message(name, response.body, activity, now)
