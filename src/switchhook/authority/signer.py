"""How is a token signed and read? With jwt and cryptography, which no other module needs."""

from typing import Any

import jwt

from switchhook.authority.authority import ALGORITHM
from switchhook.authority.signing_key import SigningKey
from switchhook.errors import TokenError, TokenFlaw

_REQUIRED = ["aud", "iss", "iat", "nbf", "exp", "tid", "appid", "oid", "sub"]

_NOTHING_BUT_THE_SIGNATURE = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}

_FLAWS: tuple[tuple[type[jwt.PyJWTError], TokenFlaw], ...] = (
    (jwt.ExpiredSignatureError, TokenFlaw.EXPIRED),
    (jwt.ImmatureSignatureError, TokenFlaw.NOT_YET_VALID),
    (jwt.InvalidIssuedAtError, TokenFlaw.NOT_YET_VALID),
    (jwt.InvalidSignatureError, TokenFlaw.SIGNATURE),
    (jwt.InvalidAlgorithmError, TokenFlaw.SIGNATURE),
)


class Signer:
    """Signs and reads tokens with one key."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._public = key.private.public_key()

    def jwk(self) -> dict[str, str]:
        """The public half of the key as a JSON Web Key."""
        return self._key.jwk()

    def sign(self, claims: dict[str, Any]) -> str:
        """The token that says so."""
        # Entra names its key twice, and so do user access tokens.
        headers = {"kid": self._key.id, "x5t": self._key.id}
        return jwt.encode(claims, self._key.private, algorithm=ALGORITHM, headers=headers)

    def read(self, token: str) -> dict[str, Any]:
        """What a token says that is signed with this key and in force, whoever it is meant for.

        Raises:
            TokenError: says what is wrong with it.
        """
        return self._decode(token, {"require": _REQUIRED, "verify_aud": False})

    def read_any(self, token: str) -> dict[str, Any]:
        """What a token says that is signed with this key, in force or not, whatever it says.

        Raises:
            TokenError: it is not signed with this key.
        """
        return self._decode(token, _NOTHING_BUT_THE_SIGNATURE)

    def _decode(self, token: str, options: Any) -> dict[str, Any]:
        try:
            return jwt.decode(token, self._public, algorithms=[ALGORITHM], options=options)
        except jwt.PyJWTError as error:
            flaws = (flaw for kind, flaw in _FLAWS if isinstance(error, kind))
            raise TokenError(next(flaws, TokenFlaw.UNREADABLE)) from None
        except (ValueError, RecursionError):  # a header nested too deeply is read before all else
            raise TokenError(TokenFlaw.UNREADABLE) from None
