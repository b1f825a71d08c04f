"""Where does a webhook's URL lead, and may a request go there?"""

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from switchhook.loopback import is_loopback_address
from switchhook.webhook.proxies import ProxyEnvironment

DEFAULT_PORTS = {"http": 80, "https": 443}
ALLOW_HTTP_OPTION = "--allow-http-webhooks"

# RFC 3986, section 3.3 and 3.4, and `%`: what is encoded already stays as it is. Square brackets
# are not allowed there, but `a[]=1` is common and every server takes it.
_SENT_AS_GIVEN = "%/:?#[]@!$&'()*+,;=-._~"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[0-9a-z._-]+|[0-9a-f:.]+(%[0-9a-z._~-]+)?")


class InvalidUrlError(ValueError):
    """No request can be made of this URL; the message says why."""


class Endpoint(msgspec.Struct, frozen=True):
    """What connections are shared by; the host in lower case, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def is_tls(self) -> bool:
        """Whether a connection starts with a TLS handshake."""
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"


class Target(msgspec.Struct, frozen=True):
    """A URL, ready for use: `origin` names the endpoint, `head` is what follows the method.

    `head` is the rest of the request line and the header lines that depend on the URL alone.
    """

    endpoint: Endpoint
    origin: str
    head: bytes


@lru_cache(maxsize=4096)
def parse_url(url: str) -> Target:
    """The target of an absolute http or https URL.

    Path and query stay as given; only characters that no URL may contain are percent-encoded.

    Raises:
        InvalidUrlError: it is no such URL, or names a user and password.
    """
    # `urlsplit` would drop some control characters in silence.
    if _CONTROL.search(url):
        raise InvalidUrlError("the URL contains control characters")
    try:
        parts = urlsplit(url)
        endpoint = _endpoint(parts)
    except InvalidUrlError:
        raise
    except ValueError as error:
        raise InvalidUrlError(f"the URL is not valid: {error}") from error
    path = quote(parts.path or "/", safe=_SENT_AS_GIVEN)
    query = "?" + quote(parts.query, safe=_SENT_AS_GIVEN) if "?" in url.partition("#")[0] else ""
    host = _bracketed(endpoint.host.partition("%")[0])
    if endpoint.port != DEFAULT_PORTS[endpoint.scheme]:
        host = f"{host}:{endpoint.port}"
    head = f" {path}{query} HTTP/1.1\r\nHost: {host}\r\nConnection: Keep-Alive\r\n"
    return Target(endpoint, str(endpoint), head.encode("ascii"))


class AddressRules(msgspec.Struct, frozen=True):
    """Which addresses may be connected to."""

    allow_http: bool
    proxies: ProxyEnvironment

    def refusal(self, endpoint: Endpoint, address: str) -> str | None:
        """Why an address that the endpoint's host resolved to is not allowed; None if it is."""
        if is_loopback_address(address):
            return None
        if not endpoint.is_tls and not self.allow_http:
            return (
                f"{endpoint} is at {address}: http is allowed to loopback addresses only; "
                f"use https or start the server with {ALLOW_HTTP_OPTION}"
            )
        return self.proxies.refusal(endpoint.scheme, endpoint.host, endpoint.port)


def is_ip_literal(host: str) -> bool:
    """Whether a host is an address already, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _endpoint(parts: SplitResult) -> Endpoint:
    if parts.scheme not in DEFAULT_PORTS:
        raise InvalidUrlError("the URL does not start with https:// or http://")
    if "@" in parts.netloc:
        raise InvalidUrlError("the URL names a user; put a secret into the query instead")
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    if port == 0:
        raise InvalidUrlError("the URL names port 0")
    return Endpoint(parts.scheme, _ascii_host(parts.hostname or ""), port)


def _ascii_host(host: str) -> str:
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if not _HOST.fullmatch(host) or (":" in host and not is_ip_literal(host)):
        raise InvalidUrlError("the URL names no valid host")
    return host


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
