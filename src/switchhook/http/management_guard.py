"""Who may manage this server? Whoever can read the token in its data folder, and no web page.

A page in a browser on this machine can send requests to loopback. It cannot read the token's file;
besides, a browser names the page's `Origin`, and a name that an attacker points at 127.0.0.1 stands
in `Host`: both are refused.
"""

import hmac
import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers

from switchhook.errors import RequestError
from switchhook.management_token import TOKEN_FILE


class ManagementGuard:
    """Checks the management routes' requests."""

    def __init__(self, token: str, hosts: Collection[str] = ()) -> None:
        """`hosts` are names besides those of loopback: the public URL's and configured ones."""
        self._token = token.encode()
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)

    def check(self, headers: Headers) -> None:
        """Let a request through that carries the token and comes from no web page.

        Raises:
            RequestError: it does not.
        """
        if "origin" in headers:
            raise RequestError(
                403, "Forbidden", "Requests of web pages (with an Origin header) are refused."
            )
        host = headers.get("host", "")
        if not self.is_known(host):
            raise RequestError(
                403, "Forbidden", f"The host name '{host}' is not one of this server's names."
            )
        self.check_token(headers)

    def is_known(self, host: str) -> bool:
        """Whether a `Host` header names this machine."""
        name = _without_port(host).lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or name in self._hosts:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def check_token(self, headers: Headers) -> None:
        """Let a request through that carries the token, whatever page it comes from.

        Raises:
            RequestError: it does not.
        """
        authorization = headers.get("authorization", "")
        scheme, _, token = authorization.partition(" ")
        if not authorization:
            raise RequestError(
                401,
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )
        given = token.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._token):
            raise RequestError(
                401,
                "InvalidAuthenticationToken",
                f"The access token is invalid. It stands in the file '{TOKEN_FILE}' of the "
                "server's data folder.",
            )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
