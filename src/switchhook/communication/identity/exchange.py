"""Which Entra user does a token of our authority stand for, and may it become one of a resource?

Sources: OpenAPI of Identity 2022-06-01 (Teams users), 2025-06-30 (Teams extension) and
2025-03-02-preview (Entra); codes and messages of the first: recorded sessions of
azure-communication-identity (azure-sdk-for-python). Tokens of applications are taken as well as
those of users: an application is a user of its own object id.
"""

from collections.abc import Callable, Collection

from switchhook.authority import Claims
from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.requests import (
    ExchangeTeamsUser,
    check_guid,
    invalid,
    required,
)
from switchhook.communication.identity.store import Assignment
from switchhook.errors import RequestError, TokenError

# What the scopes of @azure/communication-common 2.4.2 (`entraTokenCredential`) come to in a token.
ENTRA_AUDIENCE = "https://communication.azure.com/clients"
TEAMS_AUDIENCE = "https://auth.msft.communication.azure.com"
# What the management of identities asks Entra for (azure-communication-identity 1.5.0).
SERVICE_AUDIENCE = "https://communication.azure.com"

# What an exchanged token allows; in Azure that follows from the permissions which the Entra token
# carries (assumed: all of them).
EXCHANGED_SCOPES = (Scope.CHAT, Scope.VOIP)

# Whether a Teams user or resource account has to be assigned before its token is exchanged: the
# articles make it a step of the setup; what the service answers without is assumed.
ASSIGNMENT_IS_NEEDED = True

# What a token says that is ours and meant for one of these audiences; raises TokenError.
Verify = Callable[[str, Collection[str]], Claims]


def read_entra_token(verify: Verify, token: str, audience: str) -> Claims:
    """What an Entra token says that is meant for that audience.

    Raises:
        RequestError: 401 `InvalidAccessToken`.
    """
    try:
        return verify(token, (audience,))
    except TokenError:
        message = "Provided access token is not valid."
        raise RequestError(401, "InvalidAccessToken", message) from None


def read_teams_user(verify: Verify, request: ExchangeTeamsUser) -> Claims:
    """What a Teams user's token says, if it is of the application and user that are named.

    A wrong token is refused as such whatever else is wrong, as in the recorded sessions.

    Raises:
        RequestError: 401 for the token, 400 for what it is not of.
    """
    claims = read_entra_token(verify, request.token, TEAMS_AUDIENCE)
    for name, value in (("AppId", request.app_id), ("UserId", request.user_id)):
        if not value:
            raise required(name)
    check_guid(request.app_id, "appId")
    if claims.appid.lower() != request.app_id.lower():
        raise invalid("appId", "AAD application is not the expected one.")
    check_guid(request.user_id, "userId")
    if claims.oid.lower() != request.user_id.lower():
        raise invalid("userId", "Provided AAD token issued for unexpected user.")
    return claims


def check_assignment(assignment: Assignment | None, claims: Claims) -> None:
    """Let a principal through that is assigned, through an application that is named.

    Raises:
        RequestError: 403.
    """
    if not ASSIGNMENT_IS_NEEDED:
        return
    if assignment is None:
        raise RequestError(403, "Forbidden", "The principal is not assigned to the resource.")
    if assignment.client_ids and claims.appid.lower() not in assignment.client_ids:
        raise RequestError(403, "Forbidden", "The application is not named by the assignment.")
