"""What do Identity requests look like, and which rules do they obey?

Names and limits: OpenAPI of Identity, 2021-03-07 to 2025-06-30. Codes, messages and targets:
recorded sessions of azure-communication-identity (azure-sdk-for-python).
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.store import Assignment, PrincipalType
from switchhook.communication.identity.user_ids import is_guid
from switchhook.communication.json_requests import decode
from switchhook.errors import RequestError

_Body = TypeVar("_Body")

EXPIRES_IN_MINUTES = (60, 1440)
DEFAULT_EXPIRES_IN_MINUTES = 1440
MAX_CUSTOM_ID_LENGTH = 256
# How many applications one assignment may name; the OpenAPI has no limit (assumed).
MAX_CLIENT_IDS = 100


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which token is wanted: what it allows, and for how many minutes."""

    scopes: tuple[Scope, ...]
    expires_in_minutes: int = DEFAULT_EXPIRES_IN_MINUTES


class CreateUser(msgspec.Struct, frozen=True, kw_only=True):
    """A new user, or the one of that custom id; with a token or without."""

    custom_id: str | None = None
    token: TokenRequest | None = None


class ExchangeTeamsUser(msgspec.Struct, frozen=True, kw_only=True):
    """A Teams user's Entra token, and which application and user it has to be of."""

    token: str
    app_id: str
    user_id: str


class _CreateBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    create_token_with_scopes: list[str] | None = None
    expires_in_minutes: int | None = None
    custom_id: str | None = None


class _TokenBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    scopes: list[str] | None = None
    expires_in_minutes: int | None = None


class _ExchangeBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    token: str | None = None
    app_id: str | None = None
    user_id: str | None = None


class _AssignmentBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    principal_type: str | None = None
    client_ids: list[str] | None = None


class _EmptyBody(msgspec.Struct, frozen=True, kw_only=True):
    pass


_create_decoder = msgspec.json.Decoder(_CreateBody)
_token_decoder = msgspec.json.Decoder(_TokenBody)
_exchange_decoder = msgspec.json.Decoder(_ExchangeBody)
_assignment_decoder = msgspec.json.Decoder(_AssignmentBody)
_empty_decoder = msgspec.json.Decoder(_EmptyBody)


def invalid(target: str, message: str) -> RequestError:
    """The refusal of a request with a wrong member."""
    return RequestError(400, "ValidationError", message, target=target)


def required(name: str) -> RequestError:
    """The refusal of a request without that member."""
    return invalid(name, f"{name}: The {name} field is required.")


def parse_create(body: bytes) -> CreateUser:
    """The request of `POST /identities`; its body may be absent, and its list of scopes empty.

    `expiresInMinutes` obeys its rule also where no token is asked for (assumed).

    Raises:
        RequestError: 400.
    """
    request = _decode(body, _create_decoder) if body.strip() else _CreateBody()
    minutes = _expires_in_minutes(request.expires_in_minutes)
    scopes = _scopes(request.create_token_with_scopes or (), "CreateTokenWithScopes")
    custom_id = request.custom_id
    if custom_id is not None and not 1 <= len(custom_id) <= MAX_CUSTOM_ID_LENGTH:
        raise invalid("CustomId", f"CustomId must have 1 to {MAX_CUSTOM_ID_LENGTH} characters.")
    token = TokenRequest(scopes=scopes, expires_in_minutes=minutes) if scopes else None
    return CreateUser(custom_id=custom_id, token=token)


def parse_issue(body: bytes) -> TokenRequest:
    """The request of `:issueAccessToken`; an empty list of scopes is none (assumed).

    Raises:
        RequestError: 400.
    """
    request = _decode(body, _token_decoder)
    if request.scopes is None:
        raise required("Scopes")
    if not request.scopes:
        raise invalid("scopes", "Invalid scopes - Scopes field is required.")
    return TokenRequest(
        scopes=_scopes(request.scopes, "Scopes"),
        expires_in_minutes=_expires_in_minutes(request.expires_in_minutes),
    )


def parse_exchange_teams_user(body: bytes) -> ExchangeTeamsUser:
    """The request of `/teamsUser/:exchangeAccessToken`; any text of it may be empty or wrong.

    Which of them is refused depends on the token, which is read first.

    Raises:
        RequestError: 400.
    """
    request = _decode(body, _exchange_decoder)
    return ExchangeTeamsUser(
        token=request.token or "", app_id=request.app_id or "", user_id=request.user_id or ""
    )


def parse_empty(body: bytes) -> None:
    """Accept what the exchange routes are sent: an object that says nothing, or no body.

    Raises:
        RequestError: 400, it is anything else.
    """
    if body.strip():
        _decode(body, _empty_decoder)


def parse_assignment(body: bytes) -> Assignment:
    """The request that assigns a Teams user or resource account.

    Raises:
        RequestError: 400.
    """
    request = _decode(body, _assignment_decoder)
    if not request.principal_type:
        raise required("PrincipalType")
    if request.principal_type not in set(PrincipalType):
        kinds = ", ".join(PrincipalType)
        raise invalid("PrincipalType", f"PrincipalType must be one of {kinds}.")
    clients = request.client_ids
    if clients is not None and len(clients) > MAX_CLIENT_IDS:
        raise invalid("ClientIds", f"ClientIds must name at most {MAX_CLIENT_IDS} applications.")
    for client in clients or ():
        check_guid(client, "ClientIds")
    return Assignment(
        principal_type=PrincipalType(request.principal_type),
        client_ids=None if clients is None else tuple(each.lower() for each in clients),
    )


def check_guid(text: str, target: str) -> None:
    """Let a GUID through.

    Raises:
        RequestError: 400, it is none.
    """
    if not is_guid(text):
        name = target[:1].upper() + target[1:]
        raise invalid(target, f"Provided {name} has invalid format.")


def _decode(body: bytes, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    try:
        return decode(body, decoder)
    except RequestError as error:
        raise invalid("", error.message) from error


def _expires_in_minutes(minutes: int | None) -> int:
    if minutes is None:
        return DEFAULT_EXPIRES_IN_MINUTES
    lowest, highest = EXPIRES_IN_MINUTES
    if not lowest <= minutes <= highest:
        raise invalid(
            "ExpiresInMinutes",
            f"ExpiresInMinutes value {minutes} is invalid. Value must be within the "
            f"[{lowest}, {highest}] interval.",
        )
    return minutes


def _scopes(names: Sequence[str], target: str) -> tuple[Scope, ...]:
    """The scopes of those names, each once, in their order."""
    known = set(Scope)
    for name in names:
        if name not in known:
            scopes = ", ".join(Scope)
            raise invalid(target, f"{target}: '{name[:50]}' is not one of {scopes}.")
    return tuple(dict.fromkeys(Scope(name) for name in names))
