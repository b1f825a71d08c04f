"""How is a user named? Raw ids of new users, of Entra users and of Teams users.

`8:acs:{immutable id}_{8 hex digits}-xxxx-xxxx-xxxx-{12 hex digits}` as live ids look:
their first group rises slowly. `8:acs:{immutable id}_{tenant}_{object}` and
`8:acs:{immutable id}_wf_{tenant}_{object}` as in examples of the Identity OpenAPI (2025-06-30,
2025-03-02-preview).
"""

import re
from collections.abc import Callable

from switchhook.clock import DAY
from switchhook.communication.identifiers import MAX_RAW_ID_LENGTH, USER_PREFIX, is_user_of
from switchhook.communication.resources import CommunicationResource

TEAMS_USER_PREFIX = "8:orgid:"
# Kinds of raw ids whose users live in directories that are not ours: each of them exists (assumed).
# Teams users and visitors of each cloud, and Teams apps (bots).
FOREIGN_PREFIXES = (TEAMS_USER_PREFIX, "8:dod:", "8:gcch:", "8:teamsvisitor:", "28:")

# The first group counts these since 2020 (assumed: ids of the live service show that it rises).
COUNTER_STEP = DAY
_COUNTED_SINCE = 1_577_836_800 * 1_000_000_000

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_guid(text: str) -> bool:
    """Whether `text` is a GUID in its usual form."""
    return _GUID.fullmatch(text) is not None


def new_user_id(
    resource: CommunicationResource, now: int, random_bytes: Callable[[int], bytes]
) -> str:
    """The raw id of a new user."""
    counter = max(0, now - _COUNTED_SINCE) // COUNTER_STEP & 0xFFFF_FFFF
    rest = random_bytes(12).hex()
    part = f"{counter:08x}-{rest[:4]}-{rest[4:8]}-{rest[8:12]}-{rest[12:]}"
    return f"{USER_PREFIX}{resource.immutable_id}_{part}"


def entra_user_id(resource: CommunicationResource, tenant_id: str, object_id: str) -> str:
    """The raw id of an Entra user, the same each time."""
    return f"{USER_PREFIX}{resource.immutable_id}_wf_{tenant_id}_{object_id}".lower()


def teams_extension_user_id(resource: CommunicationResource, tenant_id: str, object_id: str) -> str:
    """The raw id of a Teams user or resource account that acts for the resource."""
    return f"{USER_PREFIX}{resource.immutable_id}_{tenant_id}_{object_id}".lower()


def teams_user_id(object_id: str) -> str:
    """The raw id of a Teams user."""
    return f"{TEAMS_USER_PREFIX}{object_id}".lower()


def is_own(raw_id: str, resource: CommunicationResource) -> bool:
    """Whether a raw id may be looked up among the resource's users."""
    return len(raw_id) <= MAX_RAW_ID_LENGTH and is_user_of(raw_id, resource)


def is_foreign(raw_id: str) -> bool:
    """Whether a raw id names somebody of a directory that is not ours."""
    kind = next((each for each in FOREIGN_PREFIXES if raw_id.startswith(each)), "")
    return bool(kind) and len(kind) < len(raw_id) <= MAX_RAW_ID_LENGTH
