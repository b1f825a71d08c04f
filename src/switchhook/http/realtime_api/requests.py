"""Who asks, from which address, and for what?"""

import re

import msgspec
from starlette.requests import Request

from switchhook.communication.chat.permissions import SCOPES, Action
from switchhook.communication.identity.caller import Caller
from switchhook.communication.identity.tokens import unauthorized
from switchhook.errors import RequestError
from switchhook.http.communication_api.bearer_authentication import bearer_token
from switchhook.http.realtime_api.sessions import CallerOf

# Registrations, and what a client posts that polls, are far smaller.
MAX_BODY_SIZE = 64 << 10
MAX_ID_LENGTH = 256
MAX_REGISTRATION_TTL = 86_400.0  # seconds (assumed)

_AUTHORITY = re.compile(r"[\w.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?", re.ASCII)


async def authenticate(request: Request, caller_of: CallerOf) -> tuple[Caller, str]:
    """The user who asks, and the token that says so.

    Raises:
        RequestError: 401, no token that is in force; 403, one that is not for chat.
    """
    token = _token(request)
    if not token:
        raise unauthorized()
    caller = await caller_of(token, request.headers.get("host", ""))
    if caller.scopes.isdisjoint(SCOPES[Action.CONNECT]):
        message = "The access token is not for chat: its scopes name no form of it."
        raise RequestError(403, "Forbidden", message)
    return caller, token


def _token(request: Request) -> str:
    return request.headers.get("x-skypetoken", "") or bearer_token(request)


def origin_of(request: Request) -> str:
    """Scheme and host with which the client addressed the server.

    Raises:
        RequestError: 400, `Host` names none.
    """
    host = request.headers.get("host", "")
    if not _AUTHORITY.fullmatch(host):
        raise RequestError(400, "BadRequest", "The header 'Host' names no host.")
    return f"{request.url.scheme}://{host}"


def id_in_query(request: Request, name: str) -> str:
    """An id of the client's own choice, or "".

    Raises:
        RequestError: 400, it is too long.
    """
    value = request.query_params.get(name, "")
    _check_length(name, value)
    return value


def _check_length(name: str, value: str) -> None:
    if len(value) > MAX_ID_LENGTH:
        message = f"'{name}' has over {MAX_ID_LENGTH} characters."
        raise RequestError(400, "BadRequest", message)


class Registration(msgspec.Struct, frozen=True):
    """Where the pushes of a page are to go: its own id, a path, and for how many seconds."""

    id: str
    path: str
    ttl: float


class _Trouter(msgspec.Struct):
    path: str
    ttl: float


class _Transports(msgspec.Struct):
    trouter: list[_Trouter] = msgspec.field(name="TROUTER")


class _Body(msgspec.Struct):
    registration_id: str = msgspec.field(name="registrationId")
    transports: _Transports


def parse_registration(body: bytes) -> Registration:
    """The body of a registration.

    Raises:
        RequestError: 400, it is none.
    """
    try:
        parsed = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(400, "BadRequest", f"The body is not a registration: {error}.") from None
    if not parsed.registration_id:
        raise RequestError(400, "BadRequest", "'registrationId' is empty.")
    _check_length("registrationId", parsed.registration_id)
    if len(parsed.transports.trouter) != 1:
        raise RequestError(400, "BadRequest", "'transports.TROUTER' must hold one transport.")
    transport = parsed.transports.trouter[0]
    if not 0 < transport.ttl <= MAX_REGISTRATION_TTL:
        message = f"'ttl' must be more than 0 and at most {MAX_REGISTRATION_TTL:.0f} seconds."
        raise RequestError(400, "BadRequest", message)
    return Registration(parsed.registration_id, transport.path, transport.ttl)
