"""What does a token of ours say, and whom may it address?"""

import msgspec


class Claims(msgspec.Struct, frozen=True, kw_only=True, rename={"audience": "aud"}):
    """What a verified token says; the members are those of Entra's access tokens.

    Source: access-token-claims-reference.md.
    """

    audience: str
    iss: str
    tid: str
    appid: str
    oid: str
    sub: str
    iat: int
    nbf: int
    exp: int
    roles: tuple[str, ...] = ()


MANAGEMENT_AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")


def is_audience(given: str, allowed: str) -> bool:
    """Whether two names of an audience are the same; clients differ in the final slash."""
    return given.rstrip("/").lower() == allowed.rstrip("/").lower()
