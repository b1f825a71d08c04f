"""Does a token request get its token? The client credentials grant of OAuth 2.0, as Entra words it.

Source: v2-oauth2-client-creds-grant-flow.md, reference-error-codes.md.
"""

from collections.abc import Mapping
from typing import NamedTuple

from switchhook.authority.applications import Applications

GRANT = "client_credentials"
_SCOPE_END = "/.default"
_OPENID_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})
_SHOWN = 200  # characters of the client's own words in a message


class Grant(NamedTuple):
    """What the token is to say."""

    application_id: str
    audience: str


class Refusal(NamedTuple):
    """Why there is no token: the status, OAuth's word for it and Entra's number and words."""

    status: int
    error: str
    number: int
    message: str


def decide(form: Mapping[str, str], applications: Applications, tenant: str) -> Grant | Refusal:
    """The answer to a token request."""
    for name in ("grant_type", "client_id"):
        if not form.get(name):
            return _missing(name)
    if form["grant_type"] != GRANT:
        kind = form["grant_type"][:_SHOWN]
        message = f"The app requested an unsupported grant type '{kind}'."
        return Refusal(400, "unsupported_grant_type", 70003, message)
    audience = _audience(form)
    if isinstance(audience, Refusal):
        return audience
    refusal = _check_client(form, applications, tenant)
    return refusal or Grant(form["client_id"].lower(), audience)


def _check_client(
    form: Mapping[str, str], applications: Applications, tenant: str
) -> Refusal | None:
    client = form["client_id"]
    if not applications.has_secret(client):
        return Refusal(
            400,
            "unauthorized_client",
            700016,
            f"Application with identifier '{client[:_SHOWN]}' was not found in the directory "
            f"'{tenant}'.",
        )
    secret = form.get("client_secret")
    if not secret:
        return Refusal(
            401,
            "invalid_client",
            7000216,
            "'client_secret' is required for the 'client_credentials' grant type.",
        )
    if not applications.opens(client, secret):
        return Refusal(
            401,
            "invalid_client",
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            "client secret value, not the client secret ID, for a secret added to app "
            f"'{client}'.",
        )
    return None


def _audience(form: Mapping[str, str]) -> str | Refusal:
    """What the token is for: `resource` of the older form, or the one scope of the newer."""
    if form.get("resource"):
        return form["resource"]
    scopes = [each for each in form.get("scope", "").split() if each not in _OPENID_SCOPES]
    if not scopes:
        return _missing("scope")
    if len(scopes) > 1 or not scopes[0].endswith(_SCOPE_END):
        return Refusal(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {' '.join(scopes)[:_SHOWN]} is not valid. Client "
            "credential flows must have a scope value with /.default suffixed to the resource "
            "identifier (application ID URI).",
        )
    return scopes[0].removesuffix(_SCOPE_END) or _missing("scope")


def _missing(name: str) -> Refusal:
    message = f"The request body must contain the following parameter: '{name}'."
    return Refusal(400, "invalid_request", 900144, message)
