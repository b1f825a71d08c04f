"""Entra tokens of our own authority are exchanged for user access tokens."""

import asyncio
import base64
import json

import msgspec
import pytest

from switchhook import defaults
from switchhook.clock import SECOND
from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.exchange import ENTRA_AUDIENCE, TEAMS_AUDIENCE
from switchhook.communication.identity.requests import ExchangeTeamsUser
from switchhook.communication.identity.store import Assignment, PrincipalType
from switchhook.errors import RequestError
from tests.flow.identity.world import (
    OTHER_KEY,
    IdentityWorld,
    a_world,
    another_resource,
    claims_of,
)

TENANT = defaults.TENANT_ID
STRANGER = "5a1f0000-0000-4000-8000-0000000000e9"
ANN = "ann@contoso.example"


async def exchange(world: IdentityWorld, token: str, **changes: str) -> str:
    """A Teams user's access token for the Entra token."""
    claims = claims_of(token) if token.count(".") == 2 else {}
    given = {"app_id": claims.get("appid", STRANGER), "user_id": claims.get("oid", STRANGER)}
    request = ExchangeTeamsUser(token=token, **(given | changes))
    return (await world.engine.entra.exchange_teams_user(world.resource, request)).token


async def refusal(world: IdentityWorld, token: str, **changes: str) -> tuple[int, str, str, str]:
    """How the exchange is refused."""
    with pytest.raises(RequestError) as refused:
        await exchange(world, token, **changes)
    error = refused.value
    return error.status, error.code, error.target, error.message


async def test_teams_user_gets_a_token_of_its_own(world: IdentityWorld) -> None:
    """For the user's Teams id, as long as the Entra token."""
    entra = world.entra_token(TEAMS_AUDIENCE, username=ANN)
    oid = claims_of(entra)["oid"]

    token = await exchange(world, entra)

    caller = await world.engine.caller_of(token)
    claims = claims_of(token)
    assert (caller.raw_id, caller.resource) == (f"8:orgid:{oid}", world.resource)
    assert caller.scopes == {Scope.CHAT, Scope.VOIP}
    assert claims["skypeid"] == f"orgid:{oid}"
    assert claims["exp"] == claims_of(entra)["exp"]


async def test_ids_count_in_any_case(world: IdentityWorld) -> None:
    """GUIDs have no case."""
    entra = world.entra_token(TEAMS_AUDIENCE, username=ANN)
    claims = claims_of(entra)

    assert await exchange(
        world, entra, app_id=claims["appid"].upper(), user_id=claims["oid"].upper()
    )


async def test_wrong_entra_token_is_refused(world: IdentityWorld) -> None:
    """401 in the words of the service: empty, no token, another server's, another audience, an
    expired one, a user access token, an application that is not registered."""
    other = a_world(store=world.store, key=OTHER_KEY)
    entra = world.entra_token(TEAMS_AUDIENCE, username=ANN)
    header, payload, signature = entra.split(".")
    claims = claims_of(entra) | {"oid": STRANGER}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    for token in (
        "",
        "invalid",
        f"{header}.{payload}.",
        f"{header}.{forged}.{signature}",
        other.entra_token(TEAMS_AUDIENCE, username=ANN),
        world.entra_token("https://management.azure.com", username=ANN),
        world.entra_token(ENTRA_AUDIENCE, username=ANN),
        world.entra_token(TEAMS_AUDIENCE, username=ANN, lifetime=-1),
        world.entra_token(TEAMS_AUDIENCE, username=ANN, application_id=STRANGER),
        await world.token(await world.create()),
    ):
        assert await refusal(world, token) == (
            401,
            "InvalidAccessToken",
            "",
            "Provided access token is not valid.",
        )
    assert (await refusal(world, "", app_id="", user_id=""))[0] == 401


@pytest.mark.parametrize(
    ("changes", "target", "message"),
    [
        ({"app_id": "", "user_id": ""}, "AppId", "AppId: The AppId field is required."),
        ({"user_id": ""}, "UserId", "UserId: The UserId field is required."),
        ({"app_id": STRANGER}, "appId", "AAD application is not the expected one."),
        ({"app_id": "invalid"}, "appId", "Provided AppId has invalid format."),
        ({"user_id": STRANGER}, "userId", "Provided AAD token issued for unexpected user."),
        ({"user_id": "invalid"}, "userId", "Provided UserId has invalid format."),
    ],
)
async def test_token_of_another_application_or_user_is_refused(
    changes: dict[str, str], target: str, message: str
) -> None:
    """400 in the words of the service."""
    world = a_world()
    entra = world.entra_token(TEAMS_AUDIENCE, username=ANN)

    assert await refusal(world, entra, **changes) == (400, "ValidationError", target, message)
    assert await world.store.scan("identity-users") == []


async def test_entra_user_is_the_same_user_each_time(world: IdentityWorld) -> None:
    """At each resource its own; others are others."""
    entra = world.engine.entra
    ann, again, bob = (
        entra.read(world.entra_token(ENTRA_AUDIENCE, username=name), ENTRA_AUDIENCE)
        for name in (ANN, ANN.upper(), "bob@contoso.example")
    )

    raw_id, token = await entra.exchange_entra(world.resource, ann)

    assert raw_id == f"8:acs:{world.resource.immutable_id}_wf_{TENANT}_{ann.oid}"
    assert (await world.engine.caller_of(token.token)).raw_id == raw_id
    assert token.expires_at == ann.exp * SECOND
    assert (await entra.exchange_entra(world.resource, again))[0] == raw_id
    assert (await entra.exchange_entra(world.resource, bob))[0] != raw_id
    assert (await entra.exchange_entra(another_resource(), ann))[0] != raw_id
    assert await world.engine.exist(world.resource, [raw_id]) == {raw_id}


async def test_tokens_of_a_new_user_asked_for_at_once_are_all_good(world: IdentityWorld) -> None:
    """Two pages exchange a token when they open: both speak for one user."""
    entra = world.engine.entra
    claims = entra.read(world.entra_token(ENTRA_AUDIENCE, username=ANN), ENTRA_AUDIENCE)

    issued = await asyncio.gather(*(entra.exchange_entra(world.resource, claims) for _ in range(5)))

    for raw_id, token in issued:
        assert (await world.engine.caller_of(token.token)).raw_id == raw_id


async def test_tokens_stay_revoked_where_an_id_comes_back(world: IdentityWorld) -> None:
    """A deleted Entra user is a new one under the same id."""
    entra = world.engine.entra
    claims = entra.read(world.entra_token(ENTRA_AUDIENCE, username=ANN), ENTRA_AUDIENCE)
    raw_id, before = await entra.exchange_entra(world.resource, claims)
    await world.engine.delete(world.resource, raw_id)

    again, after = await entra.exchange_entra(world.resource, claims)

    assert again == raw_id
    assert await world.engine.caller_of(after.token)
    with pytest.raises(RequestError):
        await world.engine.caller_of(before.token)


async def test_teams_extension_needs_an_assignment(world: IdentityWorld) -> None:
    """Of the user, and of the application if it names some; it ends with the assignment."""
    entra = world.engine.entra
    claims = entra.read(world.entra_token(TEAMS_AUDIENCE, username=ANN), TEAMS_AUDIENCE)
    principal = (claims.tid, claims.oid)

    async def is_refused() -> bool:
        try:
            await entra.exchange_teams_extension(world.resource, claims)
        except RequestError as error:
            return (error.status, error.code) == (403, "Forbidden")
        return False

    async def assign(*client_ids: str) -> bool:
        assignment = Assignment(principal_type=PrincipalType.USER, client_ids=client_ids)
        return await entra.assign(world.resource, *principal, assignment)

    assert await is_refused()
    assert await assign(STRANGER)
    assert await is_refused()
    assert not await assign(STRANGER, defaults.CLIENT_ID)
    assert not await is_refused()
    claims = msgspec.structs.replace(claims, appid=claims.appid.upper())
    assert not await is_refused()
    assert not await assign()
    assert not await is_refused()
    raw_id, token = await entra.exchange_teams_extension(world.resource, claims)
    assert raw_id == f"8:acs:{world.resource.immutable_id}_{claims.tid}_{claims.oid}"
    assert (await world.engine.caller_of(token.token)).raw_id == raw_id
    await entra.unassign(world.resource, *principal)
    assert await is_refused()
    with pytest.raises(RequestError, match="not assigned"):
        await entra.assignment(world.resource, *principal)
