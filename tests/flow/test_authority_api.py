"""The routes of our authority, over HTTP."""

from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from yarl import URL

from switchhook import defaults
from switchhook.authority import Applications, Authority
from switchhook.authority.signer import Signer
from switchhook.authority.signing_key import SigningKey
from switchhook.errors import TokenError
from switchhook.http import authority_api
from switchhook.http.errors import exception_handlers
from switchhook.http.management_guard import ManagementGuard
from tests.compat.arm.server import served

ORIGIN = "https://localhost:8443"
TENANT = "11111111-2222-4333-8444-555555555555"
OWN_SECRET = "a secret of one's own"
KEY = SigningKey(generate_private_key(65537, 2048), "own")
FORM = {
    "grant_type": "client_credentials",
    "client_id": defaults.CLIENT_ID,
    "client_secret": defaults.CLIENT_SECRET,
    "scope": "https://management.azure.com/.default",
}


class Site:
    """The routes behind a server; `client` is where its requests seem to come from."""

    def __init__(self, secret: str = defaults.CLIENT_SECRET) -> None:
        self.client = ("127.0.0.1", 1)
        self.authority = Authority(
            signing=lambda: Signer(KEY),
            origins=[ORIGIN],
            applications=Applications({defaults.CLIENT_ID: secret}),
        )
        guard = ManagementGuard("token", ["switchhook"])
        self.app = Starlette(
            routes=authority_api.routes(self.authority, guard),
            exception_handlers=exception_handlers(),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "client": self.client}, receive, send)

    async def ask(
        self, path: str, form: Any = None, method: str = "", **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        """One request; status, headers and body."""
        method = method or ("GET" if form is None else "POST")
        async with served(self) as url, aiohttp.ClientSession() as http:
            target = URL(url + path, encoded=True)
            request = http.request(method, target, data=form, headers=headers)
            async with request as response:
                body = await response.json() if await response.read() else None
                names = {name.lower(): text for name, text in response.headers.items()}
                return response.status, names, body


@pytest.fixture
def site() -> Site:
    """A server on loopback with the development secret."""
    return Site()


def claims(token: str) -> dict[str, Any]:
    """What a token says."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


# --- documents ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "is_list"),
    [("2022-09-01", False), ("2024-01-01", False), ("2019-05-01", True), ("2015-01-01", True)],
)
async def test_cloud_metadata_has_the_form_of_its_version(
    site: Site, version: str, is_list: bool
) -> None:
    """An object since 2022, before that a list."""
    status, _, body = await site.ask(f"/metadata/endpoints?api-version={version}")

    assert isinstance(body, list) is is_list
    cloud = body[0] if is_list else body
    assert (status, cloud["resourceManager"]) == (200, ORIGIN)
    assert cloud["authentication"]["loginEndpoint"] == f"{ORIGIN}/adfs"
    assert cloud["authentication"]["audiences"][0] == ORIGIN
    assert cloud["suffixes"].keys() >= {"storage", "keyVaultDns"}


@pytest.mark.parametrize(
    ("path", "issuer", "token_endpoint"),
    [
        ("/adfs", "/adfs", "/adfs/oauth2/token"),
        (f"/{TENANT}/v2.0", f"/{TENANT}/v2.0", f"/{TENANT}/oauth2/v2.0/token"),
        (f"/{TENANT}", f"/{TENANT}/v2.0", f"/{TENANT}/oauth2/v2.0/token"),
        (
            "/organizations/v2.0",
            f"/{defaults.TENANT_ID}/v2.0",
            f"/{defaults.TENANT_ID}/oauth2/v2.0/token",
        ),
    ],
)
async def test_openid_configuration_names_our_addresses(
    site: Site, path: str, issuer: str, token_endpoint: str
) -> None:
    """All at the public address, and each of them answers."""
    status, _, body = await site.ask(f"{path}/.well-known/openid-configuration")
    keys = await site.ask(body["jwks_uri"].removeprefix(ORIGIN))
    token = await site.ask(body["token_endpoint"].removeprefix(ORIGIN), FORM)
    device = await site.ask(body["device_authorization_endpoint"].removeprefix(ORIGIN), {})

    assert (status, body["issuer"]) == (200, ORIGIN + issuer)
    assert body["token_endpoint"] == ORIGIN + token_endpoint
    assert body["authorization_endpoint"].startswith(ORIGIN)
    assert keys[2]["keys"][0]["kid"] == "own"
    assert claims(token[2]["access_token"])["iss"] == body["issuer"]
    assert (device[0], device[2]["error"]) == (400, "unsupported_grant_type")


async def test_instance_discovery_leads_to_the_configuration(site: Site) -> None:
    """A harmless answer for clients that ask."""
    _, _, body = await site.ask(
        "/common/discovery/instance?api-version=1.1&authorization_endpoint="
    )
    status, _, _ = await site.ask(body["tenant_discovery_endpoint"].removeprefix(ORIGIN))

    assert status == 200


@pytest.mark.parametrize(
    "path",
    ["/Metadata/Endpoints", "//metadata//endpoints/", "/ADFS/.well-known/OpenID-configuration/"],
)
async def test_case_and_slashes_do_not_count(site: Site, path: str) -> None:
    """Clients join addresses with and without a slash."""
    assert (await site.ask(path))[0] == 200


@pytest.mark.parametrize(
    "path", ["/metadata", "/adfs", "/a%20b/discovery/keys", f"/{'a' * 300}/discovery/keys", "/"]
)
async def test_other_paths_belong_to_others(site: Site, path: str) -> None:
    """The authority takes its own only."""
    assert (await site.ask(path))[0] == 404


# --- tokens -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "tenant"),
    [
        ("/adfs/oauth2/token", defaults.TENANT_ID),
        ("/adfs/oauth2/token/", defaults.TENANT_ID),
        (f"/{TENANT}/oauth2/v2.0/token", TENANT),
        (f"/adfs/{TENANT}/oauth2/v2.0/token", TENANT),
        (f"/{TENANT}/oauth2/token", TENANT),
    ],
)
async def test_application_gets_a_token(site: Site, path: str, tenant: str) -> None:
    """With whole seconds, and not to be kept by caches."""
    status, headers, body = await site.ask(path, FORM)

    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 3599)
    assert body["ext_expires_in"] == 3599
    assert headers["cache-control"] == "no-store"
    verified = site.authority.verify(body["access_token"], ["https://management.azure.com"])
    assert (verified.tid, verified.appid) == (tenant, defaults.CLIENT_ID)


USER_FORM = {
    "grant_type": "password",
    "client_id": defaults.CLIENT_ID,
    "username": "ann@contoso.example",
    "password": defaults.CLIENT_SECRET,
    "scope": "https://auth.msft.communication.azure.com/Teams.ManageChats openid profile",
}


async def test_application_is_told_who_the_user_is(site: Site) -> None:
    """By a second token, as msal needs it; that opens nothing."""
    _, _, body = await site.ask(f"/{TENANT}/oauth2/v2.0/token", USER_FORM)

    told, access = claims(body["id_token"]), claims(body["access_token"])
    assert told["aud"] == defaults.CLIENT_ID
    assert told["preferred_username"] == USER_FORM["username"]
    assert (told["oid"], told["tid"], told["iss"]) == (access["oid"], TENANT, access["iss"])
    with pytest.raises(TokenError):
        site.authority.verify(body["id_token"], [defaults.CLIENT_ID])


async def test_id_token_comes_to_who_asks_for_it(site: Site) -> None:
    """With the scope `openid`, and only for a user."""
    scope = USER_FORM["scope"].replace("openid ", "")
    _, _, unasked = await site.ask("/adfs/oauth2/token", USER_FORM | {"scope": scope})
    openid = FORM | {"scope": FORM["scope"] + " openid"}
    _, _, application = await site.ask("/adfs/oauth2/token", openid)

    assert "id_token" not in unasked | application
    assert unasked["access_token"]
    assert application["access_token"]


async def test_refusal_has_the_members_that_clients_show(site: Site) -> None:
    """Entra's number in the words and by itself."""
    status, headers, body = await site.ask("/adfs/oauth2/token", FORM | {"client_secret": "wrong"})

    assert (status, body["error"], body["error_codes"]) == (401, "invalid_client", [7000215])
    assert body["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")
    assert body["trace_id"] in body["error_description"]
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (b"", 400, "invalid_request"),
        (b'{"grant_type":"client_credentials"}', 400, "invalid_request"),
        (b"\xff\xfe", 400, "invalid_request"),
        (b"grant_type=a&grant_type=b", 400, "invalid_request"),
        (b"&".join(b"%d=1" % number for number in range(200)), 400, "invalid_request"),
        (b"grant_type=%ff&client_id=%00", 400, "unsupported_grant_type"),
        (b"x" * (authority_api.MAX_FORM_BYTES + 1), 413, "invalid_request"),
    ],
)
async def test_body_that_is_no_form_is_refused(
    site: Site, form: bytes, status: int, error: str
) -> None:
    """Never an error of ours."""
    answer = await site.ask("/adfs/oauth2/token", form)

    assert (answer[0], answer[2]["error"]) == (status, error)


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [("/adfs/oauth2/token", "GET", "POST"), ("/metadata/endpoints", "DELETE", "GET")],
)
async def test_other_methods_are_not_allowed(
    site: Site, path: str, method: str, allowed: str
) -> None:
    """`Allow` names the one that is."""
    status, headers, _ = await site.ask(path, method=method)

    assert (status, headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://example.com"}, {"Host": "attacker.example"}]
)
@pytest.mark.parametrize("path", ["/adfs/oauth2/token", "/msi/token?resource=a"])
async def test_web_pages_get_no_token(site: Site, headers: dict[str, str], path: str) -> None:
    """Not even under a name of theirs that leads here."""
    form = FORM if "oauth2" in path else None

    status, _, _ = await site.ask(path, form, **{"X-IDENTITY-HEADER": "x"}, **headers)

    assert status == 403


# --- managed identity ---------------------------------------------------------------------------

APP_SERVICE = "/msi/token?api-version=2019-08-01&resource=https://eventgrid.azure.net"
MACHINE = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://a"


async def test_managed_identity_gets_a_token(site: Site) -> None:
    """In both ways that azure-identity asks; numbers are texts there."""
    first = await site.ask(APP_SERVICE, **{"X-IDENTITY-HEADER": "anything"})
    second = await site.ask(MACHINE, Metadata="true")

    for (status, _, body), audience in (
        (first, "https://eventgrid.azure.net"),
        (second, "https://a"),
    ):
        assert (status, body["resource"], body["expires_in"]) == (200, audience, "86400")
        assert body["expires_on"].isdecimal()
        assert claims(body["access_token"])["tid"] == defaults.TENANT_ID
        assert site.authority.verify(body["access_token"], [audience])


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (APP_SERVICE, {}, 401),
        (MACHINE, {}, 400),
        (MACHINE.partition("&")[0], {"Metadata": "true"}, 400),
        (MACHINE, {"Metadata": "true", "Host": "switchhook:8443"}, 403),
        (MACHINE, {"Metadata": "true", "X-Forwarded-For": "10.0.0.1"}, 403),
        (APP_SERVICE, {"X-IDENTITY-HEADER": "x", "Via": "1.1 proxy"}, 403),
    ],
)
async def test_identity_is_for_programs_of_this_machine(
    site: Site, path: str, headers: dict[str, str], status: int
) -> None:
    """Not for pages, other machines, or what a proxy lets in."""
    assert (await site.ask(path, **headers))[0] == status


@pytest.mark.parametrize(
    ("client", "status"),
    [("10.0.0.1", 403), ("::ffff:10.0.0.1", 403), ("::ffff:127.0.0.1", 200), ("::1", 200)],
)
async def test_identity_is_refused_to_other_machines(site: Site, client: str, status: int) -> None:
    """By the address that the request came from, whatever it says of itself."""
    site.client = (client, 1)

    assert (await site.ask(MACHINE, Metadata="true"))[0] == status


async def test_secret_of_ones_own_closes_the_identity_to_those_without_it() -> None:
    """Otherwise other users of the machine would need no secret."""
    site = Site(OWN_SECRET)

    answers = [
        await site.ask(MACHINE, Metadata="true"),
        await site.ask(APP_SERVICE, **{"X-IDENTITY-HEADER": "anything"}),
        await site.ask(APP_SERVICE, **{"X-IDENTITY-HEADER": OWN_SECRET}),
    ]

    assert [status for status, _, _ in answers] == [403, 401, 200]
