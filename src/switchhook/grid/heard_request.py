"""How does whoever sends a request now and then hear what came of it? By a function."""

from collections.abc import Callable

from switchhook.grid.ports import WebhookRequest, WebhookResponse


class HeardRequest(WebhookRequest, eq=False, kw_only=True):
    """A request whose answer is given to `heard`."""

    heard: Callable[[WebhookResponse], None]

    @classmethod
    def of(
        cls, request: WebhookRequest, heard: Callable[[WebhookResponse], None]
    ) -> "HeardRequest":
        """A request like the given one, which stays as it is and may be given again."""
        return cls(
            url=request.url,
            headers=request.headers,
            body=request.body,
            method=request.method,
            timeout=request.timeout,
            heard=heard,
        )

    def answered(self, response: WebhookResponse) -> None:
        self.heard(response)
