"""What is on the wire, where no released Python client looks."""

from typing import Any
from urllib.parse import quote

import pytest
from starlette.requests import Request
from starlette.responses import Response

from switchhook import defaults
from switchhook.communication.identity.exchange import (
    ENTRA_AUDIENCE,
    SERVICE_AUDIENCE,
    TEAMS_AUDIENCE,
)
from switchhook.http.communication_api.authentication import MAX_BODY_SIZE
from switchhook.http.communication_api.identity_api import VERSIONS
from switchhook.http.communication_api.signed_endpoint import signed_endpoint
from tests.compat.identity.conftest import VERSION, IdentityServer
from tests.flow.identity.world import another_resource, claims_of

DENIED = {"error": {"code": "Denied", "message": "Denied by the resource provider."}}
UNAUTHORIZED = {"error": {"code": "Unauthorized", "message": "Request is not authorized."}}
NEWER = "api-version=2025-06-30"
ENTRA = f"/access/entra/:exchangeAccessToken?{NEWER}"
TEAMS = f"/access/teamsExtension/:exchangeAccessToken?{NEWER}"
INVALID_TOKEN = {
    "error": {"code": "InvalidAccessToken", "message": "Provided access token is not valid."}
}
GUID = "5a1f0000-0000-4000-8000-0000000000e1"


async def create(server: IdentityServer, **members: Any) -> str:
    """A new user's raw id."""
    answer = await server.request("POST", f"/identities?{VERSION}", members or None)
    assert answer.status == 201
    return str(answer.body["identity"]["id"])


async def test_new_user(server: IdentityServer) -> None:
    """With a token or without."""
    without = await server.request("POST", f"/identities?{VERSION}")
    body = {"createTokenWithScopes": ["chat", "voip"], "expiresInMinutes": 120}
    both = await server.request("POST", f"/identities?{VERSION}", body)

    assert without.status == both.status == 201
    assert without.body == {"identity": {"id": without.body["identity"]["id"]}}
    assert both.body.keys() == {"identity", "accessToken"}
    assert both.body["accessToken"].keys() == {"token", "expiresOn"}
    assert both.body["identity"]["id"] != without.body["identity"]["id"]
    assert "2023-10-01" in both.headers["api-supported-versions"]


async def test_custom_id_and_last_token_can_be_read(server: IdentityServer) -> None:
    """By the newer API; absent where there is none."""
    plain = await create(server)
    custom = await create(server, customId="ann@contoso.example", createTokenWithScopes=["chat"])

    without = await server.request("GET", f"/identities/{plain}?{NEWER}")
    both = await server.request("GET", f"/identities/{custom}?{NEWER}")

    assert (without.status, without.body) == (200, {"id": plain})
    assert both.body == {
        "id": custom,
        "customId": "ann@contoso.example",
        "lastTokenIssuedAt": "2026-01-01T00:00:00.0000000+00:00",
    }
    assert await create(server, customId="ann@contoso.example") == custom


@pytest.mark.parametrize("is_encoded", [True, False], ids=["encoded", "raw"])
async def test_ids_may_be_encoded(server: IdentityServer, *, is_encoded: bool) -> None:
    """Sync clients escape every reserved character, asyncio ones do not."""
    raw_id = await create(server)
    path = f"/identities/{quote(raw_id, safe='') if is_encoded else raw_id}"
    scopes = {"scopes": ["chat"]}

    issued = await server.request("POST", f"{path}/:issueAccessToken?{VERSION}", scopes)
    encoded = await server.request("POST", f"{path}/%3AissueAccessToken?{VERSION}", scopes)
    revoked = await server.request("POST", f"{path}/:revokeAccessTokens?{VERSION}")
    deleted = await server.request("DELETE", f"{path}?{VERSION}")
    gone = await server.request("GET", f"{path}?{VERSION}")

    assert (issued.status, encoded.status) == (200, 200)
    assert issued.body.keys() == {"token", "expiresOn"}
    assert (revoked.status, revoked.body) == (204, None)
    assert (deleted.status, deleted.body) == (204, None)
    assert gone.status == 404
    assert gone.body["error"]["code"] == "IdentityNotFound"


@pytest.mark.parametrize("id_", ["ann", "%00", "%F0%9F%98%80", "%FF", "8:acs:x", "a" * 2000])
async def test_id_of_nobody_is_not_owned(server: IdentityServer, id_: str) -> None:
    """Whatever stands in the path."""
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/:revokeAccessTokens")):
        answer = await server.request(method, f"/identities/{id_}{path}?{VERSION}")

        assert (answer.status, answer.body["error"]["code"]) == (401, "IdentityNotOwned")


async def test_bad_body_names_the_member(server: IdentityServer) -> None:
    """In `target` too, with which clients switch."""
    body = {"createTokenWithScopes": ["chat"], "expiresInMinutes": 5}

    answer = await server.request("POST", f"/identities?{VERSION}", body)

    assert answer.status == 400
    assert answer.body["error"] == {
        "code": "ValidationError",
        "message": "ExpiresInMinutes value 5 is invalid. Value must be within the [60, 1440] "
        "interval.",
        "target": "ExpiresInMinutes",
    }


BAD_BODIES = [
    b"{",
    b"[]",
    b'"x"',
    b'{"customId": "\xff"}',
    b"[" * 100_000,
    b'{"customId": 1, "token": 1}',
]


async def test_bad_bodies_are_bad_requests(server: IdentityServer) -> None:
    """Never an error of the server's."""
    raw_id = await create(server)
    assignment = f"/access/teamsExtension/tenants/{GUID}/assignments/{GUID}"
    for body in BAD_BODIES:
        for method, path in (
            ("POST", "/identities"),
            ("POST", f"/identities/{raw_id}/:issueAccessToken"),
            ("POST", "/teamsUser/:exchangeAccessToken"),
            ("PUT", assignment),
        ):
            answer = await server.request(method, f"{path}?{VERSION}", body)

            assert (answer.status, answer.body["error"]["code"]) == (400, "ValidationError")


@pytest.mark.parametrize(("query", "code"), [("", "Missing"), ("?api-version=new", "Unsupported")])
async def test_write_needs_a_version(server: IdentityServer, query: str, code: str) -> None:
    """As in SMS; one that is not known yet is served."""
    refused = await server.request("POST", f"/identities{query}")
    served = await server.request("POST", "/identities?api-version=2031-01-01")

    assert (refused.status, refused.body["error"]["code"]) == (400, f"{code}ApiVersion")
    assert served.status == 201


async def test_request_without_a_key_is_denied(server: IdentityServer) -> None:
    """Nor does a user's own token manage users, or an Entra token for something else."""
    raw_id = await create(server)
    users = await server.world.token(raw_id)
    management = server.world.entra_token("https://management.azure.com")
    teams = server.world.entra_token(TEAMS_AUDIENCE, username="ann")

    for token in ("", "x", users, management, teams):
        for method, path in (("POST", "/identities"), ("DELETE", f"/identities/{raw_id}")):
            answer = await server.request(method, f"{path}?{VERSION}", token=token)
            assert (answer.status, answer.body) == (401, DENIED)
    wrong = await server.request("POST", f"/identities?{VERSION}", key="d3Jvbmc=")
    assert (wrong.status, wrong.body) == (401, DENIED)


async def test_entra_token_for_the_service_manages_users(server: IdentityServer) -> None:
    """Whatever the case of its scheme; what else is wrong is said as it is with a key."""
    token = server.world.entra_token(SERVICE_AUDIENCE)
    body = b" " * (MAX_BODY_SIZE + 1)

    created = await server.request("POST", f"/identities?{VERSION}", token=token)
    lower = await server.request("POST", f"/identities?{VERSION}", token=token, scheme="bearer")
    too_large = await server.request("POST", f"/identities?{VERSION}", body, token=token)

    assert (created.status, lower.status) == (201, 201)
    assert (too_large.status, too_large.body["error"]["code"]) == (413, "RequestEntityTooLarge")


# --- user tokens --------------------------------------------------------------------------------


async def test_user_calls_with_a_token(server: IdentityServer) -> None:
    """The body is read, the usual headers are there."""
    raw_id = await create(server)
    token = await server.world.token(raw_id)

    answer = await server.request("POST", f"/whoami?{VERSION}", b"12345", token=token)

    assert answer.status == 200
    assert answer.body == {"id": raw_id, "scopes": ["chat"], "length": 5}
    assert answer.headers["x-ms-request-id"]


async def test_read_needs_no_version(server: IdentityServer) -> None:
    """Nor does the same without its body."""
    token = await server.world.token(await create(server))

    answers = [await server.request(method, "/whoami", token=token) for method in ("GET", "HEAD")]

    assert [each.status for each in answers] == [200, 200]


async def test_client_that_goes_away_meanwhile_is_no_error() -> None:
    """Nobody is there to read an answer, and nothing is wrong with the server."""

    class Reads:
        async def authenticate(self, request: Request) -> tuple[None, bytes]:
            return None, await request.body()

    async def never(request: Request, subject: None, body: bytes) -> Response:
        raise AssertionError(body)

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    endpoint = signed_endpoint(never, authenticator=Reads(), versions=VERSIONS)

    assert (await endpoint(Request(scope, gone))).status_code == 400


async def test_user_without_a_token_is_unauthorized(server: IdentityServer) -> None:
    """No header, another scheme, an Entra token, a token of another resource's host."""
    token = await server.world.token(await create(server))
    server.world.directory.put(another_resource())
    entra = server.world.entra_token(SERVICE_AUDIENCE)

    signed = await server.request("GET", "/whoami")
    refused = [await server.request("GET", "/whoami", token=each) for each in ("", "x", entra)]
    elsewhere = await server.request(
        "GET", "/whoami", token=token, host="other.communication.localhost"
    )

    for answer in (signed, *refused, elsewhere):
        assert (answer.status, answer.body) == (401, UNAUTHORIZED)
        assert "retry-after" not in answer.headers
    assert (await server.request("GET", "/whoami", token=token)).status == 200


async def test_users_body_over_the_limit_is_refused(server: IdentityServer) -> None:
    """Without reading it to its end."""
    token = await server.world.token(await create(server))
    body = b" " * (MAX_BODY_SIZE + 1)

    answer = await server.request("POST", f"/whoami?{VERSION}", body, token=token)

    assert (answer.status, answer.body["error"]["code"]) == (413, "RequestEntityTooLarge")


# --- Entra tokens -------------------------------------------------------------------------------


async def test_entra_token_is_exchanged(server: IdentityServer) -> None:
    """With an empty object or no body; the user is the same each time."""
    entra = server.world.entra_token(ENTRA_AUDIENCE, username="ann@contoso.example")

    first = await server.request("POST", ENTRA, {}, token=entra)
    second = await server.request("POST", ENTRA, token=entra)
    bad = await server.request("POST", ENTRA, b"[]", token=entra)

    assert (first.status, second.status, bad.status) == (200, 200, 400)
    assert first.body.keys() == {"identity", "accessToken"}
    assert first.body["identity"] == second.body["identity"]
    who = await server.request("GET", "/whoami", token=first.body["accessToken"]["token"])
    assert who.body["id"] == first.body["identity"]["id"]


async def test_wrong_entra_token_is_refused(server: IdentityServer) -> None:
    """For another purpose, a user's own, a key's signature, none."""
    users = await server.world.token(await create(server))
    teams = server.world.entra_token(TEAMS_AUDIENCE)
    entra = server.world.entra_token(ENTRA_AUDIENCE)
    management = server.world.entra_token("https://management.azure.com")

    for target, tokens in ((ENTRA, (teams, users, management, "")), (TEAMS, (entra, users, ""))):
        for token in tokens:
            answer = await server.request("POST", target, {}, token=token)
            assert (answer.status, answer.body) == (401, INVALID_TOKEN)
        signed = await server.request("POST", target, {})
        assert (signed.status, signed.body) == (401, INVALID_TOKEN)


async def test_host_names_the_resource_of_an_entra_token(server: IdentityServer) -> None:
    """At other hosts it is the default one; a name of none is refused."""
    other = another_resource()
    server.world.directory.put(other)
    entra = server.world.entra_token(ENTRA_AUDIENCE)

    async def resource(host: str) -> str:
        answer = await server.request("POST", ENTRA, {}, token=entra, host=host)
        return str(answer.body["identity"]["id"]).split(":")[2].partition("_")[0]

    assert await resource("") == defaults.COMMUNICATION_IMMUTABLE_ID
    assert await resource("other.communication.localhost:1") == other.immutable_id
    nobody = "nobody.communication.localhost"
    refused = await server.request("POST", ENTRA, {}, token=entra, host=nobody)
    assert (refused.status, refused.body) == (401, DENIED)
    server.world.directory.remove(server.world.resource.resource_id)
    assert await resource("") == other.immutable_id
    server.world.directory.put(another_resource(name="third", immutable_id=GUID, topic="third"))
    refused = await server.request("POST", ENTRA, {}, token=entra)
    assert refused.status == 401


async def test_teams_extension_is_assigned_and_exchanged(server: IdentityServer) -> None:
    """201 for a new assignment, 200 for a changed one, 204 for its end."""
    entra = server.world.entra_token(TEAMS_AUDIENCE, username="ann@contoso.example")
    claims = claims_of(entra)
    path = f"/access/teamsExtension/tenants/{claims['tid']}/assignments/{claims['oid']}?{NEWER}"
    body = {"principalType": "user", "clientIds": [claims["appid"]]}
    stored = {"tenantId": claims["tid"], "objectId": claims["oid"]} | body
    all_upper = path.replace(claims["tid"], claims["tid"].upper())
    all_upper = all_upper.replace(claims["oid"], claims["oid"].upper())

    before = await server.request("POST", TEAMS, {}, token=entra)
    absent = await server.request("GET", path)
    created = await server.request("PUT", path, body)
    changed = await server.request("PUT", path, body)
    read = await server.request("GET", all_upper)
    exchanged = await server.request("POST", TEAMS, {}, token=entra)
    removed = [await server.request("DELETE", path) for _ in range(2)]
    after = await server.request("POST", TEAMS, {}, token=entra)

    assert (before.status, after.status, absent.status) == (403, 403, 404)
    assert [created.status, changed.status, read.status] == [201, 200, 200]
    assert created.body == changed.body == read.body == stored
    assert exchanged.status == 200
    own = server.world.resource.immutable_id
    assert exchanged.body["identity"]["id"] == f"8:acs:{own}_{claims['tid']}_{claims['oid']}"
    assert [answer.status for answer in removed] == [204, 204]


async def test_assignment_keeps_an_empty_list_of_applications(server: IdentityServer) -> None:
    """What was put is read; a list that was absent stays absent."""
    path = f"/access/teamsExtension/tenants/{GUID}/assignments/{GUID}?{NEWER}"

    empty = await server.request("PUT", path, {"principalType": "user", "clientIds": []})
    absent = await server.request("PUT", path, {"principalType": "user"})

    assert empty.body["clientIds"] == []
    assert "clientIds" not in absent.body


@pytest.mark.parametrize(("tenant", "object_"), [("x", GUID), (GUID, "x")])
async def test_assignment_is_of_guids(server: IdentityServer, tenant: str, object_: str) -> None:
    """400 names which is none."""
    path = f"/access/teamsExtension/tenants/{tenant}/assignments/{object_}?{NEWER}"

    for method in ("GET", "PUT", "DELETE"):
        answer = await server.request(method, path, {"principalType": "user"})

        assert answer.status == 400
        assert answer.body["error"]["target"] == ("tenantId" if tenant == "x" else "objectId")
