"""Does a token request get its token? Two grants of OAuth 2.0, as Entra words them.

Client credentials make a token of the application, a password makes one of a user. This authority
keeps no users: whoever has the application's secret may speak for each of them, and that secret is
every user's password.

Source: v2-oauth2-client-creds-grant-flow.md, v2-oauth-ropc.md, reference-error-codes.md.
"""

from collections.abc import Mapping
from typing import NamedTuple

from switchhook.authority.applications import Applications

GRANT = "client_credentials"
PASSWORD_GRANT = "password"  # noqa: S105 - the name of a grant
MAX_USERNAME_LENGTH = 256
_SCOPE_END = "/.default"
_OPENID_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})
_SHOWN = 200  # characters of the client's own words in a message


class Grant(NamedTuple):
    """What the token is to say, and whether one that tells who the user is comes with it."""

    application_id: str
    audience: str
    username: str = ""
    with_id_token: bool = False


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
    if form["grant_type"] not in (GRANT, PASSWORD_GRANT):
        kind = form["grant_type"][:_SHOWN]
        message = f"The app requested an unsupported grant type '{kind}'."
        return Refusal(400, "unsupported_grant_type", 70003, message)
    if form["grant_type"] == PASSWORD_GRANT:
        return _decide_user(form, applications, tenant)
    audience = _audience(form)
    if isinstance(audience, Refusal):
        return audience
    refusal = _check_client(form, applications, tenant)
    return refusal or Grant(form["client_id"].lower(), audience)


def _decide_user(
    form: Mapping[str, str], applications: Applications, tenant: str
) -> Grant | Refusal:
    audience = _user_audience(form)
    if isinstance(audience, Refusal):
        return audience
    for name in ("username", "password"):
        if not form.get(name):
            return _missing(name)
    client, username = form["client_id"], form["username"]
    refusal = _check_registered(client, applications, tenant)
    if refusal is not None:
        return refusal
    if len(username) > MAX_USERNAME_LENGTH or not applications.opens(client, form["password"]):
        message = "Error validating credentials due to invalid username or password."
        return Refusal(400, "invalid_grant", 50126, message)
    with_id_token = "openid" in form.get("scope", "").split()
    return Grant(client.lower(), audience, username, with_id_token)


def _check_client(
    form: Mapping[str, str], applications: Applications, tenant: str
) -> Refusal | None:
    client = form["client_id"]
    refusal = _check_registered(client, applications, tenant)
    if refusal is not None:
        return refusal
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


def _check_registered(client: str, applications: Applications, tenant: str) -> Refusal | None:
    if applications.has_secret(client):
        return None
    return Refusal(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{client[:_SHOWN]}' was not found in the directory "
        f"'{tenant}'.",
    )


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


def _user_audience(form: Mapping[str, str]) -> str | Refusal:
    """What a user's token is for: scopes may name single permissions, all of one audience."""
    if form.get("resource"):
        return form["resource"]
    scopes = [each for each in form.get("scope", "").split() if each not in _OPENID_SCOPES]
    audiences = {scope.rpartition("/")[0] for scope in scopes}
    if not audiences:
        return _missing("scope")
    if len(audiences) > 1 or "" in audiences:
        return Refusal(
            400,
            "invalid_scope",
            70011,
            f"The provided value for the input parameter 'scope' is not valid. The scope "
            f"{' '.join(scopes)[:_SHOWN]} is not valid.",
        )
    return audiences.pop()


def _missing(name: str) -> Refusal:
    message = f"The request body must contain the following parameter: '{name}'."
    return Refusal(400, "invalid_request", 900144, message)
