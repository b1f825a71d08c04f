"""The official Python client (azure-communication-identity 1.5.0), unmodified."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from azure.communication.identity import (
    CommunicationIdentityClient,
    CommunicationTokenScope,
    CommunicationUserIdentifier,
)
from azure.communication.identity.aio import CommunicationIdentityClient as AsyncIdentityClient
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport

from switchhook import defaults
from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.exchange import TEAMS_AUDIENCE
from switchhook.errors import RequestError
from tests.compat.identity.conftest import IdentityServer
from tests.flow.identity.world import claims_of

Call = Callable[..., Any]
CHAT = [CommunicationTokenScope.CHAT]


@pytest.fixture(params=["sync", "asyncio"])
async def call(request: pytest.FixtureRequest, server: IdentityServer) -> AsyncIterator[Call]:
    """Calls a method of the client, either of its two kinds."""
    credential = AzureKeyCredential(defaults.COMMUNICATION_KEYS[0])
    if request.param == "sync":
        with RequestsTransport() as transport:
            client: Any = CommunicationIdentityClient(
                server.endpoint, credential, transport=transport
            )
            yield lambda name, *args, **options: asyncio.to_thread(
                getattr(client, name), *args, **options
            )
        return
    async with AioHttpTransport() as opened:
        other: Any = AsyncIdentityClient(server.endpoint, credential, transport=opened)
        yield lambda name, *args, **options: getattr(other, name)(*args, **options)


@pytest.fixture
def secure_transport(secure_server: IdentityServer) -> Iterator[RequestsTransport]:
    """What the sync client sends through over HTTPS."""
    with RequestsTransport(connection_verify=str(secure_server.ca)) as transport:
        yield transport


async def is_accepted(server: IdentityServer, token: str) -> bool:
    """Whether the token is in force."""
    try:
        await server.world.engine.caller_of(token)
    except RequestError:
        return False
    return True


async def test_users_life(server: IdentityServer, call: Call) -> None:
    """Created, given tokens, which are revoked, and deleted."""
    user = await call("create_user")
    first = await call("get_token", user, [CommunicationTokenScope.VOIP, "chat"])
    caller = await server.world.engine.caller_of(first.token)
    assert caller.raw_id == user.raw_id == user.properties["id"]
    assert caller.scopes == {Scope.VOIP, Scope.CHAT}

    await call("revoke_tokens", user)
    assert not await is_accepted(server, first.token)
    second = await call("get_token", user, CHAT)
    assert await is_accepted(server, second.token)

    await call("delete_user", user)
    assert not await is_accepted(server, second.token)
    for method, arguments in (("get_token", (CHAT,)), ("revoke_tokens", ()), ("delete_user", ())):
        with pytest.raises(ResourceNotFoundError):
            await call(method, user, *arguments)


@pytest.mark.parametrize("hours", [1, 24, None])
async def test_user_and_token_come_together(
    server: IdentityServer, call: Call, hours: int | None
) -> None:
    """For an hour, a day, or a day by default; the time of expiry is text, as on Azure."""
    options = {} if hours is None else {"token_expires_in": timedelta(hours=hours)}

    user, issued = await call("create_user_and_token", CHAT, **options)

    expires_on = datetime.fromisoformat(issued.expires_on)
    lifetime = expires_on.timestamp() - server.world.time.now // 10**9
    assert issued.expires_on.endswith(".0000000+00:00")
    assert lifetime == (hours or 24) * 3600
    assert (await server.world.engine.caller_of(issued.token)).raw_id == user.raw_id


@pytest.mark.parametrize("minutes", [59, 1441])
async def test_bad_lifetime_is_refused(call: Call, minutes: int) -> None:
    """400, which the client does not repeat."""
    with pytest.raises(HttpResponseError, match=r"within the \[60, 1440\] interval") as failure:
        await call("create_user_and_token", CHAT, token_expires_in=timedelta(minutes=minutes))

    response: Any = failure.value.response
    error: Any = failure.value.error
    assert (failure.value.status_code, error.code) == (400, "ValidationError")
    assert error.target == "ExpiresInMinutes"
    assert "Retry-After" not in response.headers


async def test_absent_scopes(call: Call) -> None:
    """No token of a new user, and no token at all of one that exists, as in recorded sessions."""
    user = await call("create_user")

    with pytest.raises(HttpResponseError, match="Scopes: The Scopes field is required"):
        await call("get_token", user, None)


async def test_user_of_nobody_is_not_owned(call: Call) -> None:
    """The client raises what it raises on Azure."""
    stranger = CommunicationUserIdentifier("8:acs:stranger_1")

    with pytest.raises(ClientAuthenticationError, match="belong to the resource"):
        await call("get_token", stranger, CHAT)


async def test_wrong_key_is_denied(server: IdentityServer) -> None:
    """Before anything else is looked at."""
    credential = AzureKeyCredential("bm90IGEga2V5IG9mIGFueSByZXNvdXJjZQ==")
    with RequestsTransport() as transport:
        client: Any = CommunicationIdentityClient(server.endpoint, credential, transport=transport)
        with pytest.raises(ClientAuthenticationError, match=r"\(Denied\)"):
            await asyncio.to_thread(client.create_user)


async def test_teams_user_exchanges_a_token(server: IdentityServer, call: Call) -> None:
    """And is refused with somebody else's."""
    entra = server.world.entra_token(TEAMS_AUDIENCE, username="ann@contoso.example")
    claims = claims_of(entra)

    issued = await call("get_token_for_teams_user", entra, claims["appid"], claims["oid"])

    assert claims_of(issued.token)["skypeid"] == f"orgid:{claims['oid']}"
    assert await is_accepted(server, issued.token)
    with pytest.raises(HttpResponseError, match="AAD application is not the expected one"):
        await call("get_token_for_teams_user", entra, claims["oid"], claims["oid"])
    with pytest.raises(HttpResponseError, match="unexpected user"):
        await call("get_token_for_teams_user", entra, claims["appid"], claims["appid"])
    with pytest.raises(ClientAuthenticationError, match="access token is not valid"):
        await call("get_token_for_teams_user", "invalid", claims["appid"], claims["oid"])


class EntraCredential:
    """A credential with a token of the server's authority; remembers what it was asked for."""

    def __init__(self, server: IdentityServer) -> None:
        self._authority = server.world.authority
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """See `TokenCredential`."""
        self.scopes += scopes
        audience = scopes[0].removesuffix("/.default")
        token = self._authority.issue(audience=audience, application_id=defaults.CLIENT_ID)
        return AccessToken(token, int(time.time()) + 3599)


async def test_entra_token_manages_identities(
    secure_server: IdentityServer, secure_transport: RequestsTransport
) -> None:
    """In place of a key; the client insists on HTTPS."""
    credential = EntraCredential(secure_server)
    client: Any = CommunicationIdentityClient(
        secure_server.endpoint, credential, transport=secure_transport
    )

    user, issued = await asyncio.to_thread(client.create_user_and_token, CHAT)

    assert credential.scopes[0] == "https://communication.azure.com//.default"
    assert (await secure_server.world.engine.caller_of(issued.token)).raw_id == user.raw_id


async def test_connection_string_works_over_https(
    secure_server: IdentityServer, secure_transport: RequestsTransport
) -> None:
    """As the portal shows it."""
    client: Any = CommunicationIdentityClient.from_connection_string(
        secure_server.connection_string, transport=secure_transport
    )

    user = await asyncio.to_thread(client.create_user)

    assert await secure_server.world.engine.user(secure_server.world.resource, user.raw_id)
