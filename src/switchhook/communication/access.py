"""Was this request signed with one of a resource's access keys?

The scheme is the one that every Communication Services client implements in `_shared/policy`
(azure-communication-sms 1.1.0) and `communicationAccessKeyCredentialPolicy`
(@azure/communication-common 2.4.2): method, target and the values of the signed headers, signed
with HMAC-SHA256. Clients disagree with what they send about how the target is escaped and how the
host is written; each variant accepted here names the same resource and still needs its key.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import parse_qsl, quote, quote_plus, unquote

import msgspec

from switchhook.clock import MINUTE, from_datetime
from switchhook.errors import RequestError

# How far a request's date may be from the time of its arrival. Not documented for Communication
# Services; 15 minutes is what App Configuration states for its scheme of the same name.
CLOCK_SKEW = 15 * MINUTE
MAX_SIGNED_HEADERS = 16
# A signed text is built for each form of target and host, and hashed with each key, before anybody
# is known: its parts must be short.
MAX_SIGNED_LENGTH = 2048

_SCHEME = "hmac-sha256"
_DATES = ("x-ms-date", "date")
_CONTENT_HASH = "x-ms-content-sha256"
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request goes into its signature.

    `target` is the path and query as they came, undecoded; `headers` have lower-case names; `body`
    is what came before any decoding. `scheme` is `http` or `https`.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    scheme: str = "http"


class Signature:
    """A well-formed signature: the digest that was sent, and the texts that it may stand for.

    A text is made when it is asked for: the first is the one that nearly every client has signed.
    """

    def __init__(self, digest: bytes, usual: bytes, others: Iterator[bytes]) -> None:
        self._digest = digest
        self._made = [usual]
        self._others = others

    def is_made_with(self, keys: Iterable[str]) -> bool:
        """Whether one of these access keys (base64) made it; compared in constant time."""
        hashes = list(map(_keyed_hashes, keys))
        for text in self._made:
            if self._is_of(text, hashes):
                return True
        for text in self._others:
            self._made.append(text)
            if self._is_of(text, hashes):
                return True
        return False

    def _is_of(self, text: bytes, hashes: "Iterable[_KeyedHashes]") -> bool:
        for inner, outer in hashes:
            inside = inner.copy()
            inside.update(text)
            whole = outer.copy()
            whole.update(inside.digest())
            if compare_digest(whole.digest(), self._digest):
                return True
        return False


_KeyedHashes = tuple["hashlib._Hash", "hashlib._Hash"]
_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


# What HMAC-SHA256 has hashed of a key before any text (RFC 2104, 4). Unlike with `hmac.digest`,
# copies of it let no other thread go first, and need no object for each text.
@lru_cache(maxsize=256)
def _keyed_hashes(key: str) -> _KeyedHashes:
    secret = base64.b64decode(key)
    if len(secret) > _BLOCK:
        secret = sha256(secret).digest()
    padded = secret.ljust(_BLOCK, b"\0")
    return sha256(padded.translate(_INNER)), sha256(padded.translate(_OUTER))


def denied() -> RequestError:
    """The one answer to every failure, which does not tell a guesser how close the guess was."""
    return RequestError(401, "Denied", "Denied by the resource provider.")


def read_signature(
    request: SignedRequest, *, now: int, host_aliases: Sequence[str] = ()
) -> Signature:
    """The signature of a request that is fresh and whose body is the one that was signed.

    `now` is real time, in nanoseconds: credentials age by it even where a test moves the clock.
    `host_aliases` are other names of this server that a client may have been configured with.

    Raises:
        RequestError: 401 `Denied`.
    """
    headers = request.headers
    names, date_name, digest = _read_authorization(headers.get("authorization", ""))
    try:
        values = [headers[name] for name in names]
    except KeyError:
        raise denied() from None
    usual = _text(request, request.target, values)
    if len(usual) > MAX_SIGNED_LENGTH and max(map(len, values)) > MAX_SIGNED_LENGTH:
        raise denied()
    sent = _instant(headers[date_name])
    if sent is None or abs(now - sent) > CLOCK_SKEW:
        raise denied()
    _check_body(request)
    others = _unusual_texts(request, names, host_aliases, usual)
    return Signature(digest, usual, others)


_AUTHORIZATION = re.compile(f"(?i:{_SCHEME}) SignedHeaders=([^&]*)&Signature=(.*)", re.DOTALL)


def _read_authorization(header: str) -> tuple[tuple[str, ...], str, bytes]:
    """The signed headers' names, which of them is the date, and the digest."""
    parts = _AUTHORIZATION.fullmatch(header)
    if parts is None:
        raise denied()
    listed, digest = parts.groups()
    names, date_name = _signed_names(listed)
    try:
        return names, date_name, binascii.a2b_base64(digest, strict_mode=True)
    except (binascii.Error, ValueError) as error:  # ValueError: characters beyond ASCII
        raise denied() from error


# A client signs the same headers of all its requests.
@lru_cache(maxsize=64)
def _signed_names(listed: str) -> tuple[tuple[str, ...], str]:
    names = tuple(listed.lower().split(";"))
    dates = [name for name in _DATES if name in names]
    if len(names) > MAX_SIGNED_HEADERS or len(set(names)) < len(names):
        raise denied()
    if not dates or not {"host", _CONTENT_HASH}.issubset(names):
        raise denied()
    return names, dates[0]


# Dates have whole seconds: many requests share one.
@lru_cache(maxsize=64)
def _instant(date: str) -> int | None:
    """The instant of a header's date; None where it is none."""
    try:
        return from_datetime(parsedate_to_datetime(date))
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
        return None


def _check_body(request: SignedRequest) -> None:
    digest = binascii.b2a_base64(sha256(request.body).digest(), newline=False)
    # Header text is Latin-1 on the wire; `compare_digest` takes bytes of any kind.
    if not compare_digest(digest, request.headers[_CONTENT_HASH].encode("latin-1", "replace")):
        raise denied()


def _text(request: SignedRequest, target: str, values: Sequence[str]) -> bytes:
    return f"{request.method.upper()}\n{target}\n{';'.join(values)}".encode()


def _unusual_texts(
    request: SignedRequest, names: Sequence[str], host_aliases: Sequence[str], usual: bytes
) -> Iterator[bytes]:
    """Each other text once."""
    made = {usual}
    for target in _targets(request.target):
        for host in _hosts(request, host_aliases):
            values = [host if name == "host" else request.headers[name] for name in names]
            text = _text(request, target, values)
            if text not in made:
                made.add(text)
                yield text


def _targets(target: str) -> Iterator[str]:
    """The forms of the target that a client may have signed, the usual one first."""
    yield target
    path, question_mark, query = target.partition("?")
    if path == "/rooms" or path.startswith("/rooms/"):
        # The rooms clients sign what they percent-decoded. Nobody else may: it is ambiguous.
        yield unquote(target)
    # asyncio clients that sign before their HTTP library un-escapes the path.
    yield "/".join(_escape(segment) for segment in path.split("/")) + question_mark + query
    if query:
        # JavaScript re-serialises the query as a form, the way URLSearchParams does.
        fields = parse_qsl(query, keep_blank_values=True)
        yield path + "?" + "&".join(f"{_form(name)}={_form(value)}" for name, value in fields)


def _escape(segment: str) -> str:
    """A path segment with all but a glued `:verb` percent-encoded."""
    head, colon, verb = segment.rpartition(":")
    if not colon or not verb.isascii() or not verb.isalpha():
        return quote(unquote(segment), safe="")
    return quote(unquote(head), safe="") + ":" + verb


def _form(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


def _hosts(request: SignedRequest, aliases: Sequence[str]) -> Iterator[str]:
    """The forms of the host that a client may have signed.

    Python signs the endpoint as it was written: with a default port or a slash at its end.
    """
    port = _DEFAULT_PORTS.get(request.scheme, "")
    for host in (request.headers["host"], *aliases):
        forms = [host] if ":" in host.rpartition("]")[2] else [host, f"{host}:{port}"]
        for form in forms:
            yield form
            yield form + "/"
