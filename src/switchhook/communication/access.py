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
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache
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

    def __init__(self, digest: bytes, texts: Iterator[bytes]) -> None:
        self._digest = digest
        self._made: list[bytes] = []
        self._others = texts

    def is_made_with(self, keys: Iterable[str]) -> bool:
        """Whether one of these access keys (base64) made it; compared in constant time."""
        hashes = [_keyed_hash(key) for key in keys]
        return any(
            hmac.compare_digest(_digest(text, keyed), self._digest)
            for text in self._all_texts()
            for keyed in hashes
        )

    def _all_texts(self) -> Iterator[bytes]:
        yield from self._made
        for text in self._others:
            self._made.append(text)
            yield text


# Unlike `hmac.digest`, a copy of it does not let another thread go first.
@lru_cache(maxsize=256)
def _keyed_hash(key: str) -> hmac.HMAC:
    return hmac.new(base64.b64decode(key), digestmod="sha256")


def _digest(text: bytes, keyed: hmac.HMAC) -> bytes:
    copy = keyed.copy()
    copy.update(text)
    return copy.digest()


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
    names, digest = _read_authorization(request.headers.get("authorization", ""))
    if not {"host", _CONTENT_HASH}.issubset(names) or any(
        len(request.headers.get(name, _TOO_LONG)) > MAX_SIGNED_LENGTH for name in names
    ):
        raise denied()
    _check_date(names, request.headers, now)
    _check_body(request)
    return Signature(digest, _texts(request, names, host_aliases))


_TOO_LONG = " " * (MAX_SIGNED_LENGTH + 1)  # what an absent header counts as


def _read_authorization(header: str) -> tuple[list[str], bytes]:
    scheme, _, parameters = header.partition(" ")
    signed, _, signature = parameters.partition("&")
    signed_label, _, names = signed.partition("=")
    label, _, digest = signature.partition("=")
    if (scheme.lower(), signed_label, label) != (_SCHEME, "SignedHeaders", "Signature"):
        raise denied()
    listed = names.lower().split(";")
    if len(listed) > MAX_SIGNED_HEADERS or len(set(listed)) < len(listed):
        raise denied()
    try:
        return listed, base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError) as error:  # ValueError: characters beyond ASCII
        raise denied() from error


def _check_date(names: list[str], headers: Mapping[str, str], now: int) -> None:
    signed = [name for name in _DATES if name in names]
    if not signed:
        raise denied()
    sent = _instant(headers[signed[0]])
    if sent is None or abs(now - sent) > CLOCK_SKEW:
        raise denied()


# Dates have whole seconds: many requests share one.
@lru_cache(maxsize=64)
def _instant(date: str) -> int | None:
    """The instant of a header's date; None where it is none."""
    try:
        return from_datetime(parsedate_to_datetime(date))
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
        return None


def _check_body(request: SignedRequest) -> None:
    digest = base64.b64encode(hashlib.sha256(request.body).digest())
    # Header text is Latin-1 on the wire; `compare_digest` takes bytes of any kind.
    if not hmac.compare_digest(digest, request.headers[_CONTENT_HASH].encode("latin-1", "replace")):
        raise denied()


def _texts(
    request: SignedRequest, names: list[str], host_aliases: Sequence[str]
) -> Iterator[bytes]:
    """Each text once, the usual one first."""
    made = set()
    for target in _targets(request.target):
        for host in _hosts(request, host_aliases):
            values = ";".join(host if name == "host" else request.headers[name] for name in names)
            text = f"{request.method.upper()}\n{target}\n{values}".encode()
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
