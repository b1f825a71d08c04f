"""The routes that a server really has: who may ask them for what?"""

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from azure.eventgrid import generate_sas
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from switchhook import defaults
from switchhook.app import build_app
from switchhook.assemble import Parts, open_access, open_grid, open_management, open_stores
from switchhook.authority.claims import MANAGEMENT_AUDIENCES
from switchhook.communication.chat.requests import PageRequest
from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.exchange import (
    ENTRA_AUDIENCE,
    SERVICE_AUDIENCE,
    TEAMS_AUDIENCE,
)
from switchhook.communication.identity.requests import CreateUser, TokenRequest
from switchhook.default_resources import ensure_defaults, refuse_public_keys
from switchhook.endpoints import origins
from switchhook.errors import RequestError, StartError
from switchhook.grid.publish_access import EVENT_GRID_AUDIENCES
from switchhook.http.arm_api.control import Control
from switchhook.http.arm_api.routes import ArmRoute
from switchhook.http.authority_api import AuthorityRoutes
from switchhook.http.cors import Cors
from switchhook.http.direct_routes import DirectRoutes
from switchhook.http.listener import Door
from switchhook.http.observability_api import Readiness
from switchhook.settings import Settings
from switchhook.settings.read import read_settings
from tests.flow.arm.requests import Answer, send
from tests.flow.arm.scene import GROUP
from tests.flow.publish_without_socket import BothRoutes
from tests.rules.chat.message_builders import a_caller
from tests.rules.realtime.test_hub import Screen
from tests.wire import signed_headers

# What answers without any credential, each with the reason. Nothing else may.
OPEN = {
    "/eventsubscriptions/{name}/validate": "its token, in the query, is the permission",
    "/health/live": "names nothing",
    "/health/ready": "names nothing",
    "/metrics": "open on loopback, unless the server is exposed",
}
# Which kinds of tokens open what begins so; all else is management's.
OPENED_BY: dict[str, set[str]] = {
    "/sms": set(),
    "/identities": {"service"},
    "/teamsUser": {"service"},
    "/access": {"service"},
    "/access/entra/": {"entra"},
    "/access/teamsExtension/:": {"teams"},
    "/chat": {"user"},
    "/realtime": {"user"},
    "/v4/a": {"user"},
    "/socket.io": {"user"},
    "/socket.io/1/xhr-polling": set(),
    "/api/events": {"publisher"},
    "/topics": {"publisher"},
}
OWN_KEYS = {"communication_key": "b3du" * 16, "topic_key": "b3du" * 10 + "b3c="}
# Where tokens come from, and where they are checked.
AUTHORITY = [
    ("GET", "/metadata/endpoints"),
    ("GET", "/msi/token"),
    ("GET", "/metadata/identity/oauth2/token"),
    ("GET", "/adfs/discovery/instance"),
    ("GET", "/adfs/discovery/keys"),
    ("GET", "/adfs/.well-known/openid-configuration"),
    ("POST", "/adfs/oauth2/token"),
    ("POST", "/adfs/oauth2/devicecode"),
]


class RealServer:
    """All parts of a server but its sockets and its loops."""

    def __init__(self, app: ASGIApp, parts: Parts, token: str) -> None:
        assert isinstance(app, Door)
        assert isinstance(app._others, Cors)
        assert isinstance(app._others._app, DirectRoutes)
        assert isinstance(app._others._app._others, Starlette)
        self._app = BothRoutes(app)
        self.routes: list[BaseRoute] = app._others._app._others.routes
        self.parts = parts
        self.token = token

    def app(self) -> ASGIApp:
        """The routes, as a server mounts them."""
        return self._app

    async def ask(self, method: str, path: str, **headers: str) -> Answer:
        """One request, without a credential unless it is among the headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await send(self, method, path, {}, {"authorization": "", **named})


@contextlib.asynccontextmanager
async def opened(data: Path, **flags: Any) -> AsyncIterator[RealServer]:
    """A server over a new data folder."""
    settings = read_settings({"data": str(data), **flags}, {}, data)

    async def nothing(*_: object) -> None:
        pass

    async with contextlib.AsyncExitStack() as stack:
        addresses = origins(settings, 8080, 8443)
        stores = await open_stores(settings, stack, lambda _: None)
        access = open_access(settings, addresses)
        grid = await open_grid(settings, stack, stores, access.authority)
        stack.push_async_callback(grid.engine.stop, 0)
        resources, services = await open_management(
            settings, stores, grid, access.authority, addresses
        )
        parts = Parts(
            settings=settings,
            addresses=addresses,
            stores=stores,
            access=access,
            grid=grid,
            resources=resources,
            services=services,
        )
        control = Control(
            clock=grid.clock,
            idle=nothing,
            requests_sent=lambda: 0,
            replays=grid.engine.replays.reading,
            reset=nothing,
        )
        app = build_app(parts, Readiness(lambda: None), control)
        yield RealServer(app, parts, (data / "management-token").read_text())


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    """A server on loopback, with a clock that can be moved."""
    async with opened(tmp_path, virtual_clock=True) as running:
        yield running


def addresses_of(route: BaseRoute) -> list[tuple[str, str]]:
    """Method and path of everything that a route serves."""
    if isinstance(route, AuthorityRoutes | WebSocketRoute):
        return []  # a socket opens with an id that nobody can guess: see tests/flow/realtime
    if isinstance(route, ArmRoute):
        keys = [key.split(" ", 1) for key in route._table]
        return [(method, f"{GROUP}/providers/{path.replace('*', 'name')}") for method, path in keys]
    assert isinstance(route, Route), f"{route} needs a line of its own here"
    return [(method, route.path) for method in route.methods or ()]


def found(server: RealServer) -> list[tuple[str, str]]:
    """Method and path of every route but those of the authority."""
    return [each for route in server.routes for each in addresses_of(route)]


async def test_nothing_but_what_is_listed_answers_without_a_credential(server: RealServer) -> None:
    """With none and with wrong ones, of every kind."""
    guarded = [(method, path) for method, path in found(server) if path not in OPEN]
    guarded += [("POST", "/api/events"), ("POST", "/topics/dev-topic/api/events")]
    paths = "".join(path.lower() for _, path in guarded)

    assert len(guarded) > 80
    for name in ("advance", "reset", "waitidle", "explainevent", "replays", "deadletters"):
        assert f"/{name}" in paths
    for method, path in guarded:
        for wrong in ("", "Bearer wrong", "Bearer a.b.c", "Basic YTpi", "HMAC-SHA256 a", "Bearer"):
            answer = await server.ask(method, path, authorization=wrong)
            # No topic of that name is there: its address says so before anybody is asked.
            expected = 404 if path.startswith("/topics/") else 401
            assert (answer.status, method, path) == (expected, method, path)


async def credentials(server: RealServer) -> dict[str, str]:
    """A token of every kind that the server issues; the user is one of `dev-communication`."""
    await ensure_defaults(server.parts.settings, server.parts.resources)
    services, authority = server.parts.services, server.parts.access.authority
    resource = services.directory.by_name(defaults.COMMUNICATION_NAME)
    assert resource is not None
    asked = CreateUser(token=TokenRequest(scopes=tuple(Scope)))
    _, issued = await services.identity.create(resource, asked)
    assert issued is not None
    audiences = {
        "management": MANAGEMENT_AUDIENCES[0],
        "publisher": EVENT_GRID_AUDIENCES[0],
        "service": SERVICE_AUDIENCE,
        "entra": ENTRA_AUDIENCE,
        "teams": TEAMS_AUDIENCE,
    }
    return {
        "file": server.token,
        "user": issued.token,
        "webhook": authority.token_for("", MANAGEMENT_AUDIENCES[0]),
    } | {
        name: authority.issue(audience=audience, application_id=defaults.CLIENT_ID)
        for name, audience in audiences.items()
    }


def opened_by(server: RealServer, path: str) -> set[str]:
    """Which of those open a path; the longest beginning counts."""
    found = [beginning for beginning in OPENED_BY if path.startswith(beginning)]
    return OPENED_BY[max(found, key=len)] if found else {"file", "management"}


async def test_every_token_opens_its_own_plane_only(server: RealServer) -> None:
    """One key signs most of them, and yet none passes for another."""
    tokens = await credentials(server)
    guarded = [(method, path) for method, path in found(server) if path not in OPEN]
    guarded += [("POST", "/api/events"), ("POST", "/topics/dev-topic/api/events")]
    tried = set()

    for method, path in guarded:
        for name in tokens.keys() - opened_by(server, path):
            for scheme in ("Bearer", "bearer"):
                answer = await server.ask(method, path, authorization=f"{scheme} {tokens[name]}")
                assert (answer.status, method, path, name) == (401, method, path, name)
            skype = await server.ask(method, path, x_skypetoken=tokens[name])
            assert (skype.status, method, path, name) == (401, method, path, name)
            tried.add(name)
    assert tried == tokens.keys()
    topics = f"{GROUP}/providers/Microsoft.EventGrid/topics"
    for path, name in ((topics, "file"), (topics, "management"), ("/chat/threads", "user")):
        answer = await server.ask("GET", path, authorization=f"Bearer {tokens[name]}")
        assert (answer.status, path, name) == (200, path, name)


async def test_user_token_counts_at_no_other_resources_host(server: RealServer) -> None:
    """Neither in chat nor in real time."""
    token = (await credentials(server))["user"]
    users = [each for each in found(server) if opened_by(server, each[1]) == {"user"}]
    assert len(users) > 20

    for method, path in users:
        for host, is_own in (
            ("dev-communication.communication.localhost:8080", True),
            ("other.communication.localhost:8080", False),
            ("OTHER.Communication.localhost.", False),
        ):
            headers = {"authorization": f"Bearer {token}", "host": host}
            answer = await server.ask(method, path, **headers)
            assert ((answer.status != 401), method, path, host) == (is_own, method, path, host)


async def test_nobody_is_sent_elsewhere(server: RealServer) -> None:
    """A path that is not quite right leads nowhere, least of all to where `Host` says."""
    for method, path in found(server):
        other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        answer = await server.ask(method, other, host="evil.example")
        assert (answer.headers.get("location"), path) == (None, path)
        assert answer.status in (401, 403, 404, 405)


async def test_every_route_of_the_table_wants_this_servers_name(server: RealServer) -> None:
    """With the token: neither a web page nor a name that somebody points here gets through."""
    token = f"Bearer {server.token}"
    tables = [route for route in server.routes if isinstance(route, ArmRoute)]
    guarded = [each for table in tables for each in addresses_of(table)]

    for method, path in [*guarded, ("GET", "/metrics")]:
        for strange in (
            {"origin": "null"},
            {"origin": "http://localhost:8080"},
            {"host": "evil.example"},
        ):
            answer = await server.ask(method, path, authorization=token, **strange)
            assert (answer.status, method, path) == (403, method, path)


@pytest.mark.parametrize(("method", "path"), AUTHORITY)
async def test_authority_wants_this_servers_name(
    server: RealServer, method: str, path: str
) -> None:
    """No web page gets a token, or the address of one."""
    for strange in ({"origin": "https://evil.example"}, {"host": "evil.example"}, {"host": ""}):
        answer = await server.ask(method, path, **strange)
        assert (answer.status, answer.json()["error"]["code"]) == (403, "Forbidden")
    assert (await server.ask(method, path)).status != 403


async def test_authority_has_no_other_route(server: RealServer) -> None:
    """Each of its rows is in the table above."""
    (authority,) = (each for each in server.routes if isinstance(each, AuthorityRoutes))
    rows = set(authority._table)
    asked = {
        entry
        for entry in rows
        for method, path in AUTHORITY
        if entry.method == method and entry.path.fullmatch(path)
    }

    assert asked == rows


async def test_nobody_manages_a_server_behind_a_proxy_with_what_everybody_knows(
    tmp_path: Path,
) -> None:
    """The development secret gets no token where a public URL leads in."""
    form = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": defaults.CLIENT_ID,
            "client_secret": defaults.CLIENT_SECRET,
            "scope": "https://management.azure.com/.default",
        }
    ).encode()
    async with opened(tmp_path, **OWN_KEYS, public_url="https://hooks.example") as server:
        named = {"host": "hooks.example", "authorization": ""}
        answer = await send(server, "POST", "/adfs/oauth2/token", form, named)

    assert (answer.status, answer.json()["error_codes"]) == (401, [7000215])


async def test_metrics_have_the_readings_of_the_engines(server: RealServer) -> None:
    """Those of the hub that browsers connect to, and of the limits that chat goes by."""
    services, caller = server.parts.services, a_caller()
    services.hub.connect(caller.resource, caller.raw_id, "page", Screen())
    for _ in range(50):
        await services.chat.threads(caller, PageRequest())
    with pytest.raises(RequestError, match="Rate limit exceeded"):
        await services.chat.threads(caller, PageRequest())
    answer = await server.ask("GET", "/metrics", host="localhost:8080")

    lines = answer.text.splitlines()
    assert "switchhook_realtime_connections 1.0" in lines
    assert "switchhook_realtime_users 1.0" in lines
    assert "switchhook_chat_throttled_requests_total 1.0" in lines


async def test_metrics_of_an_exposed_server_need_the_token(tmp_path: Path) -> None:
    """Of its other routes without credentials none names anything."""
    async with opened(tmp_path, **OWN_KEYS, public_url="https://hooks.example") as server:
        refused = await server.ask("GET", "/metrics")
        allowed = await server.ask("GET", "/metrics", authorization=f"Bearer {server.token}")
        ready = await server.ask("GET", "/health/ready", host="evil.example")

    assert (refused.status, allowed.status) == (401, 200)
    assert set(ready.json()) <= {"status", "reason"}


ELSEWHERE = ("https://evil.example", "null", "http://localhost.evil.example", "")
HERE = ("http://localhost:3000", "http://127.0.0.1:5173", "https://app.localhost", "http://[::1]:1")


async def asked_by_page(server: RealServer, settings: Settings, origin: str) -> list[int]:
    """What a page gets for requests with the keys: of identities, messages and events."""
    host, body = "localhost:8080", b"[]"
    statuses = []
    for method, path in (("POST", "/identities"), ("GET", "/identities/x"), ("POST", "/sms")):
        target = f"{path}?api-version=2025-06-30"
        key = settings.communication_keys[0]
        headers = signed_headers(method, target, body, key, host, time.time())
        named = {name.lower(): value for name, value in headers.items()} | {"origin": origin}
        statuses.append((await send(server, method, target, body, named)).status)
    key, events = settings.topic_keys[0], "/topics/dev-topic/api/events"
    signature = generate_sas(f"http://{host}{events}", key, datetime.now(UTC) + timedelta(1))
    for query, credential in (
        ("", {"aeg-sas-key": key}),
        (f"?aeg-sas-key={quote(key)}", {}),
        ("", {"aeg-sas-token": signature}),
        ("", {"authorization": f"SharedAccessSignature {signature}"}),
    ):
        headers = {"authorization": "", "origin": origin} | credential
        statuses.append((await send(server, "POST", f"{events}{query}", body, headers)).status)
    return statuses


async def test_keys_that_everybody_knows_do_nothing_for_pages_elsewhere(
    server: RealServer,
) -> None:
    """Any page that somebody on this machine opens could sign with them."""
    settings = server.parts.settings
    await ensure_defaults(settings, server.parts.resources)

    for origin in ELSEWHERE:
        assert await asked_by_page(server, settings, origin) == [403] * 7, origin
    for origin in HERE:
        assert not {401, 403} & {*(await asked_by_page(server, settings, origin))[2:]}, origin


async def test_keys_of_ones_own_open_to_every_page(tmp_path: Path) -> None:
    """Who has them has been given them."""
    async with opened(tmp_path, **OWN_KEYS) as server:
        settings = server.parts.settings
        await ensure_defaults(settings, server.parts.resources)

        assert 403 not in await asked_by_page(server, settings, "https://evil.example")


async def test_resource_with_a_public_key_is_not_served_to_others(server: RealServer) -> None:
    """The data folder may hold one from when nobody else reached the server."""
    resources = server.parts.resources
    await ensure_defaults(server.parts.settings, resources)
    exposed = (
        dataclasses.replace(server.parts.settings, host="0.0.0.0"),
        dataclasses.replace(server.parts.settings, public_url="https://hooks.example"),
    )

    for settings in exposed:
        with pytest.raises(StartError, match=r"'dev-communication' in .* has a development key"):
            refuse_public_keys(settings, resources)
    refuse_public_keys(server.parts.settings, resources)
