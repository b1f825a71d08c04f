"""Who calls with a user access token?"""

from enum import StrEnum

import msgspec

from switchhook.communication.resources import CommunicationResource


class Scope(StrEnum):
    """What a user access token allows (concept article "Identity model")."""

    CHAT = "chat"
    VOIP = "voip"
    CHAT_JOIN = "chat.join"
    CHAT_JOIN_LIMITED = "chat.join.limited"
    VOIP_JOIN = "voip.join"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A user whose token is in force. `raw_id` is the user's raw id, such as `8:acs:...`."""

    resource: CommunicationResource
    raw_id: str
    scopes: frozenset[Scope]
