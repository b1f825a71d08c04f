"""Does a shared access signature open this topic, now?

A signature covers the text of the token as its maker encoded it, and makers encode differently:
what was received is never encoded again.

Source: authenticate-with-access-keys-shared-access-signatures.md; azure-eventgrid 4.22.1,
`generate_sas`; error texts as AzureEventGridSimulator quotes the live service.
"""

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus, urlsplit

from switchhook.clock import from_datetime
from switchhook.errors import RequestError
from switchhook.grid.access_keys import unauthorized
from switchhook.grid.endpoint_names import EndpointName, name_in
from switchhook.grid.topics import Topic

MAX_TOKEN_LENGTH = 4096  # characters; the encoders of the articles stay below 300


class ResourceMatch(StrEnum):
    """How closely the resource that a token names must be the address that a request has."""

    ADDRESS = "address"  # scheme and port ignored, same host, a path that the request's begins with
    IGNORED = "ignored"  # the key alone decides


# No article says how strictly `r` is compared. This is the strictest reading that takes what the
# SDK and the articles' encoders make, over either of our two ports.
RESOURCE_MATCH = ResourceMatch.ADDRESS

_SPACES = str.maketrans({"\u202f": " ", "\xa0": " "})  # newer .NET writes one of them before PM
_AMERICAN = "%m/%d/%Y %I:%M:%S %p"
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", re.DOTALL)
_PART = re.compile(r"r=(?P<resource>[^&]+)&e=(?P<expiry>[^&]+)")


class SharedAccessSignature(NamedTuple):
    """A token, taken apart. `signed` is the very text that `signature` covers."""

    signed: bytes
    resource: str
    expires_at: int
    signature: bytes


def parse(token: str) -> SharedAccessSignature:
    """The parts of `r=<resource>&e=<expiry>&s=<signature>`.

    Raises:
        RequestError: 400; it has another form.
    """
    signed, _, signature = token.rpartition("&s=")
    parts = _PART.fullmatch(signed)
    if len(token) > MAX_TOKEN_LENGTH or parts is None or not token.isascii():
        raise _malformed()
    return SharedAccessSignature(
        signed=signed.encode(),
        resource=unquote_plus(parts["resource"]),
        expires_at=_instant(unquote_plus(parts["expiry"])),
        signature=_signature(signature),
    )


def check(
    token: SharedAccessSignature, topic: Topic | None, *, host: str, path: str, now: int
) -> Topic:
    """The topic, when the token opens it at this address; `now` is real time.

    Raises:
        RequestError: 401; it is too late, signed with another key or for another address.
    """
    if token.expires_at <= now:
        raise unauthorized(f"The specified SAS token has expired for topic '{host.upper()}'.")
    if topic is None or not _is_signed(token, topic):
        raise unauthorized(
            f"The specified SAS token signature is invalid for topic '{host.upper()}'."
        )
    if RESOURCE_MATCH is ResourceMatch.ADDRESS and not _is_for(token.resource, topic, host, path):
        raise unauthorized(
            f"The specified SAS token is for the resource '{token.resource}', which is not that "
            f"of topic '{host.upper()}'."
        )
    return topic


def resource_name(token: SharedAccessSignature) -> EndpointName | None:
    """The topic or domain that the token's resource names; None when it names none."""
    address = _address(token.resource)
    return name_in(*address) if address else None


def _is_signed(token: SharedAccessSignature, topic: Topic) -> bool:
    matches = [
        hmac.compare_digest(token.signature, hmac.digest(key, token.signed, hashlib.sha256))
        for key in map(_decoded, topic.keys or ())
        if key  # everybody could sign with an empty one
    ]
    return any(matches)


def _decoded(key: str) -> bytes:
    try:
        return base64.b64decode(key)
    except (binascii.Error, ValueError):
        return b""


def _is_for(resource: str, topic: Topic, host: str, path: str) -> bool:
    address = _address(resource)
    if address is None or address[0] != _host_name(host):
        return False
    named = name_in(*address)
    if named is not None:
        return named.fits(topic)
    wanted, own = (each.lower().rstrip("/") for each in (address[1], path))
    return own == wanted or own.startswith(f"{wanted}/")


def _address(resource: str) -> tuple[str, str] | None:
    """Host and path of the resource; it may stand without a scheme."""
    try:
        parts = urlsplit(resource if "://" in resource else f"https://{resource}")
        return (parts.hostname or "").lower().rstrip("."), parts.path
    except ValueError:
        return None


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _signature(text: str) -> bytes:
    # Not `unquote_plus`: base64 has plus signs and no spaces, and some makers leave it as it is.
    try:
        return base64.b64decode(unquote(text), validate=True)
    except (binascii.Error, ValueError):
        raise _malformed() from None


def _instant(text: str) -> int:
    """Nanoseconds since the epoch of any of the forms in which makers write the expiry."""
    text = text.strip().translate(_SPACES)
    try:
        # A strict look first: the standard library reads more forms than anybody writes.
        if _DATE_AND_TIME.fullmatch(text):
            instant = datetime.fromisoformat(text)
        else:
            instant = datetime.strptime(text, _AMERICAN).replace(tzinfo=UTC)
        return from_datetime(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise _malformed() from None


def _malformed() -> RequestError:
    message = (
        "Invalid key in aeg-sas-token. Valid format :r=UrlEncodedResource&"
        "e=UrlEncodedUtcExpiration&s=UrlEncodedSignature. The expiration must be a date and time "
        "such as 6/15/2030 6:20:15 PM or 2030-06-15T18:20:15, in UTC."
    )
    return RequestError(400, "BadRequest", message, details_code="InvalidSas")
