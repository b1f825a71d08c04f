"""Whose token does a request carry? Users' own tokens, and those of our authority."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import Request

from switchhook.authority import Claims
from switchhook.communication.access import denied
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.identity.caller import Caller
from switchhook.communication.identity.engine import IdentityEngine
from switchhook.communication.identity.exchange import SERVICE_AUDIENCE
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError
from switchhook.http.asgi import header
from switchhook.http.communication_api.authentication import (
    MAX_BODY_SIZE,
    Authenticator,
    read_body,
)

_SCHEME = "bearer"

# What an Entra token says that is meant for that audience; raises RequestError 401.
ReadEntraToken = Callable[[str, str], Claims]


class BearerAuthenticator:
    """Finds the user whose access token a request carries; bodies end at `max_body_size` bytes."""

    def __init__(self, identity: IdentityEngine, *, max_body_size: int = MAX_BODY_SIZE) -> None:
        self._identity = identity
        self._max_body_size = max_body_size

    async def authenticate(self, request: Request) -> tuple[Caller, bytes]:
        """The user who calls, and the request's body.

        Raises:
            RequestError: 401 `Unauthorized`, or 413 for a body over the limit.
        """
        host = header(request.scope, b"host") or ""
        caller = await self._identity.caller_of(bearer_token(request), host)
        return caller, await read_body(request, self._max_body_size)


class EntraAuthenticator:
    """Finds resource and Entra user of a request that carries a token of our authority.

    Such a token names no resource: the host does, or else it is the only or default one.
    """

    def __init__(
        self, *, read: ReadEntraToken, directory: CommunicationDirectory, audience: str
    ) -> None:
        self._read = read
        self._directory = directory
        self._audience = audience

    async def authenticate(
        self, request: Request
    ) -> tuple[tuple[CommunicationResource, Claims], bytes]:
        """The resource that is addressed and what the token says, and the request's body.

        Raises:
            RequestError: 401, or 413 for a body over the limit.
        """
        claims = self._read(bearer_token(request), self._audience)
        resource = self._directory.by_host(header(request.scope, b"host") or "")
        if resource is None:
            raise denied()
        return (resource, claims), await read_body(request)


class KeyOrEntraAuthenticator:
    """Finds the resource of a request that its key signed, or that carries an Entra token for
    Communication Services."""

    def __init__(
        self, *, keys: Authenticator, read: ReadEntraToken, directory: CommunicationDirectory
    ) -> None:
        self._keys = keys
        self._entra = EntraAuthenticator(read=read, directory=directory, audience=SERVICE_AUDIENCE)

    async def authenticate(self, request: Request) -> tuple[CommunicationResource, bytes]:
        """The resource that a request addresses, and the request's body.

        Raises:
            RequestError: 401 `Denied`, or 413 for a body over the limit.
        """
        if not bearer_token(request):
            return await self._keys.authenticate(request)
        try:
            (resource, _), body = await self._entra.authenticate(request)
        except RequestError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise denied() from error
            raise
        return resource, body


def bearer_token(request: Request) -> str:
    """The token of the header `Authorization`; "" when it holds none."""
    scheme, _, token = (header(request.scope, b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else ""
