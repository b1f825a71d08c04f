"""Who may manage this server? Whoever has the token of its data folder or one of its authority's.

And no web page: a page in a browser on this machine can send requests to loopback. A browser names
the page's `Origin`, and a name that an attacker points at 127.0.0.1 stands in `Host`: both are
refused.
"""

import hmac
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import NoReturn

from starlette.datastructures import Headers

from switchhook.errors import RequestError, TokenError, TokenFlaw
from switchhook.loopback import is_loopback_host
from switchhook.management_token import TOKEN_FILE

# Raises TokenError for a token that is not for one of the audiences.
Verify = Callable[[str, Collection[str]], object]


class ManagementGuard:
    """Checks the management routes' requests."""

    def __init__(
        self,
        token: str,
        hosts: Collection[str] = (),
        *,
        verify: Verify | None = None,
        audiences: Collection[str] = (),
        authorization_uri: str = "",
    ) -> None:
        """`hosts` are names besides those of loopback: the public URL's and configured ones.

        `verify` checks tokens of the authority at `authorization_uri` for one of `audiences`;
        without it only `token` counts.
        """
        self._token = token.encode()
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._verify = verify
        self._audiences = tuple(audiences)
        self._authorization_uri = authorization_uri

    def check(self, headers: Headers) -> None:
        """Let a request through that carries a token and comes from no web page.

        Raises:
            RequestError: it does not.
        """
        self.check_names(headers)
        self.check_token(headers)

    def check_names(self, headers: Headers) -> None:
        """Let a request through that calls this server by its own name and comes from no web page.

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

    def is_known(self, host: str) -> bool:
        """Whether a `Host` header names this machine."""
        return names_loopback(host) or _name(host) in self._hosts

    def check_token(self, headers: Headers) -> None:
        """Let a request through that carries a token, whatever page it comes from.

        Raises:
            RequestError: it does not.
        """
        authorization = headers.get("authorization", "")
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if not authorization:
            self._refuse(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            )
        if scheme.lower() != "bearer" or not token:
            self._refuse(
                "AuthenticationFailedInvalidHeader",
                "Authentication failed. The 'Authorization' header is provided in an invalid "
                "format.",
            )
        if hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token):
            return
        # Ours has the form of a JSON Web Token, which the token of the data folder never has.
        if self._verify is None or token.count(".") != 2:
            self._refuse(
                "InvalidAuthenticationToken",
                f"The access token is invalid. It stands in the file '{TOKEN_FILE}' of the "
                "server's data folder, or comes from the server's own token route.",
            )
        try:
            self._verify(token, self._audiences)
        except TokenError as error:
            self._refuse(*_wording(error, self._audiences, self._authorization_uri))

    def _refuse(self, code: str, message: str) -> NoReturn:
        # The SDKs read the address of the authority from here.
        challenge = f'Bearer authorization_uri="{self._authorization_uri}", error="invalid_token"'
        if not self._authorization_uri:
            challenge = 'Bearer error="invalid_token"'
        raise RequestError(401, code, message, challenge=challenge)


def names_loopback(host: str) -> bool:
    """Whether a `Host` header names this machine as only its own programs can."""
    return is_loopback_host(_name(host))


def _wording(
    error: TokenError, audiences: Collection[str], authorization_uri: str
) -> tuple[str, str]:
    """Code and message as Resource Manager words them."""
    match error.flaw:
        case TokenFlaw.EXPIRED:
            now = datetime.now(UTC).strftime("%m/%d/%Y %I:%M:%S %p")
            return (
                "ExpiredAuthenticationToken",
                f"The access token expiry UTC time is earlier than current UTC time '{now}'.",
            )
        case TokenFlaw.AUDIENCE:
            return (
                "InvalidAuthenticationTokenAudience",
                "The access token has been obtained for wrong audience or resource "
                f"'{error.found}'. It should exactly match with one of the allowed audiences "
                f"{', '.join(repr(each) for each in audiences)}.",
            )
        case TokenFlaw.ISSUER:
            return (
                "InvalidAuthenticationTokenTenant",
                f"The access token is from the wrong issuer '{error.found}'. Please use the "
                f"authority (URL) '{authorization_uri}' to get the token.",
            )
        case _:
            return "InvalidAuthenticationToken", "The access token is invalid."


def _name(host: str) -> str:
    return _without_port(host).lower().rstrip(".")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
