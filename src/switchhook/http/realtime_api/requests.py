"""Who asks, from which address, and for what?"""

import re

import msgspec
from starlette.requests import Request

from switchhook.communication.identity.caller import Caller, Scope
from switchhook.errors import RequestError
from switchhook.http.realtime_api.sessions import CallerOf

MAX_BODY_SIZE = 64 << 10
MAX_ID_LENGTH = 256
MAX_REGISTRATION_TTL = 86_400.0  # seconds (assumed)

# Whoever may read messages may hear of them. (assumed)
LISTENING_SCOPES = frozenset((Scope.CHAT, Scope.CHAT_JOIN, Scope.CHAT_JOIN_LIMITED))

_AUTHORITY = re.compile(r"[\w.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?", re.ASCII)


async def authenticate(request: Request, caller_of: CallerOf) -> tuple[Caller, str]:
    """The user who asks, and the token that says so.

    Raises:
        RequestError: 401, no token that is in force; 403, one that is not for chat.
    """
    token = _token(request)
    if not token:
        raise unauthorized()
    caller = await caller_of(token)
    if not caller.scopes & LISTENING_SCOPES:
        message = "The access token is not for chat: its scopes name no form of it."
        raise RequestError(403, "Forbidden", message)
    return caller, token


def unauthorized() -> RequestError:
    """No credential, or none that is in force."""
    return RequestError(401, "Unauthorized", "Request is not authorized.")


def _token(request: Request) -> str:
    given = request.headers.get("x-skypetoken", "")
    if given:
        return given
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


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
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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


async def read_body(request: Request) -> bytes:
    """The request's body.

    Raises:
        RequestError: 413, it is too long.
    """
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_SIZE:
            message = f"The request body has over {MAX_BODY_SIZE} bytes."
            raise RequestError(413, "RequestEntityTooLarge", message)
        pieces.append(piece)
    return b"".join(pieces)
