"""The routes of our authority: how clients find it, and how they get tokens.

No token opens them: they are where tokens come from. They refuse web pages and foreign host names
as the management routes do, and the managed identity's routes answer this machine only.
"""

import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from switchhook import defaults
from switchhook.authority import Authority
from switchhook.authority.authority import LIFETIME
from switchhook.authority.documents import (
    cloud_metadata,
    instance_discovery,
    openid_configuration,
)
from switchhook.authority.grants import Refusal, decide
from switchhook.errors import RequestError
from switchhook.http.asgi import read_body
from switchhook.http.errors import arm_error, json_response
from switchhook.http.local_clients import check_is_local
from switchhook.http.management_guard import ManagementGuard

MAX_FORM_BYTES = 64 << 10
_MAX_FIELDS = 100
MANAGED_IDENTITY_LIFETIME = 86_400  # seconds

_SLASHES = re.compile("/{2,}")
_SECRET_HEADERS = {"cache-control": "no-store", "pragma": "no-cache"}
_TENANT = r"/(?P<tenant>[a-z0-9][a-z0-9.-]{0,252})"

Answer = Callable[[Request, str], Awaitable[Response]]


class _Entry(NamedTuple):
    """One row of the route table: a pattern of paths in lower case, without a slash at the end."""

    method: str
    path: re.Pattern[str]
    answer: Answer


class AuthorityRoutes(BaseRoute):
    """Matches the authority's paths, whatever their case and slashes."""

    def __init__(self, authority: Authority, guard: ManagementGuard) -> None:
        self._authority = authority
        self._guard = guard
        self._table = [
            _Entry(method, re.compile(pattern), answer)
            for method, pattern, answer in (
                ("GET", "/metadata/endpoints", self._metadata),
                ("GET", "/msi/token", self._app_service_identity),
                ("GET", "/metadata/identity/oauth2/token", self._machine_identity),
                ("GET", f"{_TENANT}/discovery/instance", self._instance),
                ("GET", rf"{_TENANT}/discovery(/v2\.0)?/keys", self._keys),
                ("GET", rf"{_TENANT}(/v2\.0)?/\.well-known/openid-configuration", self._openid),
                ("POST", rf"(/adfs)?{_TENANT}/oauth2(/v2\.0)?/token", self._token),
                ("POST", rf"(/adfs)?{_TENANT}/oauth2(/v2\.0)?/devicecode", self._device_code),
            )
        ]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See `BaseRoute`."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path = _plain(scope["path"])
        is_ours = any(entry.path.fullmatch(path) for entry in self._table)
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `BaseRoute`."""
        request = Request(scope, receive)
        try:
            self._guard.check_names(request.headers)
            response = await self._answer(request)
        except RequestError as error:
            response = arm_error(error)
        response.headers.setdefault("x-ms-request-id", str(uuid.uuid4()))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = _plain(request.scope["path"])
        rows = [(entry, found) for entry in self._table if (found := entry.path.fullmatch(path))]
        entry, found = rows[0]
        if request.method != entry.method:
            allowed = {"allow": entry.method}
            message = f"The endpoint only accepts {entry.method} requests."
            refusal = Refusal(405, "invalid_request", 900561, message)
            return _refused(refusal, allowed)
        return await entry.answer(request, found.groupdict().get("tenant") or "")

    # --- documents -----------------------------------------------------------------------------

    async def _metadata(self, request: Request, _: str) -> Response:
        version = request.query_params.get("api-version", "")
        return json_response(cloud_metadata(self._authority, version))

    async def _instance(self, _: Request, __: str) -> Response:
        return json_response(instance_discovery(self._authority))

    async def _keys(self, _: Request, __: str) -> Response:
        return json_response(self._authority.jwks())

    async def _openid(self, _: Request, tenant: str) -> Response:
        return json_response(openid_configuration(self._authority, tenant))

    # --- tokens --------------------------------------------------------------------------------

    async def _token(self, request: Request, tenant: str) -> Response:
        form = await _form(request)
        if isinstance(form, Refusal):
            return _refused(form)
        decision = decide(form, self._authority.applications, tenant)
        if isinstance(decision, Refusal):
            return _refused(decision)
        token = self._authority.issue(
            audience=decision.audience,
            application_id=decision.application_id,
            tenant=tenant,
            username=decision.username,
        )
        answer = {
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "access_token": token,
        }
        if decision.with_id_token:
            answer["id_token"] = self._authority.issue_id_token(
                application_id=decision.application_id, username=decision.username, tenant=tenant
            )
        return json_response(answer, headers=_SECRET_HEADERS)

    async def _device_code(self, _: Request, __: str) -> Response:
        message = "The app requested an unsupported grant type 'device_code'."
        return _refused(Refusal(400, "unsupported_grant_type", 70003, message))

    async def _app_service_identity(self, request: Request, _: str) -> Response:
        given = request.headers.get("x-identity-header", "")
        if not given or not (self._is_public or self._opens(given)):
            raise RequestError(
                401, "Unauthorized", "The header 'X-IDENTITY-HEADER' must be the client secret."
            )
        return self._identity_token(request)

    async def _machine_identity(self, request: Request, _: str) -> Response:
        if request.headers.get("metadata", "").lower() != "true":
            message = "Required metadata header not specified"
            return json_response({"error": "invalid_request", "error_description": message}, 400)
        if not self._is_public:
            raise RequestError(
                403,
                "Forbidden",
                "This route has no secret and is closed where the client secret is one: use "
                "/msi/token with the header 'X-IDENTITY-HEADER'.",
            )
        return self._identity_token(request)

    @property
    def _is_public(self) -> bool:
        """Whether every program of this machine knows the client secret anyway."""
        return self._opens(defaults.CLIENT_SECRET)

    def _opens(self, secret: str) -> bool:
        return self._authority.applications.opens(defaults.CLIENT_ID, secret)

    def _identity_token(self, request: Request) -> Response:
        check_is_local(request, "The managed identity is for programs on the server's own machine.")
        resource = request.query_params.get("resource", "")
        if not resource:
            message = "The query parameter 'resource' is missing."
            return json_response({"error": "invalid_request", "error_description": message}, 400)
        token = self._authority.issue(
            audience=resource,
            application_id=defaults.MANAGED_IDENTITY_ID,
            lifetime=MANAGED_IDENTITY_LIFETIME,
        )
        return json_response(
            {
                "access_token": token,
                "expires_in": str(MANAGED_IDENTITY_LIFETIME),
                "expires_on": str(int(time.time()) + MANAGED_IDENTITY_LIFETIME),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": defaults.MANAGED_IDENTITY_ID,
            },
            headers=_SECRET_HEADERS,
        )


def routes(authority: Authority, guard: ManagementGuard) -> list[BaseRoute]:
    """The routes of our authority."""
    return [AuthorityRoutes(authority, guard)]


def _plain(path: str) -> str:
    return "/" + _SLASHES.sub("/", path).strip("/").lower()


async def _form(request: Request) -> Mapping[str, str] | Refusal:
    body = await read_body(request.scope, request.receive, MAX_FORM_BYTES)
    if body is None:
        return Refusal(413, "invalid_request", 90010, "The request body is too large.")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return Refusal(400, "invalid_request", 90100, "The request body is not a form.")
    repeated = next((name for name, values in fields.items() if len(values) > 1), None)
    if repeated is not None:
        message = f"The parameter '{repeated[:50]}' is duplicated."
        return Refusal(400, "invalid_request", 90100, message)
    return {name: values[0] for name, values in fields.items()}


def _refused(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """OAuth's error, with the members that Entra adds."""
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    timestamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return json_response(
        {
            "error": refusal.error,
            "error_description": f"AADSTS{refusal.number}: {refusal.message} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {timestamp}",
            "error_codes": [refusal.number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
        },
        refusal.status,
        {**_SECRET_HEADERS, **(headers or {})},
    )
