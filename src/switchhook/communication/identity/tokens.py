"""What is a user access token, and is this one of ours?

A JSON Web Token, signed with the key of the data folder that our authority signs with. Its claims
are those of a published token of the live service (tests of the Communication SDKs); the clients
read `exp` (azure-communication-chat 1.3.0, @azure/communication-common 2.4.2), `skypeid`,
`resourceId` and `resourceLocation` (@azure/communication-signaling 1.0.0-beta.34).

It has no issuer and no audience: whoever checks an Entra token refuses it, and Entra tokens lack
what is read here.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from switchhook.authority.authority import Signing
from switchhook.clock import SECOND
from switchhook.communication.identity.caller import Scope
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError, TokenError

MAX_TOKEN_LENGTH = 4096
# So many verified tokens are remembered: a signature costs more than all the rest of a request.
VERIFIED_TOKENS = 4096

# What stands in front of the claim `skypeid` in a user's raw id.
_PREFIX = "8:"
# What published tokens carry, whatever their scopes.
_SCP = 1792
# Where the resource is (assumed: members of newer tokens, which no document lists).
_REGION = "amer"
_RESOURCE_LOCATION = "unitedstates"


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token, and the nanosecond of real time at which it expires."""

    token: str
    expires_at: int


class UserClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says; `expires_at` is a nanosecond of real time."""

    raw_id: str
    resource_id: str
    scopes: frozenset[Scope]
    expires_at: int
    generation: str


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims that are read, by their names in the token."""

    skypeid: str
    resourceId: str  # noqa: N815
    acsScope: str  # noqa: N815
    exp: int
    generation: str


def unauthorized() -> RequestError:
    """The one answer to every token that is not accepted."""
    return RequestError(401, "Unauthorized", "Request is not authorized.")


class UserTokens:
    """Makes and reads tokens. `signing` is asked for when the first token is; `now` is real time,
    in nanoseconds."""

    def __init__(
        self,
        *,
        signing: Callable[[], Signing],
        now: Callable[[], int],
        verified_tokens: int = VERIFIED_TOKENS,
    ) -> None:
        self._signing = signing
        self._now = now
        self._limit = verified_tokens
        # By the tokens' hashes: the tokens themselves are secrets.
        self._verified: OrderedDict[bytes, UserClaims] = OrderedDict()

    def issue(
        self,
        resource: CommunicationResource,
        raw_id: str,
        generation: str,
        scopes: Iterable[Scope],
        *,
        lifetime: int | None = None,
        expires_at: int = 0,
    ) -> AccessToken:
        """A token that expires after `lifetime` seconds, or at the second `expires_at`.

        Only letters, digits and `,:._-` stand in the claims' values: clients decode them with the
        base64 alphabet of plain text, where `>`, `?` and `~` come out otherwise.
        """
        issued_at = self._now() // SECOND
        expires_at = issued_at + lifetime if lifetime is not None else expires_at
        claims: dict[str, Any] = {
            "skypeid": raw_id.removeprefix(_PREFIX),
            "scp": _SCP,
            "csi": str(issued_at),
            "exp": expires_at,
            "rgn": _REGION,
            "acsScope": ",".join(scopes),
            "resourceId": resource.immutable_id,
            "resourceLocation": _RESOURCE_LOCATION,
            "iat": issued_at,
            "generation": generation,
        }
        return AccessToken(token=self._signing().sign(claims), expires_at=expires_at * SECOND)

    def read(self, token: str) -> UserClaims:
        """What a token says that is ours and has not expired.

        Raises:
            RequestError: 401 `Unauthorized`.
        """
        if not token or len(token) > MAX_TOKEN_LENGTH:
            raise unauthorized()
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._verify(token)
            self._remember(digest, claims)
        else:
            self._verified.move_to_end(digest)
        if self._now() >= claims.expires_at:
            raise unauthorized()
        return claims

    def _verify(self, token: str) -> UserClaims:
        try:
            claims = msgspec.convert(self._signing().read_any(token), _Claims)
            scopes = frozenset(Scope(name) for name in claims.acsScope.split(","))
        except (TokenError, ValueError):
            raise unauthorized() from None
        return UserClaims(
            raw_id=f"{_PREFIX}{claims.skypeid}",
            resource_id=claims.resourceId,
            scopes=scopes,
            expires_at=claims.exp * SECOND,
            generation=claims.generation,
        )

    def _remember(self, digest: bytes, claims: UserClaims) -> None:
        self._verified[digest] = claims
        if len(self._verified) > self._limit:
            self._verified.popitem(last=False)
