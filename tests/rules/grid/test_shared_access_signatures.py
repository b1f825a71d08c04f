"""Which shared access signatures open a topic, whoever encoded them?"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote, quote_plus

import pytest
from azure.eventgrid import generate_sas
from hypothesis import given
from hypothesis import strategies as st

from switchhook.clock import from_datetime
from switchhook.errors import RequestError
from switchhook.grid.shared_access_signatures import MAX_TOKEN_LENGTH, check, parse
from switchhook.grid.topics import Topic, TopicKind
from tests.builders import a_topic

HOST = "localhost:8443"
PATH = "/topics/orders/api/events"
URL = f"https://{HOST}{PATH}"
TOPIC = a_topic()
assert TOPIC.keys is not None
KEY, SECOND_KEY = TOPIC.keys
NOW = datetime(2026, 3, 1, 12, 0, 0, 500, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


# --- encoders: each as the article or the SDK writes it -----------------------------------------


def as_sdk(resource: str = URL, key: str = KEY, expiry: datetime = LATER) -> str:
    """azure-eventgrid 4.22.1."""
    return str(generate_sas(resource, key, expiry))


def as_csharp(resource: str = URL, key: str = KEY, expiry: datetime = LATER) -> str:
    """`HttpUtility.UrlEncode`: lower-case escapes, a plus for a space; en-US dates."""
    time = f"{expiry.month}/{expiry.day}/{expiry.year} {expiry.hour % 12 or 12}:{expiry:%M:%S %p}"
    return _signed(_lower_escapes, resource, time, key)


def as_new_dotnet(resource: str = URL, key: str = KEY, expiry: datetime = LATER) -> str:
    """The same with the narrow space that newer globalization data writes before AM and PM."""
    time = f"{expiry.month}/{expiry.day}/{expiry.year} {expiry.hour % 12 or 12}:{expiry:%M:%S}"
    return _signed(_lower_escapes, resource, f"{time}\u202f{expiry:%p}", key)


def as_python(resource: str = URL, key: str = KEY, expiry: datetime = LATER) -> str:
    """`quote_plus` of an ISO time that has no zone."""
    return _signed(quote_plus, resource, expiry.replace(tzinfo=None).isoformat(), key)


def as_dotnet_round_trip(resource: str = URL, key: str = KEY, expiry: datetime = LATER) -> str:
    """`ToString("o")`: seven digits and Z."""
    return _signed(quote_plus, resource, f"{expiry:%Y-%m-%dT%H:%M:%S.%f}0Z", key)


def as_plain(resource: str = URL, key: str = KEY, expiry: datetime = LATER) -> str:
    """By hand: the signature's base64 is not encoded once more."""
    unsigned = f"r={quote(resource, safe='')}&e={quote(expiry.isoformat(), safe='')}"
    return f"{unsigned}&s={_signature(unsigned, key)}"


def _signed(encode: object, resource: str, time: str, key: str) -> str:
    assert callable(encode)
    unsigned = f"r={encode(resource)}&e={encode(time)}"
    return f"{unsigned}&s={encode(_signature(unsigned, key))}"


def _signature(unsigned: str, key: str) -> str:
    digest = hmac.new(base64.b64decode(key), unsigned.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _lower_escapes(text: str) -> str:
    pieces = quote_plus(text).split("%")
    return "%".join([pieces[0], *(each[:2].lower() + each[2:] for each in pieces[1:])])


ENCODERS = [as_sdk, as_csharp, as_new_dotnet, as_python, as_dotnet_round_trip, as_plain]


def opens(
    token: str,
    topic: Topic | None = TOPIC,
    *,
    host: str = HOST,
    path: str = PATH,
    now: datetime = NOW,
) -> str:
    """The topic's name, or the words of the refusal."""
    try:
        found = check(parse(token), topic, host=host, path=path, now=from_datetime(now))
    except RequestError as error:
        return f"{error.status} {error.details_code}: {error.message}"
    return found.name


# --- accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("key", [KEY, SECOND_KEY])
def test_every_encoder_is_understood(encoder: object, key: str) -> None:
    """What was received is verified as it is, with either key, and only until its time."""
    assert callable(encoder)
    token = encoder(key=key)

    assert opens(token) == "orders"
    assert opens(token, now=LATER - timedelta(seconds=2)) == "orders"
    assert opens(token, now=LATER) == (
        "401 Unauthorized: The specified SAS token has expired for topic 'LOCALHOST:8443'."
    )


@pytest.mark.parametrize(
    ("hour", "text"), [(0, "12:30:00 AM"), (12, "12:30:00 PM"), (18, "6:30:00 PM")]
)
def test_american_hours_are_read_as_utc(hour: int, text: str) -> None:
    """Noon and midnight are twelve."""
    token = parse(_signed(quote_plus, URL, f"6/5/2030 {text}", KEY))

    assert token.expires_at == from_datetime(datetime(2030, 6, 5, hour, 30, tzinfo=UTC))


def test_offset_of_an_expiry_counts() -> None:
    """`str(datetime)` has one."""
    offset = timezone(timedelta(hours=2))
    token = parse(as_sdk(expiry=datetime(2030, 6, 5, 2, 0, tzinfo=offset)))

    assert token.expires_at == from_datetime(datetime(2030, 6, 5, 0, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("resource", "host", "path"),
    [
        (URL, HOST, PATH),
        (f"{URL}?apiVersion=2018-01-01", HOST, PATH),
        (f"{URL}?api-version=2018-01-01", HOST, PATH),
        (f"{URL}/", HOST, PATH),
        (URL, HOST, f"{PATH}/"),
        (URL.upper(), HOST, PATH),
        (URL, "LOCALHOST:8443", "/Topics/ORDERS/api/events"),
        (f"http://localhost:8080{PATH}", HOST, PATH),
        (f"localhost{PATH}", HOST, PATH),
        (f"https://{HOST}", HOST, PATH),
        (f"https://{HOST}/topics/orders", HOST, PATH),
        (URL, HOST, "/api/events"),
        (f"https://[::1]:8443{PATH}", "[::1]:8080", PATH),
        (f"https://orders.eventgrid.localhost{PATH}", "orders.eventgrid.localhost:1", PATH),
        ("https://orders.eventgrid.localhost/api", "orders.eventgrid.localhost:1", "/api/events"),
    ],
)
@pytest.mark.parametrize("encoder", [as_python, as_csharp])
def test_resource_is_the_address_or_a_part_of_it(
    resource: str, host: str, path: str, encoder: object
) -> None:
    """Scheme, port, case, query and a slash at the end do not count."""
    assert callable(encoder)

    assert opens(encoder(resource), host=host, path=path) == "orders"


def test_resource_may_be_a_domain() -> None:
    """A domain's path is not that of a topic of the same name."""
    domain = a_topic(kind=TopicKind.DOMAIN)
    path = "/domains/orders/api/events"
    token = as_sdk(f"https://{HOST}{path}")

    assert opens(token, domain, path=path) == "orders"
    assert opens(token, TOPIC, path=path).startswith("401 Unauthorized: The specified SAS token is")


# --- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "resource",
    [
        f"https://127.0.0.1:8443{PATH}",
        f"https://{HOST}/topics/orders2/api/events",
        f"https://{HOST}/topics/order",
        f"https://{HOST}/api/events",
        f"https://localhost.example{PATH}",
        "https://[",
        "/topics/orders/api/events",
    ],
)
def test_token_for_another_address_is_refused(resource: str) -> None:
    """The message names what the token is for."""
    assert opens(as_python(resource)) == (
        f"401 Unauthorized: The specified SAS token is for the resource '{resource}', which is not "
        "that of topic 'LOCALHOST:8443'."
    )


def _altered(token: str, old: str, new: str) -> str:
    assert old in token
    return token.replace(old, new, 1)


@pytest.mark.parametrize(
    "token",
    [
        as_sdk(key=base64.b64encode(b"c" * 32).decode()),
        _altered(as_python(), "orders", "0rders"),
        _altered(as_python(), "e=2026", "e=2027"),
        _altered(as_sdk(), "%3A", "%3a"),
        as_plain()[: as_plain().index("&s=")] + "&s=AAAA",
        as_plain()[: as_plain().index("&s=")] + "&s=",
    ],
)
def test_wrong_signature_is_refused(token: str) -> None:
    """Even where the text says the same in another encoding."""
    assert opens(token) == (
        "401 Unauthorized: The specified SAS token signature is invalid for topic 'LOCALHOST:8443'."
    )


def test_token_opens_nothing_where_no_topic_was_found() -> None:
    """Nor a topic without keys, nor one whose key is not base64."""
    unopened = "401 Unauthorized: The specified SAS token signature is invalid"
    unsigned = f"r={quote(URL, safe='')}&e={quote(LATER.isoformat(), safe='')}"
    empty = base64.b64encode(hmac.digest(b"", unsigned.encode(), "sha256")).decode()

    assert opens(as_sdk(), None).startswith(unopened)
    assert opens(as_sdk(), a_topic(keys=None)).startswith(unopened)
    assert opens(f"{unsigned}&s={empty}", a_topic(keys=("", "a"))).startswith(unopened)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "r",
        "secret",
        "r=&e=&s=",
        as_plain().replace("&s=", "&t="),
        as_plain().replace("r=", "q="),
        as_plain().partition("&")[2],
        as_plain() + "&x=1",
        "e=2030-01-01T00%3A00&r=x&s=AAAA",
        "r=x&e=soon&s=AAAA",
        "r=x&e=2030-13-01T00%3A00&s=AAAA",
        "r=x&e=2030-01-01&s=AAAA",
        "r=x&e=20300101&s=AAAA",
        "r=x&e=15/6/2030+1:00:00+PM&s=AAAA",
        "r=x&e=1893456000&s=AAAA",
        "r=x&e=2030-01-01T00%3A00&s=no+base64",
        "r=x&e=2030-01-01T00%3A00&s=%C3%A9",
        "r=é&e=2030-01-01T00%3A00&s=AAAA",
        f"r={'x' * MAX_TOKEN_LENGTH}&e=2030-01-01T00%3A00&s=AAAA",
    ],
)
def test_token_of_another_form_is_a_bad_request(token: str) -> None:
    """The message shows the form."""
    answer = opens(token)

    assert answer.startswith(
        "400 InvalidSas: Invalid key in aeg-sas-token. Valid format :r=UrlEncodedResource&"
        "e=UrlEncodedUtcExpiration&s=UrlEncodedSignature."
    )


@given(st.text(), st.text(), st.text())
def test_any_text_is_a_token_or_a_refusal(resource: str, expiry: str, signature: str) -> None:
    """Nothing but `RequestError` comes out, whatever the client sends."""
    assert opens(resource)[:3] in ("400", "401")
    assert opens(f"r={resource}&e={expiry}&s={signature}")[:3] in ("400", "401")
    assert opens(f"r={quote(resource)}&e=2030-01-01T00%3A00&s={quote(signature)}")[:3] in (
        "400",
        "401",
    )


@given(st.datetimes(timezones=st.timezones()))
def test_every_time_of_the_sdk_is_read(expiry: datetime) -> None:
    """To the microsecond, in any zone."""
    assert parse(as_sdk(expiry=expiry)).expires_at == from_datetime(expiry)
