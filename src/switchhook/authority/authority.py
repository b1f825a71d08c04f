"""How does a token come about, and is this one of ours?

Only RS256 with our own key counts, whatever a token's header says. Time is real time: a test that
moves the server's clock does not make credentials expire.
"""

import time
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from switchhook import defaults
from switchhook.authority.applications import Applications
from switchhook.authority.claims import Claims, is_audience
from switchhook.errors import TokenError, TokenFlaw

ALGORITHM = "RS256"
LIFETIME = 3599  # seconds, as Entra answers them
MAX_TOKEN_LENGTH = 16 << 10  # characters; Entra's own stay below 8 KiB

# The first-party application of Event Grid (secure-webhook-delivery.md) and the role that a webhook
# grants to it.
EVENT_GRID_APPLICATION_ID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
WEBHOOK_ROLE = "AzureEventGridSecureWebhookSubscriber"

ADFS = "adfs"  # the tenant of login addresses for which clients look up nothing elsewhere

_SKEW = 300  # seconds that a token is dated back: receivers' clocks differ
_RENEWED_BEFORE = 300  # seconds before its end a webhook's token is replaced
WEBHOOK_TOKENS = 1024  # as many are kept: one for each tenant and audience
_OBJECTS = uuid.UUID(defaults.TENANT_ID)


class _Kept(NamedTuple):
    """A token for a webhook, and when to replace it."""

    token: str
    renew_at: float


class Signing(Protocol):
    """Signs and reads tokens with one key (`authority.signer.Signer`)."""

    def jwk(self) -> dict[str, str]:
        """The public half of the key as a JSON Web Key."""

    def sign(self, claims: dict[str, Any]) -> str:
        """The token that says so."""

    def read(self, token: str) -> dict[str, Any]:
        """What a token of ours says that is in force.

        Raises:
            TokenError: says what is wrong with it.
        """

    def read_any(self, token: str) -> dict[str, Any]:
        """What a token says that is signed with this key, in force or not, whatever it says.

        Raises:
            TokenError: it is not signed with this key.
        """


class Authority:
    """Issues and verifies tokens. `origins` are our public addresses, the one for links first.

    `signing` is asked for when the first token is.
    """

    def __init__(
        self,
        *,
        signing: Callable[[], Signing],
        origins: Sequence[str],
        applications: Applications,
        now: Callable[[], float] = time.time,
        kept_tokens: int = WEBHOOK_TOKENS,
    ) -> None:
        self._signing = signing
        self._origins = tuple(origins)
        self._now = now
        self._kept_tokens = kept_tokens
        self._webhook_tokens: dict[tuple[str, str], _Kept] = {}
        self.applications = applications

    @property
    def origin(self) -> str:
        """What stands in front of our addresses."""
        return self._origins[0]

    @property
    def signing(self) -> Signing:
        """What signs our tokens, for tokens that are not the authority's own.

        Those must lack a claim that the authority's own all have (`Claims`).
        """
        return self._signing()

    def jwks(self) -> dict[str, Any]:
        """The keys that verify our tokens."""
        return {"keys": [self._signing().jwk()]}

    def issuer(self, tenant: str = ADFS) -> str:
        """Who issues the tokens of a tenant, as its OpenID configuration says."""
        name = tenant.lower()
        return f"{self.origin}/{ADFS}" if name == ADFS else f"{self.origin}/{tenant_id(name)}/v2.0"

    def issue(
        self,
        *,
        audience: str,
        application_id: str,
        tenant: str = ADFS,
        roles: Sequence[str] = (),
        lifetime: int = LIFETIME,
        username: str = "",
    ) -> str:
        """A token that says: this application may speak to that audience.

        With a `username` it does so for that user, whose object id follows from the name.
        """
        now = int(self._now())
        object_id = _object_id(username or application_id)
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": self.issuer(tenant),
            "iat": now - _SKEW,
            "nbf": now - _SKEW,
            "exp": now + lifetime,
            "tid": tenant_id(tenant),
            "oid": object_id,
            "sub": object_id,
            "appid": application_id,
            "azp": application_id,
            "appidacr": "1",
            "azpacr": "1",
            "idtyp": "user" if username else "app",
            **({"preferred_username": username, "upn": username} if username else {}),
            "uti": uuid.uuid4().hex,
            "ver": _version(tenant),
            **({"roles": list(roles)} if roles else {}),
        }
        return self._signing().sign(claims)

    def issue_id_token(self, *, application_id: str, username: str, tenant: str = ADFS) -> str:
        """A token that tells the application who the user is (id-token-claims-reference.md).

        It opens nothing: it names no application that speaks.
        """
        now = int(self._now())
        object_id = _object_id(username)
        return self._signing().sign(
            {
                "aud": application_id,
                "iss": self.issuer(tenant),
                "iat": now - _SKEW,
                "nbf": now - _SKEW,
                "exp": now + LIFETIME,
                "tid": tenant_id(tenant),
                "oid": object_id,
                "sub": object_id,
                "preferred_username": username,
                "ver": _version(tenant),
            }
        )

    def verify(self, token: str, audiences: Collection[str]) -> Claims:
        """What the token says, if it is ours, in force, and meant for one of `audiences`.

        A token that a webhook got is not accepted: its application is not a registered one.

        Raises:
            TokenError: says what is wrong with it.
        """
        claims = self._decode(token)
        if claims.iss not in self._issuers(claims.tid):
            raise TokenError(TokenFlaw.ISSUER, claims.iss)
        if claims.appid not in self.applications:
            raise TokenError(TokenFlaw.APPLICATION, claims.appid)
        if not any(is_audience(claims.audience, each) for each in audiences):
            raise TokenError(TokenFlaw.AUDIENCE, claims.audience)
        return claims

    def token_for(self, tenant_id: str, audience: str) -> str:
        """The token of Event Grid for a protected webhook, the same until shortly before its end.

        `audience` is the webhook's application id or URI; "" as tenant is our own.
        """
        key = (tenant_id.lower() or defaults.TENANT_ID, audience)
        kept = self._webhook_tokens.get(key)
        now = self._now()
        if kept is None or not kept.renew_at - LIFETIME <= now < kept.renew_at:
            kept = _Kept(self._webhook_token(*key), now + LIFETIME - _RENEWED_BEFORE)
            self._keep(key, kept)
        return kept.token

    def _webhook_token(self, tenant: str, audience: str) -> str:
        return self.issue(
            audience=audience,
            application_id=EVENT_GRID_APPLICATION_ID,
            tenant=tenant,
            roles=(WEBHOOK_ROLE,),
        )

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        self._webhook_tokens.pop(key, None)
        while len(self._webhook_tokens) >= self._kept_tokens:
            del self._webhook_tokens[next(iter(self._webhook_tokens))]
        self._webhook_tokens[key] = kept

    def _decode(self, token: str) -> Claims:
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenError(TokenFlaw.UNREADABLE)
        try:
            return msgspec.convert(self._signing().read(token), Claims)
        except ValueError:
            raise TokenError(TokenFlaw.UNREADABLE) from None

    def _issuers(self, tenant: str) -> list[str]:
        endings = (f"/{ADFS}", f"/{tenant}/v2.0")
        return [origin + ending for origin in self._origins for ending in endings]


def tenant_id(name: str) -> str:
    """The id that a tenant's name stands for: a GUID for itself, any other for our one tenant."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return defaults.TENANT_ID


def _object_id(name: str) -> str:
    """The object id of a user or application, which follows from its name or id."""
    return str(uuid.uuid5(_OBJECTS, name.lower()))


def _version(tenant: str) -> str:
    return "1.0" if tenant.lower() == ADFS else "2.0"
