"""Which signatures of a request are good."""

import base64
import hashlib
import hmac
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import MINUTE, SECOND
from switchhook.communication.access import Signature, SignedRequest, read_signature
from switchhook.errors import RequestError

# The same length as a live key; its text says that it is none.
KEY = base64.b64encode(b"an access key of sixty-four bytes that only the tests know..!.!!").decode()
OTHER_KEY = base64.b64encode(b"another key").decode()
DATE = "Sat, 21 Nov 2026 01:09:18 GMT"
NOW = 1_795_223_358 * SECOND
TARGET = "/sms?api-version=2021-03-07"
BODY = b'{"from": "+18005550100", "message": "hi"}'


def content_hash(body: bytes) -> str:
    """The value of `x-ms-content-sha256`."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def sign(text: str, key: str = KEY) -> str:
    """The signature of a string-to-sign."""
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def a_request(
    *,
    method: str = "POST",
    target: str = TARGET,
    signed_target: str | None = None,
    host: str = "127.0.0.1:8080",
    signed_host: str | None = None,
    body: bytes = BODY,
    names: str = "x-ms-date;host;x-ms-content-sha256",
    scheme: str = "http",
    **headers: str,
) -> SignedRequest:
    """A request as a client signs and sends it, with what the test wants to be different."""
    sent = {"host": host, "x-ms-date": DATE, "x-ms-content-sha256": content_hash(body)}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    values = sent | {"host": signed_host or host}
    signed_values = ";".join(values.get(name, "") for name in names.split(";"))
    text = f"{method}\n{signed_target or target}\n{signed_values}"
    sent.setdefault("authorization", f"HMAC-SHA256 SignedHeaders={names}&Signature={sign(text)}")
    return SignedRequest(method=method, target=target, headers=sent, body=body, scheme=scheme)


def read(request: SignedRequest, *aliases: str, now: int = NOW) -> Signature:
    """The signature, read at the right time."""
    return read_signature(request, now=now, host_aliases=aliases)


def changed(request: SignedRequest, **members: object) -> SignedRequest:
    """The request after somebody changed it on the way."""
    values = {name: getattr(request, name) for name in request.__struct_fields__}
    return SignedRequest(**(values | members))


def test_worked_example() -> None:
    """All values written out, so that another implementation can be compared with them."""
    request = SignedRequest(
        method="POST",
        target="/sms?api-version=2021-03-07",
        headers={
            "host": "127.0.0.1:8080",
            "x-ms-date": "Sat, 21 Nov 2026 01:09:18 GMT",
            "x-ms-content-sha256": "IwwfYj+6XOWTW8LGRc19te7/7WdCgtAn4BVo6yyZNhc=",
            "authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
            "&Signature=LSQG1fMgizYeqcT1HQkIrx8iRts4PC4W5LxWTL8APnY=",
        },
        body=b'{"from": "+18005550100", "message": "hi"}',
    )

    assert read(request).is_made_with([KEY])


@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 200])
def test_key_of_any_length_makes_the_signature_that_hmac_makes(length: int) -> None:
    """Those that are longer than a block of the hash are hashed first (RFC 2104, 3)."""
    key = base64.b64encode(bytes(range(1, length + 1))).decode()
    request = a_request()
    text = "\n".join(
        (request.method, request.target, f"{DATE};127.0.0.1:8080;{content_hash(BODY)}")
    )
    names = "x-ms-date;host;x-ms-content-sha256"
    signed = a_request(
        authorization=f"HMAC-SHA256 SignedHeaders={names}&Signature={sign(text, key)}"
    )

    assert read(signed).is_made_with([key])
    assert not read(signed).is_made_with([KEY])


def test_either_key_of_a_resource_will_do() -> None:
    """The primary and the secondary key are equal."""
    signature = read(a_request())

    assert signature.is_made_with([OTHER_KEY, KEY])
    assert not signature.is_made_with([OTHER_KEY])
    assert not signature.is_made_with([])


@pytest.mark.parametrize("target", [TARGET + "1", "/smt?api-version=2021-03-07", "/sms"])
def test_changed_target_does_not_verify(target: str) -> None:
    """One character is enough."""
    assert not read(changed(a_request(), target=target)).is_made_with([KEY])


def test_changed_method_does_not_verify() -> None:
    """The method is signed, too."""
    assert not read(changed(a_request(), method="PUT")).is_made_with([KEY])


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b""])
def test_changed_body_is_denied(body: bytes) -> None:
    """The signature covers the hash that was sent, and the hash must be that of the body."""
    with pytest.raises(RequestError):
        read(changed(a_request(), body=body))


def test_changed_body_with_its_own_hash_does_not_verify() -> None:
    """Nor does it help to send the right hash of the wrong body."""
    request = a_request()
    headers = dict(request.headers) | {"x-ms-content-sha256": content_hash(b"other")}

    assert not read(changed(request, body=b"other", headers=headers)).is_made_with([KEY])


def test_empty_body_has_a_hash_of_its_own() -> None:
    """As of a GET."""
    request = a_request(method="GET", body=b"")

    assert read(request).is_made_with([KEY])


def test_older_clients_sign_the_date_header() -> None:
    """The names of the signed headers, and their order, are the client's."""
    request = a_request(names="date;host;x-ms-content-sha256", date=DATE)

    assert read(request).is_made_with([KEY])


def test_order_of_signed_headers_is_the_clients() -> None:
    """Values are joined in the order of the names."""
    assert read(a_request(names="host;x-ms-content-sha256;x-ms-date")).is_made_with([KEY])


@pytest.mark.parametrize(
    ("target", "signed"),
    [
        # asyncio clients: signed with the escapes that their HTTP library then undid
        ("/chat/threads/19:a@thread.v2?v=1", "/chat/threads/19%3Aa%40thread.v2?v=1"),
        ("/calling/x/participants/4:%2B1425:mute", "/calling/x/participants/4%3A%2B1425:mute"),
        # JavaScript: the query as a form
        ("/p?next=a/b c~d*e&api-version=1", "/p?next=a%2Fb+c%7Ed*e&api-version=1"),
        ("/p?empty=&x=%C3%A9", "/p?empty=&x=%C3%A9"),
        # rooms: decoded
        ("/rooms/1/participants?skip=%2F%26", unquote("/rooms/1/participants?skip=%2F%26")),
    ],
)
def test_target_may_be_signed_as_clients_write_it(target: str, signed: str) -> None:
    """Clients escape the target otherwise than they send it."""
    request = a_request(target=target, signed_target=signed)

    assert read(request).is_made_with([KEY])


def test_decoded_target_is_for_rooms_only() -> None:
    """Decoding is ambiguous: elsewhere `%26` must not pass for `&`."""
    request = a_request(target="/sms?a=%26", signed_target="/sms?a=&")

    assert not read(request).is_made_with([KEY])


@pytest.mark.parametrize(
    ("host", "signed", "scheme"),
    [
        ("127.0.0.1", "127.0.0.1:80", "http"),
        ("localhost", "localhost:443", "https"),
        ("127.0.0.1:8080", "127.0.0.1:8080/", "http"),
        ("127.0.0.1", "127.0.0.1:80/", "http"),
        ("[::1]", "[::1]:80", "http"),
        ("[::1]:8080", "[::1]:8080", "http"),
    ],
)
def test_host_may_be_signed_as_the_endpoint_was_written(
    host: str, signed: str, scheme: str
) -> None:
    """With a default port, or a slash at the end."""
    assert read(a_request(host=host, signed_host=signed, scheme=scheme)).is_made_with([KEY])


@pytest.mark.parametrize(
    "signed", ["127.0.0.1", "127.0.0.1:443", "example.org", "127.0.0.1:8080/acs"]
)
def test_other_host_does_not_verify(signed: str) -> None:
    """A request for another server is not one for this."""
    assert not read(a_request(signed_host=signed)).is_made_with([KEY])


def test_alias_of_the_server_verifies() -> None:
    """Links may lead to another name than the client was configured with."""
    request = a_request(host="localhost:8080", signed_host="LocalHost:8080")

    assert read(request, "LocalHost:8080").is_made_with([KEY])


@pytest.mark.parametrize("minutes", [-15, 0, 15])
def test_date_within_the_skew_is_fresh(minutes: int) -> None:
    """Clocks differ, in both directions."""
    assert read(a_request(), now=NOW + minutes * MINUTE).is_made_with([KEY])


@pytest.mark.parametrize("seconds", [-901, 901])
def test_date_beyond_the_skew_is_denied(seconds: int) -> None:
    """A request that somebody recorded is of no use later."""
    with pytest.raises(RequestError):
        read(a_request(), now=NOW + seconds * SECOND)


@pytest.mark.parametrize(
    "members",
    [
        {"authorization": ""},
        {"authorization": "Bearer token"},
        {"authorization": "HMAC-SHA256"},
        {"authorization": "HMAC-SHA256 Signature=aaaa&SignedHeaders=host"},
        {"authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"},
        {
            "authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
            "&Signature=not base64!"
        },
        {
            "authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
            "&Signature=\u00e9"
        },
        {"names": "x-ms-date;host"},
        {"names": "x-ms-date;x-ms-content-sha256"},
        {"names": "host;x-ms-content-sha256"},
        {"names": "x-ms-date;host;x-ms-content-sha256;x-absent"},
        {"names": "x-ms-date;host;x-ms-content-sha256" + ";host" * 14},
        {"x_ms_date": "yesterday"},
        {"x_ms_date": ""},
        {"x_ms_date": "Sat, 99 Nov 2026 01:09:18 GMT"},
        {"x_ms_date": "Sat, 21 Nov 99999999999999999999 01:09:18 GMT"},
        {"x_ms_date": "Sat, 21 Nov 2026 01:09:18 -0000"},
        {"x_ms_date": "Sat, 21 Nov 2026 01:09:18 +9999999999"},
        {"x_ms_content_sha256": "\u00ff"},
    ],
)
def test_ill_formed_signature_is_denied(members: dict[str, str]) -> None:
    """One answer for every failure."""
    with pytest.raises(RequestError) as refusal:
        read(a_request(**members))  # type: ignore[arg-type]  # the values are all text

    assert refusal.value.status == 401
    assert refusal.value.code == "Denied"
    assert refusal.value.message == "Denied by the resource provider."


@given(st.text(max_size=80), st.text(max_size=40))
def test_no_header_crashes_the_reader(authorization: str, date: str) -> None:
    """Whatever is sent is denied, or read and then does not verify."""
    request = a_request(authorization=authorization, x_ms_date=date)

    with pytest.raises(RequestError):
        read(request)
