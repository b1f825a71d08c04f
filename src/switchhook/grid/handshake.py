"""Does a webhook agree to receive events? The validation request and the judgement of its answer.

Webhook endpoint validation, Event Grid schema (end-point-validation-event-grid-events-schema.md,
Sep 2024): one event with a code goes out; the handler echoes the code, or somebody opens the
validation URL within ten minutes. Deliveries in the custom schema are agreed to in the same way;
those of CloudEvents as `options_handshake` has it.
"""

import hashlib
import hmac
from enum import Enum
from http import HTTPStatus
from urllib.parse import quote, urlencode

import msgspec

from switchhook.clock import MINUTE, SECOND, to_dotnet_text, to_text
from switchhook.grid.ports import WebhookRequest, WebhookResponse

VALIDATION_EVENT = "Microsoft.EventGrid.SubscriptionValidationEvent"
ANSWER_TIMEOUT = 30.0  # real seconds
RETRIES = 1  # the number is not published
RETRY_DELAY = 5 * SECOND
VALIDATION_URL_VALID_FOR = 10 * MINUTE  # the article of 2020 says 5
VALIDATION_API_VERSION = "2018-05-01-preview"
FAILURE_CODE = "Url validation"

HELP = "For troublehooting, visit https://aka.ms/esvalidation."  # spelled as Event Grid spells it


class Verdict(Enum):
    """What an answer means for the event subscription."""

    VALIDATED = "validated"
    AWAITING_MANUAL_ACTION = "awaiting manual action"
    NO_ANSWER = "no answer"
    REFUSED = "refused"


class Handshake(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One validation of one endpoint; `token` is what only the owner of the endpoint can know."""

    id: str
    code: str
    token: str
    started_at: int

    @property
    def expires_at(self) -> int:
        """When the validation URL stops working."""
        return self.started_at + VALIDATION_URL_VALID_FOR

    def accepts(self, handshake_id: str, token: str, now: int) -> bool:
        """Whether a GET of the validation URL with these values completes the handshake."""
        same = hmac.compare_digest(_digest(self.id, self.token), _digest(handshake_id, token))
        return same and now < self.expires_at


def validation_url(base_url: str, subscription_name: str, handshake: Handshake) -> str:
    """The URL that completes the handshake when it is opened."""
    query = urlencode(
        {
            "id": handshake.id,
            "t": to_text(handshake.started_at),
            "apiVersion": VALIDATION_API_VERSION,
            "token": handshake.token,
        }
    )
    return f"{base_url}/eventsubscriptions/{quote(subscription_name)}/validate?{query}"


def build_request(
    endpoint_url: str, subscription_name: str, topic: str, url: str, handshake: Handshake
) -> WebhookRequest:
    """The validation request for an endpoint."""
    event = {
        "id": handshake.id,
        "topic": topic,
        "subject": "",
        "data": {"validationCode": handshake.code, "validationUrl": url},
        "eventType": VALIDATION_EVENT,
        "eventTime": to_text(handshake.started_at),
        "metadataVersion": "1",
        "dataVersion": "1",
    }
    lines = (
        "Content-Type: application/json; charset=utf-8",
        "aeg-event-type: SubscriptionValidation",
        f"aeg-subscription-name: {subscription_name.upper()}",
        "aeg-delivery-count: 0",
        "aeg-metadata-version: 1",
        "aeg-data-version: 1",
    )
    return WebhookRequest(
        url=endpoint_url,
        headers="".join(f"{line}\r\n" for line in lines).encode("ascii"),
        body=msgspec.json.encode([event]),
        timeout=ANSWER_TIMEOUT,
    )


def judge(response: WebhookResponse, code: str) -> Verdict:
    """What an answer to the validation request means.

    Only 200 is an answer to it: "HTTP 202 Accepted isn't recognized as a valid response".
    """
    if response.status is None:
        return Verdict.NO_ANSWER
    if response.status != HTTPStatus.OK:
        return Verdict.REFUSED
    if _echoes(response.body, code):
        return Verdict.VALIDATED
    return Verdict.AWAITING_MANUAL_ACTION


def failure_message(
    base_url: str, response: WebhookResponse, activity: str, now: int, method: str = "POST"
) -> str:
    """How Event Grid words a failed validation."""
    return (
        f"Webhook validation handshake failed for {base_url}. Http {method} request failed with "
        f"response code {_status_name(response.status)}. {HELP} "
        f"{closing(activity, now)}"
    )


def manual_message(base_url: str, body: bytes, activity: str, now: int) -> str:
    """How Event Grid words an answer of 200 that does not carry the code."""
    text = body[:200].decode("utf-8", "replace")
    return (
        f"Webhook validation handshake failed for {base_url}. Http POST request retuned 2XX "
        f"response with response body {text}. When a validation request is accepted without "
        "validation code in the response body, Http GET is expected on the validation url "
        f"included in the validation event(within 10 minutes). {HELP} "
        f"{closing(activity, now)}"
    )


def closing(activity: str, now: int) -> str:
    """What every message of Event Grid about a handshake ends with."""
    return f"Activity id:{activity}, timestamp: {to_dotnet_text(now)} (UTC)."


def _echoes(body: bytes, code: str) -> bool:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if not isinstance(answer, dict):
        return False
    # Microsoft's own JavaScript sample answers `ValidationResponse`.
    values = (value for name, value in answer.items() if name.lower() == "validationresponse")
    return any(isinstance(value, str) and value.lower() == code.lower() for value in values)


def _status_name(status: int | None) -> str:
    """The name of .NET's `HttpStatusCode`, as in `InternalServerError`."""
    if status is None:
        return "Unknown"
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return str(status)
    return "".join(c for c in phrase if c.isalnum())


def _digest(handshake_id: str, token: str) -> bytes:
    return hashlib.sha256(f"{handshake_id}\n{token}".encode()).digest()
