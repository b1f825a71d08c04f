"""What changes in the store when a user comes or goes? Pure: one commit's changes each."""

from switchhook.communication.identity.store import (
    CUSTOM_IDS,
    USERS,
    CustomId,
    Found,
    User,
    custom_id_key,
    user_key,
)
from switchhook.communication.records import put
from switchhook.grid.ports import Change, Delete


def new_user(topic: str, raw_id: str, user: User) -> list[Change]:
    """A user comes; the commit conflicts where its custom id is taken."""
    changes: list[Change] = [put(USERS, user_key(topic, raw_id), user, expected=0)]
    if user.custom_id is not None:
        key = custom_id_key(topic, user.custom_id)
        changes.append(put(CUSTOM_IDS, key, CustomId(raw_id=raw_id), expected=0))
    return changes


def deletion(topic: str, raw_id: str, found: Found) -> list[Change]:
    """A user goes, and its custom id with it."""
    changes: list[Change] = [Delete(USERS, user_key(topic, raw_id), expected=found.revision)]
    if found.user.custom_id is not None:
        changes.append(Delete(CUSTOM_IDS, custom_id_key(topic, found.user.custom_id)))
    return changes
