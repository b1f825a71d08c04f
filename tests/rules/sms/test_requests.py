"""Which requests are refused as a whole."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.communication.sms.inbound import parse_receive
from switchhook.communication.sms.requests import (
    can_send,
    is_phone_number,
    parse_opt_out,
    parse_send,
)
from switchhook.errors import RequestError


def a_send(**members: Any) -> bytes:
    """The body of a send request."""
    body = {
        "from": "+18005550100",
        "smsRecipients": [{"to": "+14255550123"}],
        "message": "hello",
        "smsSendOptions": {"enableDeliveryReport": True, "tag": "spring"},
    }
    return json.dumps(body | members).encode()


def test_send_request_is_read() -> None:
    """As the SDKs write it."""
    request = parse_send(a_send())

    assert request.from_ == "+18005550100"
    assert [recipient.to for recipient in request.sms_recipients] == ["+14255550123"]
    assert (request.options.enable_delivery_report, request.options.tag) == (True, "spring")


def test_options_may_be_absent_and_unknown_members_are_ignored() -> None:
    """Newer clients send more, such as `messagingConnect`."""
    body = a_send(smsSendOptions=None, brandNew={"deep": [1]})

    assert parse_send(body).options.enable_delivery_report is False


RECIPIENT = {"to": "+14255550123"}


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"from": 1}, "$.from"),
        ({"message": None}, "$.message"),
        ({"message": ""}, "1 to 2048"),
        ({"message": "x" * 2049}, "1 to 2048"),
        ({"smsRecipients": []}, "1 to 100"),
        ({"smsRecipients": [RECIPIENT] * 101}, "1 to 100"),
        ({"smsRecipients": {}}, "$.smsRecipients"),
        ({"smsRecipients": [{}]}, "`to`"),
        ({"smsRecipients": [{"to": 1}]}, "$.smsRecipients[0].to"),
        ({"smsRecipients": [{"to": "14255550123"}]}, "Invalid To phone number format."),
        ({"smsRecipients": [{"to": "Ad155500000000000"}]}, "Invalid To phone number format."),
        ({"smsRecipients": [RECIPIENT | {"repeatabilityRequestId": "x" * 129}]}, "128"),
        ({"smsSendOptions": []}, "$.smsSendOptions"),
        ({"smsSendOptions": {"enableDeliveryReport": "yes"}}, "enableDeliveryReport"),
        ({"smsSendOptions": {"tag": 5}}, "tag"),
        ({"smsSendOptions": {"deliveryReportTimeoutInSeconds": 59}}, "60 to 43200"),
        ({"smsSendOptions": {"deliveryReportTimeoutInSeconds": 43201}}, "60 to 43200"),
        ({"smsSendOptions": {"deliveryReportTimeoutInSeconds": 60.5}}, "InSeconds"),
    ],
)
def test_wrong_member_is_named(members: dict[str, Any], word: str) -> None:
    """The refusal says which member is wrong, and how."""
    with pytest.raises(RequestError) as refusal:
        parse_send(a_send(**members))

    assert refusal.value.status == 400
    assert word in refusal.value.message


@pytest.mark.parametrize("timeout", [60, 43_200])
def test_timeout_may_be_at_its_limits(timeout: int) -> None:
    """Both ends are allowed."""
    options = {"deliveryReportTimeoutInSeconds": timeout}

    parsed = parse_send(a_send(smsSendOptions=options))

    assert parsed.options.delivery_report_timeout_in_seconds == timeout


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xef\xbb\xbf{}",
        b'{"from": "\xff"}',
        b'{"unknown": "\xff", ' + a_send()[1:],
        b'{"unknown": "\\ud800", ' + a_send()[1:],
        b'{"unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b", " + a_send()[1:],
        b'{"smsRecipients": ' + b"[" * 100_000,
        a_send() + b" and more",
        a_send(message="\ud800"),
    ],
    ids=range(12),
)
@pytest.mark.parametrize("parse", [parse_send, parse_opt_out, parse_receive])
def test_body_that_is_no_json_of_that_kind_is_a_bad_request(parse: Any, body: bytes) -> None:
    """Broken JSON, broken UTF-8, half a surrogate pair and nesting without end."""
    with pytest.raises(RequestError) as refusal:
        parse(body)

    assert (refusal.value.status, refusal.value.code) == (400, "BadRequest")


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_parsers(body: bytes) -> None:
    """Whatever comes is read or refused."""
    for parse in (parse_send, parse_opt_out, parse_receive):
        with contextlib.suppress(RequestError):
            parse(body)


def test_bad_number_among_others_does_not_fail_the_request() -> None:
    """It gets its own result later."""
    recipients = [{"to": "not a number"}, {"to": "+14255550123"}]

    assert len(parse_send(a_send(smsRecipients=recipients)).sms_recipients) == 2


@pytest.mark.parametrize("count", [0, 101])
def test_opt_out_request_has_1_to_100_recipients(count: int) -> None:
    """The same limits as for sending."""
    body = {"from": "+18005550100", "recipients": [RECIPIENT] * count}

    with pytest.raises(RequestError, match="1 to 100"):
        parse_opt_out(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("text", "is_number"),
    [
        ("+14255550123", True),
        ("+4915112345678", True),
        ("+123456789012345", True),
        ("+1234567890123456", False),
        ("+123456", False),
        ("+0425555012", False),
        ("14255550123", False),
        ("+1425555 0123", False),
        ("+14255550123\n", False),
        ("+1425555\uff10123", False),
        ("", False),
    ],
)
def test_phone_number_is_e164_with_its_plus(text: str, is_number: bool) -> None:
    """A plus and up to 15 digits."""
    assert is_phone_number(text) is is_number


def test_short_code_can_send_but_a_name_cannot() -> None:
    """Who may stand in `from` of an inbound message."""
    assert can_send("55501")
    assert can_send("+14255550123")
    assert not can_send("CONTOSO")
