"""What do SMS requests and replies look like, and which rules does a request obey?

Names and limits: OpenAPI of SMS, 2021-03-07 to 2026-01-23.
"""

import re
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from switchhook.communication.json_requests import bad_request, decode
from switchhook.communication.resources import CommunicationResource, NumberKind, OwnedNumber
from switchhook.errors import RequestError

MAX_RECIPIENTS = 100
MAX_MESSAGE_LENGTH = 2048
MAX_REPEATABILITY_ID_LENGTH = 128
DELIVERY_REPORT_TIMEOUT_IN_SECONDS = (60, 43_200)

INVALID_RECIPIENT = "Invalid To phone number format."

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")


class SmsRecipient(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One recipient; the repeatability pair identifies this very send, through every retry."""

    to: str
    repeatability_request_id: str | None = None
    repeatability_first_sent: str | None = None


class SmsSendOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How to send, and what to report."""

    enable_delivery_report: bool = False
    tag: str | None = None
    delivery_report_timeout_in_seconds: int | None = None


class SendRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of `POST /sms`."""

    from_: str = msgspec.field(name="from")
    sms_recipients: list[SmsRecipient]
    message: str
    sms_send_options: SmsSendOptions | None = None

    @property
    def options(self) -> SmsSendOptions:
        """The options, where absent ones have their defaults."""
        return self.sms_send_options or SmsSendOptions()


class SendResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one recipient; only a successful one has a `message_id`."""

    to: str
    message_id: str | UnsetType = UNSET
    http_status_code: int = 202
    repeatability_result: str | UnsetType = UNSET
    successful: bool = True
    error_message: str | None = None


class OptOutRecipient(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One recipient of an opt-out request."""

    to: str


class OptOutRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of `POST /sms/optouts:add`, `:remove` and `:check`."""

    from_: str = msgspec.field(name="from")
    recipients: list[OptOutRecipient]


class OptOutResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one recipient; only a check says whether it is opted out."""

    to: str
    http_status_code: int = 200
    is_opted_out: bool | UnsetType = UNSET
    error_message: str | UnsetType = UNSET


_send_decoder = msgspec.json.Decoder(SendRequest)
_opt_out_decoder = msgspec.json.Decoder(OptOutRequest)


def parse_send(body: bytes) -> SendRequest:
    """The request of `POST /sms`, with everything checked that needs no resource.

    Raises:
        RequestError: 400.
    """
    request = decode(body, _send_decoder)
    _check_recipients(request.sms_recipients, "smsRecipients")
    if not 1 <= len(request.message) <= MAX_MESSAGE_LENGTH:
        raise bad_request(f"The message must have 1 to {MAX_MESSAGE_LENGTH} characters.")
    options = request.sms_send_options
    timeout = None if options is None else options.delivery_report_timeout_in_seconds
    lowest, highest = DELIVERY_REPORT_TIMEOUT_IN_SECONDS
    if timeout is not None and not lowest <= timeout <= highest:
        raise bad_request(f"deliveryReportTimeoutInSeconds must be {lowest} to {highest}.")
    for recipient in request.sms_recipients:
        if len(recipient.repeatability_request_id or "") > MAX_REPEATABILITY_ID_LENGTH:
            raise bad_request(
                f"repeatabilityRequestId has over {MAX_REPEATABILITY_ID_LENGTH} characters."
            )
    # One bad number among several fails alone; as the only one it fails the request, as the SDK's
    # own tests expect of the service.
    if len(request.sms_recipients) == 1 and not is_phone_number(request.sms_recipients[0].to):
        raise bad_request(INVALID_RECIPIENT)
    return request


def parse_opt_out(body: bytes) -> OptOutRequest:
    """The request of the opt-out routes, with everything checked that needs no resource.

    Raises:
        RequestError: 400.
    """
    request = decode(body, _opt_out_decoder)
    _check_recipients(request.recipients, "recipients")
    return request


def find_sender(resource: CommunicationResource, from_: str) -> OwnedNumber:
    """The resource's own number of that value.

    Raises:
        RequestError: 400 when it is empty, 401 when the resource does not own it. Recorded
            exchanges of the live service have that status, with the code `InternalError`.
    """
    if not from_:
        raise bad_request("Invalid From phone number format.")
    number = find_number(resource, from_)
    if number is None:
        message = f"The resource does not own the sender '{from_[:32]}'."
        raise RequestError(401, "InternalError", message)
    return number


def find_number(resource: CommunicationResource, value: str) -> OwnedNumber | None:
    """The resource's own number of that value, or None."""
    for number in resource.numbers:
        if number.value == value:
            return number
    return None


def is_phone_number(text: str) -> bool:
    """Whether `text` is a number of E.164, with its `+`."""
    return _E164.fullmatch(text) is not None


def can_send(text: str) -> bool:
    """Whether an inbound message can come from `text`: a phone number or a short code."""
    return is_phone_number(text) or _SHORT_CODE.fullmatch(text) is not None


def keeps_opt_outs(number: OwnedNumber) -> bool:
    """Whether the service keeps an opt-out list: nobody can reply to an alphanumeric sender."""
    return number.kind is not NumberKind.ALPHANUMERIC


def _check_recipients(recipients: Sequence[object], name: str) -> None:
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise bad_request(f"{name} must hold 1 to {MAX_RECIPIENTS} recipients.")
