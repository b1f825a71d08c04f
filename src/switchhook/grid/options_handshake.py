"""Does a webhook agree to receive CloudEvents? Permission by HTTP OPTIONS, without an event.

Source: end-point-validation-cloud-events-schema.md (Feb 2026) and the CloudEvents specification
that it follows (http-webhook.md 1.0, section 4, abuse protection).
"""

from http import HTTPStatus

from switchhook.grid.delivery_request import ORIGIN
from switchhook.grid.handshake import ANSWER_TIMEOUT, HELP, Verdict, closing, failure_message
from switchhook.grid.ports import WebhookRequest, WebhookResponse

# The specification lets an endpoint agree later, by opening a callback URL. The article of 2026 no
# longer speaks of it, and whether Azure sends the header is not documented.
ASKS_FOR_CALLBACK = True
# The rate that we would like, which the specification leaves to the sender. Not documented; what an
# endpoint allows (`WebHook-Allowed-Rate`) is ignored, as Azure ignores it.
REQUEST_RATE: int | None = None

_ALLOWED_ORIGIN = "webhook-allowed-origin"
_ANY = "*"


def build_request(endpoint_url: str, callback_url: str) -> WebhookRequest:
    """The request for permission; opening `callback_url` grants it later."""
    lines = [f"WebHook-Request-Origin: {ORIGIN}"]
    if ASKS_FOR_CALLBACK:
        lines.append(f"WebHook-Request-Callback: {callback_url}")
    if REQUEST_RATE is not None:
        lines.append(f"WebHook-Request-Rate: {REQUEST_RATE}")
    return WebhookRequest(
        url=endpoint_url,
        method="OPTIONS",
        headers="".join(f"{line}\r\n" for line in lines).encode("ascii"),
        body=b"",
        timeout=ANSWER_TIMEOUT,
    )


def judge(response: WebhookResponse) -> Verdict:
    """What an answer means: the header grants permission, whatever the status code says.

    A success without the header is no permission; the endpoint may still open the callback.
    """
    if response.status is None:
        return Verdict.NO_ANSWER
    allowed = [value.strip().lower() for name, value in response.headers if name == _ALLOWED_ORIGIN]
    if ORIGIN in allowed or _ANY in allowed:
        return Verdict.VALIDATED
    if ASKS_FOR_CALLBACK and not allowed and _is_success(response.status):
        return Verdict.AWAITING_MANUAL_ACTION
    return Verdict.REFUSED


def refusal_message(base_url: str, response: WebhookResponse, activity: str, now: int) -> str:
    """Why there is no permission; how Event Grid words it for CloudEvents is not documented."""
    if response.status is None or not _is_success(response.status):
        return failure_message(base_url, response, activity, now, method="OPTIONS")
    return (
        f"Webhook validation handshake failed for {base_url}. The response to the Http OPTIONS "
        f"request does not allow the origin {ORIGIN} in its header WebHook-Allowed-Origin. {HELP} "
        f"{closing(activity, now)}"
    )


def waiting_message(base_url: str, activity: str, now: int) -> str:
    """What the endpoint, or its owner, can still do."""
    return (
        f"Webhook validation handshake failed for {base_url}. The response to the Http OPTIONS "
        "request has no header WebHook-Allowed-Origin. Http GET or POST is expected on the url in "
        f"the header WebHook-Request-Callback(within 10 minutes). {HELP} {closing(activity, now)}"
    )


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
