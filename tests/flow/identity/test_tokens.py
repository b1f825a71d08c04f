"""Which user access tokens are in force? Those of this server's users, until they are revoked."""

import base64
import json
import re
from typing import Any

import jwt
import msgspec
import pytest
from azure.communication.chat import CommunicationTokenCredential

from switchhook import defaults
from switchhook.authority.signer import Signer
from switchhook.clock import SECOND
from switchhook.communication.identity.caller import Caller, Scope
from switchhook.communication.identity.requests import CreateUser, TokenRequest
from switchhook.communication.identity.tokens import MAX_TOKEN_LENGTH, UserTokens
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError, TokenError, TokenFlaw
from tests.flow.identity.world import (
    CHAT,
    KEY,
    OTHER_KEY,
    IdentityWorld,
    a_world,
    another_resource,
    claims_of,
)

AUDIENCE = "https://management.azure.com"


async def check_refused(world: IdentityWorld, token: str, host: str = "") -> None:
    """The token is not accepted, and the answer does not say why."""
    with pytest.raises(RequestError) as refused:
        await world.engine.caller_of(token, host)
    error = refused.value
    assert (error.status, error.code) == (401, "Unauthorized")
    assert error.message == "Request is not authorized."


def signed(claims: dict[str, Any], key: Any = KEY.private, algorithm: str | None = "RS256") -> str:
    """A token with these very claims."""
    return jwt.encode(claims, key, algorithm=algorithm)


async def test_token_tells_who_calls(world: IdentityWorld) -> None:
    """Resource, user and scopes."""
    raw_id = await world.create()

    caller = await world.engine.caller_of(await world.token(raw_id, Scope.VOIP, Scope.CHAT_JOIN))

    scopes = frozenset({Scope.VOIP, Scope.CHAT_JOIN})
    assert caller == Caller(resource=world.resource, raw_id=raw_id, scopes=scopes)


async def test_token_looks_as_on_the_service(world: IdentityWorld) -> None:
    """Header and claims that clients read; the user's id stands there without its first two
    characters."""
    raw_id = await world.create()
    token = await world.token(raw_id, Scope.CHAT, Scope.VOIP)
    claims = claims_of(token)
    now = world.time.now // SECOND

    assert jwt.get_unverified_header(token) == {
        "alg": "RS256",
        "typ": "JWT",
        "kid": "own",
        "x5t": "own",
    }
    assert re.fullmatch("[0-9a-f]{32}", claims.pop("generation"))
    assert claims == {
        "skypeid": raw_id[2:],
        "scp": 1792,
        "csi": str(now),
        "exp": now + 86_400,
        "rgn": "amer",
        "acsScope": "chat,voip",
        "resourceId": defaults.COMMUNICATION_IMMUTABLE_ID,
        "resourceLocation": "unitedstates",
        "iat": now,
    }


async def test_payload_survives_the_clients_decoder(world: IdentityWorld) -> None:
    """They decode it with the alphabet of plain base64, and as ASCII."""
    for scopes in ((Scope.CHAT,), tuple(Scope)):
        token = await world.token(await world.create(), *scopes)
        payload = token.split(".")[1]

        assert not set(payload) & set("-_")
        assert json.loads(base64.b64decode(payload + "==").decode("ascii"))
        credential = CommunicationTokenCredential(token)
        assert credential.get_token().expires_on == claims_of(token)["exp"]


async def test_token_is_verified_with_the_published_keys(world: IdentityWorld) -> None:
    """The authority's: one key signs all."""
    token = await world.token(await world.create())
    keys = jwt.PyJWKSet.from_dict(world.authority.jwks())

    key = keys[jwt.get_unverified_header(token)["kid"]]

    assert jwt.decode(token, key, algorithms=["RS256"])["acsScope"] == "chat"


@pytest.mark.parametrize("minutes", [60, 90, 1440])
async def test_token_expires_by_real_time(world: IdentityWorld, minutes: int) -> None:
    """To the second, also when it was accepted before; the server's clock does not count."""
    raw_id = await world.create()
    request = TokenRequest(scopes=(Scope.CHAT,), expires_in_minutes=minutes)
    issued = await world.engine.issue(world.resource, raw_id, request)
    assert issued.expires_at == world.time.now + minutes * 60 * SECOND

    world.time.move(minutes * 60 - 1)
    assert await world.engine.caller_of(issued.token)
    world.time.move(1)

    await check_refused(world, issued.token)
    await check_refused(a_world(store=world.store), issued.token.upper())


async def test_revoked_token_is_refused_within_its_second(world: IdentityWorld) -> None:
    """All that were issued before, none that is issued after, and of nobody else."""
    raw_id, other = await world.create(), await world.create()
    before = [await world.token(raw_id) for _ in range(2)]
    others = await world.token(other)
    assert await world.engine.caller_of(before[0])

    await world.engine.revoke(world.resource, raw_id)
    after = await world.token(raw_id)

    for token in before:
        await check_refused(world, token)
    assert (await world.engine.caller_of(after)).raw_id == raw_id
    assert (await world.engine.caller_of(others)).raw_id == other


async def test_token_of_a_deleted_user_is_refused(world: IdentityWorld) -> None:
    """Although it has been accepted before."""
    raw_id = await world.create()
    token = await world.token(raw_id)
    assert await world.engine.caller_of(token)

    await world.engine.delete(world.resource, raw_id)

    await check_refused(world, token)


async def test_token_of_a_deleted_resource_is_refused(world: IdentityWorld) -> None:
    """Also when there is a new one of the same name and immutable id."""
    token = await world.token(await world.create())
    assert await world.engine.caller_of(token)

    world.directory.remove(world.resource.resource_id)
    await check_refused(world, token)
    world.directory.put(msgspec.structs.replace(world.resource, topic="new"))

    await check_refused(world, token)


async def test_token_outlives_a_restart(world: IdentityWorld) -> None:
    """The key and the users are those of the data folder."""
    raw_id = await world.create()
    token = await world.token(raw_id)

    restarted = a_world(store=world.store)

    assert (await restarted.engine.caller_of(token)).raw_id == raw_id


async def test_token_of_another_server_is_refused(world: IdentityWorld) -> None:
    """With the same users, but another key, whatever its id."""
    other = a_world(store=world.store, key=OTHER_KEY)
    token = await other.token(await world.create())

    assert await other.engine.caller_of(token)
    await check_refused(world, token)


async def test_tampered_token_is_refused(world: IdentityWorld) -> None:
    """Other claims under the same signature, other algorithms, none, no token at all."""
    token = await world.token(await world.create())
    claims = claims_of(token)
    header, payload, signature = token.split(".")
    wanted = claims | {"acsScope": "chat,voip"}
    forged = base64.urlsafe_b64encode(json.dumps(wanted).encode()).decode().rstrip("=")
    public = base64.b64encode(json.dumps(KEY.jwk()).encode())
    assert (await world.engine.caller_of(signed(claims))).scopes == {Scope.CHAT}

    for bad in (
        f"{header}.{forged}.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{token} ",
        signed(claims, key=None, algorithm="none"),
        signed(claims, key=public, algorithm="HS256"),
        signed(claims, key=KEY.private, algorithm="PS256"),
        signed(claims, key=OTHER_KEY.private),
        "",
        "a.b.c",
        "\xff.\udcff.é",
        "a" * (MAX_TOKEN_LENGTH + 1),
        signed(claims | {"padding": "a" * MAX_TOKEN_LENGTH}),
    ):
        await check_refused(world, bad)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": "4000000000"},
        {"generation": None},
        {"generation": ""},
        {"skypeid": None},
        {"skypeid": "acs:somebody"},
        {"skypeid": "orgid:somebody"},
        {"resourceId": None},
        {"resourceId": "somewhere"},
        {"acsScope": None},
        {"acsScope": "admin"},
    ],
)
async def test_token_with_wrong_claims_is_refused(changes: dict[str, Any]) -> None:
    """Even with the right signature, which only a leaked key could give it."""
    world = a_world()
    claims = claims_of(await world.token(await world.create())) | changes
    token = signed({name: value for name, value in claims.items() if value is not None})

    await check_refused(world, token)


async def test_tokens_of_entra_and_of_users_are_worlds_apart() -> None:
    """One key signs both: neither passes for the other, whoever it was issued to."""
    world = a_world()
    users = await world.token(await world.create(), *Scope)

    for token in (
        world.entra_token(AUDIENCE),
        world.entra_token("https://communication.azure.com", username="ann"),
        world.authority.token_for("", "https://hook.example"),
    ):
        await check_refused(world, token)
    for audience in (AUDIENCE, "", "https://communication.azure.com"):
        with pytest.raises(TokenError) as refused:
            world.authority.verify(users, [audience])
        assert refused.value.flaw is TokenFlaw.UNREADABLE


async def test_token_counts_at_its_own_resource_only() -> None:
    """A host that names no resource is all resources' host."""
    world = a_world()
    world.directory.put(another_resource())
    token = await world.token(await world.create())

    for host in ("", "127.0.0.1:8080", f"{defaults.COMMUNICATION_NAME}.communication.localhost:1"):
        assert (await world.engine.caller_of(token, host)).resource == world.resource
    for host in ("other.communication.localhost", "nobody.communication.localhost:8080"):
        await check_refused(world, token, host)


class CountingSigner(Signer):
    """Tells how often it read a token."""

    reads = 0

    def read_any(self, token: str) -> dict[str, Any]:
        """See `Signer`."""
        self.reads += 1
        return super().read_any(token)


def test_signature_is_verified_once_while_it_is_remembered() -> None:
    """So many tokens; the one that was used longest ago is forgotten, bad ones are never kept."""
    signer = CountingSigner(KEY)
    tokens = UserTokens(signing=lambda: signer, now=lambda: 0, verified_tokens=2)
    resource = another_resource()
    one, two, three = (issued(tokens, resource, name) for name in ("1", "2", "3"))

    for token in (one, two, one, two, one):
        assert tokens.read(token)
    assert signer.reads == 2
    tokens.read(three)
    tokens.read(one)
    assert signer.reads == 3
    tokens.read(two)
    assert signer.reads == 4
    for _ in range(2):
        with pytest.raises(RequestError):
            tokens.read("a.b.c")
    tokens.read(two)
    assert signer.reads == 6


def issued(tokens: UserTokens, resource: CommunicationResource, name: str) -> str:
    """A token that can be told from the others."""
    return tokens.issue(resource, f"8:acs:{name}", name, (Scope.CHAT,), lifetime=60).token


async def test_token_is_issued_with_a_new_user(world: IdentityWorld) -> None:
    """In one request."""
    raw_id, issued = await world.engine.create(world.resource, CreateUser(token=CHAT))

    assert issued is not None
    assert (await world.engine.caller_of(issued.token)).raw_id == raw_id
