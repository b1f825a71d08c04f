"""How do requests and replies name a user?

`CommunicationIdentifierModel` of the OpenAPI files. A user's raw id is
`8:acs:{immutable id of the resource}_{GUID-shaped user part}`.
"""

from typing import Any

import msgspec

from switchhook.communication import catalogue
from switchhook.communication.json_requests import bad_request
from switchhook.communication.resources import CommunicationResource

USER_PREFIX = "8:acs:"
MAX_RAW_ID_LENGTH = 512


class NamedId(msgspec.Struct, frozen=True, kw_only=True):
    """`communicationUser` of an identifier."""

    id: str


class NamedNumber(msgspec.Struct, frozen=True, kw_only=True):
    """`phoneNumber` of an identifier."""

    value: str


class NamedTeamsUser(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`microsoftTeamsUser` of an identifier."""

    user_id: str
    is_anonymous: bool = False
    cloud: str = "public"


class NamedTeamsApp(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`microsoftTeamsApp` of an identifier."""

    app_id: str
    cloud: str = "public"


class Identifier(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An identifier as clients send it: `rawId`, one typed member, and no `kind`."""

    raw_id: str | None = None
    communication_user: NamedId | None = None
    phone_number: NamedNumber | None = None
    microsoft_teams_user: NamedTeamsUser | None = None
    microsoft_teams_app: NamedTeamsApp | None = None


_CLOUDS = {"public": "orgid", "dod": "dod", "gcch": "gcch"}


def raw_id_of(identifier: Identifier) -> str:
    """The raw id that an identifier stands for.

    `rawId` counts where it is given; a typed member is enough.

    Raises:
        RequestError: 400, it names nobody.
    """
    raw_id = identifier.raw_id or _typed(identifier)
    if not raw_id:
        raise bad_request("The identifier names nobody: 'rawId' is missing.")
    if len(raw_id) > MAX_RAW_ID_LENGTH:
        raise bad_request(f"'rawId' has over {MAX_RAW_ID_LENGTH} characters.")
    return raw_id


def render_identifier(raw_id: str) -> dict[str, Any]:
    """An identifier as replies carry it: `rawId`, `kind` and the typed member."""
    return catalogue.identifier_of(raw_id, kind=True)


def is_user_of(raw_id: str, resource: CommunicationResource) -> bool:
    """Whether a raw id has the form of this resource's own users."""
    return raw_id.startswith(f"{USER_PREFIX}{resource.immutable_id}_")


def _typed(identifier: Identifier) -> str:
    if identifier.communication_user is not None:
        return identifier.communication_user.id
    if identifier.phone_number is not None:
        return f"4:{identifier.phone_number.value}"
    if identifier.microsoft_teams_user is not None:
        user = identifier.microsoft_teams_user
        kind = "teamsvisitor" if user.is_anonymous else _CLOUDS.get(user.cloud, "orgid")
        return f"8:{kind}:{user.user_id}"
    if identifier.microsoft_teams_app is not None:
        app = identifier.microsoft_teams_app
        return f"28:{_CLOUDS.get(app.cloud, 'orgid')}:{app.app_id}"
    return ""
