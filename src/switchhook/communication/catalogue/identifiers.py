"""How do events name a user, a phone number, a Teams user?

`CommunicationIdentifierModel` of the specification (AzureCommunicationServices.json, 2018-01-01).
"""

from switchhook import defaults
from switchhook.communication.catalogue.model import Field, Kind, Required, group, scalar, text

KINDS = (
    "unknown",
    "communicationUser",
    "phoneNumber",
    "microsoftTeamsUser",
    "microsoftTeamsApp",
)
CLOUDS = ("public", "dod", "gcch")

_USERS = f"8:acs:{defaults.COMMUNICATION_IMMUTABLE_ID}_"
ALICE = f"{_USERS}0000001a-0000-0000-0000-00000000a11c"
BOB = f"{_USERS}0000001a-0000-0000-0000-000000000b0b"
CAROL = f"{_USERS}0000001a-0000-0000-0000-0000000ca401"

# Prefixes of raw ids, as azure-communication-chat 1.3.0 lists them; the longest match wins.
_USER_PREFIXES = ("8:acs:", "8:dod-acs:", "8:gcch-acs:", "8:spool:")
_TEAMS_USER_PREFIXES = {
    "8:orgid:": "public",
    "8:dod:": "dod",
    "8:gcch:": "gcch",
    "8:teamsvisitor:": "public",
}
_TEAMS_APP_PREFIXES = {"28:orgid:": "public", "28:dod:": "dod", "28:gcch:": "gcch"}
_NUMBER_PREFIX = "4:"
_PREFIXES = (*_USER_PREFIXES, _NUMBER_PREFIX, *_TEAMS_USER_PREFIXES, *_TEAMS_APP_PREFIXES)


def identifier(
    name: str,
    required: Required,
    raw_id: str = ALICE,
    *,
    kind: bool = False,
    shown: bool | None = None,
    note: str = "",
) -> Field:
    """A field that holds a CommunicationIdentifier; `kind` puts that member into its example."""
    return group(
        name,
        required,
        text("kind", Required.NO, "communicationUser", shown=kind, allowed=KINDS),
        text("rawId", Required.ALWAYS, raw_id),
        group("communicationUser", Required.NO, text("id", Required.YES, raw_id), shown=True),
        group("phoneNumber", Required.NO, text("value", Required.YES, "+15555550123")),
        group(
            "microsoftTeamsUser",
            Required.NO,
            text("userId", Required.YES, "5a1f0000-0000-4000-8000-0000000000d1"),
            scalar("isAnonymous", Kind.BOOLEAN, Required.NO, False),
            text("cloud", Required.NO, "public", allowed=CLOUDS),
        ),
        group(
            "microsoftTeamsApp",
            Required.NO,
            text("appId", Required.YES, "5a1f0000-0000-4000-8000-0000000000d2"),
            text("cloud", Required.NO, "public", allowed=CLOUDS),
        ),
        shown=shown,
        is_identifier=True,
        note=note,
    )


def identifier_of(raw_id: str, *, kind: bool) -> dict[str, object]:
    """The identifier that `raw_id` stands for; with its `kind` in the calling family only.

    Samples of chat and presence events carry no `kind`, those of incoming calls do.
    """
    name, members = _identity(raw_id)
    model: dict[str, object] = {"kind": name} if kind else {}
    model["rawId"] = raw_id
    if members is not None:
        model[name] = members
    return model


def prefix_of(raw_id: str) -> str:
    """The part of `raw_id` that tells what it names; raw ids of one prefix differ in the rest only.

    "" for what is not known.
    """
    return next((prefix for prefix in _PREFIXES if raw_id.startswith(prefix)), "")


def is_user(raw_id: str) -> bool:
    """Whether it names a user of Communication Services, of any resource."""
    return raw_id.startswith(_USER_PREFIXES)


def _identity(raw_id: str) -> tuple[str, dict[str, object] | None]:
    if raw_id.startswith(_USER_PREFIXES):
        return "communicationUser", {"id": raw_id}
    if raw_id.startswith(_NUMBER_PREFIX):
        return "phoneNumber", {"value": raw_id.removeprefix(_NUMBER_PREFIX)}
    for prefix, cloud in _TEAMS_USER_PREFIXES.items():
        if raw_id.startswith(prefix):
            anonymous = prefix == "8:teamsvisitor:"
            user: dict[str, object] = {"userId": raw_id[len(prefix) :], "isAnonymous": anonymous}
            return "microsoftTeamsUser", user | {"cloud": cloud}
    for prefix, cloud in _TEAMS_APP_PREFIXES.items():
        if raw_id.startswith(prefix):
            return "microsoftTeamsApp", {"appId": raw_id[len(prefix) :], "cloud": cloud}
    return "unknown", None
