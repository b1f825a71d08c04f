"""The routes of Identity."""

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from switchhook.authority import Claims
from switchhook.clock import to_text
from switchhook.communication.directory import CommunicationDirectory
from switchhook.communication.identity.engine import IdentityEngine
from switchhook.communication.identity.entra import EntraUsers
from switchhook.communication.identity.exchange import ENTRA_AUDIENCE, TEAMS_AUDIENCE
from switchhook.communication.identity.requests import (
    check_guid,
    parse_assignment,
    parse_create,
    parse_empty,
    parse_exchange_teams_user,
    parse_issue,
)
from switchhook.communication.identity.store import Assignment
from switchhook.communication.identity.tokens import AccessToken
from switchhook.communication.resources import CommunicationResource
from switchhook.http.communication_api.authentication import Authenticator
from switchhook.http.communication_api.bearer_authentication import (
    EntraAuthenticator,
    KeyOrEntraAuthenticator,
)
from switchhook.http.communication_api.signed_endpoint import Handler, signed_endpoint
from switchhook.http.errors import json_response

VERSIONS = (
    "2021-03-07",
    "2022-06-01",
    "2022-10-01",
    "2023-08-01",
    "2023-10-01",
    "2025-03-02-preview",
    "2025-06-30",
)

_ASSIGNMENT = "/access/teamsExtension/tenants/{tenant_id}/assignments/{object_id}"

Exchange = Callable[[CommunicationResource, Claims], Awaitable[tuple[str, AccessToken]]]
Subject = tuple[CommunicationResource, Claims]


def routes(
    *,
    identity: IdentityEngine,
    directory: CommunicationDirectory,
    host_aliases: Sequence[str] = (),
    now: Callable[[], int] = time.time_ns,
) -> list[Route]:
    """The routes of users, their tokens, and the exchange of Entra tokens.

    `host_aliases` are names with which clients may have been configured other than the one of their
    requests; `now` is real time, by which signatures age.
    """
    entra = identity.entra
    keys = Authenticator(directory=directory, host_aliases=host_aliases, now=now)
    authenticator = KeyOrEntraAuthenticator(keys=keys, read=entra.read, directory=directory)

    def route(method: str, path: str, handler: Handler) -> Route:
        endpoint = signed_endpoint(handler, authenticator=authenticator, versions=VERSIONS)
        return Route(path, endpoint, methods=[method])

    def exchange_route(path: str, audience: str, exchange: Exchange) -> Route:
        users = EntraAuthenticator(read=entra.read, directory=directory, audience=audience)
        endpoint = signed_endpoint(_exchange(exchange), authenticator=users, versions=VERSIONS)
        return Route(path, endpoint, methods=["POST"])

    return [
        route("POST", "/identities", _create(identity)),
        route("GET", "/identities/{id}", _read(identity)),
        route("DELETE", "/identities/{id}", _delete(identity)),
        route("POST", "/identities/{id}/:issueAccessToken", _issue(identity)),
        route("POST", "/identities/{id}/:revokeAccessTokens", _revoke(identity)),
        route("POST", "/teamsUser/:exchangeAccessToken", _exchange_teams_user(entra)),
        exchange_route("/access/entra/:exchangeAccessToken", ENTRA_AUDIENCE, entra.exchange_entra),
        exchange_route(
            "/access/teamsExtension/:exchangeAccessToken",
            TEAMS_AUDIENCE,
            entra.exchange_teams_extension,
        ),
        route("GET", _ASSIGNMENT, _read_assignment(entra)),
        route("PUT", _ASSIGNMENT, _assign(entra)),
        route("DELETE", _ASSIGNMENT, _unassign(entra)),
    ]


# --- users and tokens ------------------------------------------------------------------------


def _create(identity: IdentityEngine) -> Handler:
    async def create(_: Request, resource: CommunicationResource, body: bytes) -> Response:
        raw_id, token = await identity.create(resource, parse_create(body))
        answer: dict[str, Any] = {"identity": {"id": raw_id}}
        if token is not None:
            answer["accessToken"] = _token_body(token)
        return json_response(answer, 201)

    return create


def _read(identity: IdentityEngine) -> Handler:
    async def read(request: Request, resource: CommunicationResource, _: bytes) -> Response:
        raw_id = request.path_params["id"]
        user = await identity.user(resource, raw_id)
        answer = {"id": raw_id}
        if user.custom_id is not None:
            answer["customId"] = user.custom_id
        if user.last_token_issued_at is not None:
            answer["lastTokenIssuedAt"] = _time_text(user.last_token_issued_at)
        return json_response(answer)

    return read


def _delete(identity: IdentityEngine) -> Handler:
    async def delete(request: Request, resource: CommunicationResource, _: bytes) -> Response:
        await identity.delete(resource, request.path_params["id"])
        return Response(status_code=204)

    return delete


def _issue(identity: IdentityEngine) -> Handler:
    async def issue(request: Request, resource: CommunicationResource, body: bytes) -> Response:
        asked = parse_issue(body)
        token = await identity.issue(resource, request.path_params["id"], asked)
        return json_response(_token_body(token))

    return issue


def _revoke(identity: IdentityEngine) -> Handler:
    async def revoke(request: Request, resource: CommunicationResource, _: bytes) -> Response:
        await identity.revoke(resource, request.path_params["id"])
        return Response(status_code=204)

    return revoke


# --- users of Entra --------------------------------------------------------------------------


def _exchange_teams_user(entra: EntraUsers) -> Handler:
    async def exchange(_: Request, resource: CommunicationResource, body: bytes) -> Response:
        token = await entra.exchange_teams_user(resource, parse_exchange_teams_user(body))
        return json_response(_token_body(token))

    return exchange


def _exchange(exchange: Exchange) -> Callable[[Request, Subject, bytes], Awaitable[Response]]:
    async def answer(_: Request, subject: Subject, body: bytes) -> Response:
        parse_empty(body)
        raw_id, token = await exchange(*subject)
        return json_response({"identity": {"id": raw_id}, "accessToken": _token_body(token)})

    return answer


def _read_assignment(entra: EntraUsers) -> Handler:
    async def read(request: Request, resource: CommunicationResource, _: bytes) -> Response:
        principal = _principal(request)
        return _assignment_body(*principal, await entra.assignment(resource, *principal))

    return read


def _assign(entra: EntraUsers) -> Handler:
    async def assign(request: Request, resource: CommunicationResource, body: bytes) -> Response:
        principal = _principal(request)
        assignment = parse_assignment(body)
        is_new = await entra.assign(resource, *principal, assignment)
        status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        return _assignment_body(*principal, assignment, status)

    return assign


def _unassign(entra: EntraUsers) -> Handler:
    async def unassign(request: Request, resource: CommunicationResource, _: bytes) -> Response:
        await entra.unassign(resource, *_principal(request))
        return Response(status_code=204)

    return unassign


def _principal(request: Request) -> tuple[str, str]:
    """Tenant and object that the path names, in lower case."""
    tenant_id, object_id = request.path_params["tenant_id"], request.path_params["object_id"]
    check_guid(tenant_id, "tenantId")
    check_guid(object_id, "objectId")
    return tenant_id.lower(), object_id.lower()


def _assignment_body(
    tenant_id: str, object_id: str, assignment: Assignment, status: int = 200
) -> Response:
    body: dict[str, Any] = {
        "objectId": object_id,
        "tenantId": tenant_id,
        "principalType": assignment.principal_type,
    }
    if assignment.client_ids is not None:
        body["clientIds"] = assignment.client_ids
    return json_response(body, status)


# --- shapes ----------------------------------------------------------------------------------


def _token_body(token: AccessToken) -> dict[str, str]:
    return {"token": token.token, "expiresOn": _time_text(token.expires_at)}


def _time_text(instant: int) -> str:
    """As Identity writes times: with `+00:00` in place of `Z`."""
    return to_text(instant).removesuffix("Z") + "+00:00"
