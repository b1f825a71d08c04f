"""What is on the wire, where no released client looks: opt-outs, reports, headers, bad requests."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from switchhook.errors import CommitUnknownError
from switchhook.grid.ports import Batch, Change
from switchhook.http.communication_api.authentication import MAX_BODY_SIZE
from switchhook.stores.memory import MemoryStore
from tests.compat.sms.conftest import VERSIONED_SMS, SmsServer, serve
from tests.flow.sms.world import PHONE, TOLL_FREE, a_resource, a_world

DENIED = {"error": {"code": "Denied", "message": "Denied by the resource provider."}}
OPT_OUTS = "/sms/optouts:{}?api-version=2026-01-23"


def a_send(*to: str, **members: Any) -> bytes:
    """The body of `POST /sms`."""
    recipients = [{"to": number} for number in to or (PHONE,)]
    body = {"from": TOLL_FREE, "smsRecipients": recipients, "message": "hello"}
    return json.dumps(body | members).encode()


async def test_reply_has_one_item_for_each_recipient(server: SmsServer) -> None:
    """202, with the members that the OpenAPI names."""
    answer = await server.request("POST", VERSIONED_SMS, a_send(PHONE, "bad"))

    first, second = answer.body["value"]
    assert answer.status == 202
    assert first == {
        "to": PHONE,
        "messageId": first["messageId"],
        "httpStatusCode": 202,
        "successful": True,
        "errorMessage": None,
    }
    assert second == {
        "to": "bad",
        "httpStatusCode": 400,
        "successful": False,
        "errorMessage": "Invalid To phone number format.",
    }


async def test_answers_carry_the_usual_headers(server: SmsServer) -> None:
    """Errors too; the client's own id only where it asks for it."""
    asked = await server.request(
        "POST",
        VERSIONED_SMS,
        a_send(),
        x_ms_client_request_id="mine",
        x_ms_return_client_request_id="true",
    )
    refused = await server.request("POST", VERSIONED_SMS, b"{}", x_ms_client_request_id="mine")

    assert asked.headers["x-ms-client-request-id"] == "mine"
    assert "x-ms-client-request-id" not in refused.headers
    assert refused.status == 400
    for answer in (asked, refused):
        assert "2021-03-07" in answer.headers["api-supported-versions"]
        assert uuid.UUID(answer.headers["x-ms-request-id"])
        assert "retry-after" not in answer.headers


async def test_delivery_report_can_be_read_once_the_result_is_known(server: SmsServer) -> None:
    """Before that, 404 is the normal answer."""
    sent = await server.request("POST", VERSIONED_SMS, a_send(smsSendOptions={"tag": "spring"}))
    message_id = sent.body["value"][0]["messageId"]
    target = f"/deliveryReports/{message_id}?api-version=2025-08-01-preview"

    before = await server.request("GET", target)
    await server.world.advance(seconds=1)
    after = await server.request("GET", target)

    assert (before.status, before.body["error"]["code"]) == (404, "NotFound")
    assert after.status == 200
    assert after.body == {
        "deliveryStatus": "Delivered",
        "deliveryStatusDetails": "2000: No error.",
        "deliveryAttempts": [
            {
                "timestamp": "2026-01-01T00:00:00.1000000Z",
                "segmentsSucceeded": 1,
                "segmentsFailed": 0,
            }
        ],
        "receivedTimestamp": "2026-01-01T00:00:00.1000000Z",
        "messageId": message_id,
        "from": TOLL_FREE,
        "to": PHONE,
        "tag": "spring",
    }


@pytest.mark.parametrize("id_", ["unknown", "a%2Fb", "%00", "%F0%9F%98%80"])
async def test_report_of_an_unknown_message_is_not_found(server: SmsServer, id_: str) -> None:
    """Whatever stands in the path; reads need no version."""
    answer = await server.request("GET", f"/deliveryReports/{id_}")

    assert answer.status == 404


async def test_opt_outs_are_added_checked_and_removed(server: SmsServer) -> None:
    """The verbs of one route, with escapes or without."""
    body = json.dumps({"from": TOLL_FREE, "recipients": [{"to": PHONE}, {"to": "bad"}]}).encode()

    added = await server.request("POST", OPT_OUTS.format("add"), body)
    checked = await server.request("POST", "/sms/optouts%3Acheck?api-version=2026-01-23", body)
    removed = await server.request("POST", OPT_OUTS.format("remove"), body)
    after = await server.request("POST", OPT_OUTS.format("check"), body)

    bad = {"to": "bad", "httpStatusCode": 400, "errorMessage": "Invalid To phone number format."}
    assert added.status == checked.status == removed.status == after.status == 200
    assert added.body == {"value": [{"to": PHONE, "httpStatusCode": 200}, bad]}
    assert checked.body["value"][0] == {"to": PHONE, "httpStatusCode": 200, "isOptedOut": True}
    assert removed.body == added.body
    assert after.body["value"][0]["isOptedOut"] is False


BAD_BODIES = [
    b"",
    b"{",
    b"[]",
    b'{"from": "\xff"}',
    b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    a_send(message=""),
    a_send(message=5),
    a_send("bad"),
    a_send(*[PHONE] * 101),
    a_send(smsSendOptions={"deliveryReportTimeoutInSeconds": 1}),
]


async def test_bad_body_is_a_bad_request(server: SmsServer) -> None:
    """Never an error of the server's."""
    for target in (VERSIONED_SMS, OPT_OUTS.format("add")):
        for body in BAD_BODIES:
            answer = await server.request("POST", target, body)

            assert (answer.status, answer.body["error"]["code"]) == (400, "BadRequest")
            assert answer.body["error"]["message"]


async def test_body_over_the_limit_is_refused(server: SmsServer) -> None:
    """Without reading it to its end."""
    answer = await server.request("POST", VERSIONED_SMS, b" " * (MAX_BODY_SIZE + 1))

    assert (answer.status, answer.body["error"]["code"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/sms", "MissingApiVersion"),
        ("/sms?api-version=", "MissingApiVersion"),
        ("/sms?api-version=latest", "UnsupportedApiVersion"),
    ],
)
async def test_write_needs_a_version(server: SmsServer, target: str, code: str) -> None:
    """A date, with or without a suffix."""
    answer = await server.request("POST", target, a_send())

    assert (answer.status, answer.body["error"]["code"]) == (400, code)


async def test_version_that_is_not_known_yet_is_served(server: SmsServer) -> None:
    """Clients move faster than the list."""
    answer = await server.request("POST", "/sms?api-version=2031-01-01-preview", a_send())

    assert answer.status == 202


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "d3Jvbmc="},
        {"sign_at": -1_000},
        {"sign_at": 1_000},
        {"host": "unknown.communication.localhost"},
        {"Authorization": "Bearer token"},
        {"x_ms_content_sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
    ],
    ids=range(6),
)
async def test_bad_signature_is_denied(server: SmsServer, changes: dict[str, Any]) -> None:
    """A wrong key, an old or future date, another resource's host, another scheme, another body."""
    answer = await server.request("POST", VERSIONED_SMS, a_send(), **changes)

    assert (answer.status, answer.body) == (401, DENIED)


async def test_request_without_a_signature_is_denied(server: SmsServer) -> None:
    """Before anything else is looked at."""
    target = "/deliveryReports/x"

    answer = await server.request("GET", target, Authorization="")

    assert (answer.status, answer.body) == (401, DENIED)


async def test_own_host_name_and_key_both_lead_to_the_resource(server: SmsServer) -> None:
    """Two resources, one server."""
    other = a_resource(name="other", keys=("b3RoZXIgMQ==", "b3RoZXIgMg=="))
    server.world.directory.put(other)
    own_host = f"other.communication.localhost:{server.port}"

    for host in ("", own_host):
        answer = await server.request("POST", VERSIONED_SMS, a_send(), host=host, key=other.keys[1])
        assert answer.status == 202
    denied = await server.request("POST", VERSIONED_SMS, a_send(), host=own_host)

    records = await server.world.store.scan("sms-messages")
    assert denied.status == 401
    assert len(records) == 2
    assert all(record.key.startswith(other.topic + "/") for record in records)


async def test_store_that_cannot_write_asks_for_a_repetition() -> None:
    """503 with Retry-After; the repetition finds the message that was durable after all."""
    store = MemoryStore()
    failures = [CommitUnknownError("the disk did not answer")]

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        position = await store.commit(changes, batches)
        if failures:
            raise failures.pop()
        return position

    recipient = {"to": PHONE, "repeatabilityRequestId": str(uuid.uuid4())}
    body = a_send(smsRecipients=[recipient])
    async for server in serve(a_world(store=store, commit=commit)):
        first = await server.request("POST", VERSIONED_SMS, body)
        second = await server.request("POST", VERSIONED_SMS, body)

        assert (first.status, first.headers["retry-after"]) == (503, "1")
        assert second.status == 202
        assert len(await store.scan("sms-messages")) == 1
