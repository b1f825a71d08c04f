"""What does presence keep, and under which keys?

| collection | key | value |
| --- | --- | --- |
| `presence-users` | `{topic}/{raw id}` | `Written`: a user who is connected, or was just now |
| `presence-due` | `{due at:020}/{topic}/{raw id}` | nothing: the user is gone at that instant |

`topic` is the incarnation of the resource's system topic. A user who is gone has no record.
"""

import msgspec

from switchhook.communication.due_work import due_key
from switchhook.grid.ports import Change, Delete, Put

USERS = "presence-users"
DUE = "presence-due"

NOTHING = b"{}"

_encoder = msgspec.json.Encoder()


class Written(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A user's record: connected, or without `due_at`, gone from that instant on unless back."""

    due_at: int | None = None


CONNECTED = Written()


def user_key(topic: str, raw_id: str) -> str:
    """The key of a user."""
    return f"{topic}/{raw_id}"


def parts_of(key: str) -> tuple[str, str]:
    """Topic and raw id of a user's key."""
    topic, _, raw_id = key.partition("/")
    return topic, raw_id


def parse_due(key: str) -> tuple[int, str]:
    """The instant and the user's key, of the key of what is due."""
    due_at, _, user = key.partition("/")
    return int(due_at), user


def decode(value: bytes) -> Written:
    """A user's record."""
    return msgspec.json.decode(value, type=Written)


def change(key: str, before: Written | None, after: Written | None) -> list[Change]:
    """The changes that write down how a user is; none where that is written."""
    if before == after:
        return []
    changes: list[Change] = []
    if before is not None and before.due_at is not None:
        changes.append(Delete(DUE, due_key(before.due_at, key)))
    if after is None:
        return [*changes, Delete(USERS, key)]
    if after.due_at is not None:
        changes.append(Put(DUE, due_key(after.due_at, key), NOTHING))
    return [*changes, Put(USERS, key, _encoder.encode(after))]
