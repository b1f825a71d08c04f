"""What does Identity keep, and under which keys?

| collection | key | value |
| --- | --- | --- |
| `identity-users` | `{topic}/{raw id}` | `User` |
| `identity-custom-ids` | `{topic}/{SHA-256 of the custom id}` | `CustomId` |
| `identity-assignments` | `{topic}/{tenant id}/{object id}` | `Assignment` |

`topic` is the incarnation of the resource's system topic: a resource deleted and created again
under its name inherits nothing. Instants are nanoseconds since the epoch.
"""

import hashlib
from enum import StrEnum
from typing import NamedTuple

import msgspec

from switchhook.communication.records import end_of, key, put, read
from switchhook.errors import ConflictError
from switchhook.grid.ports import Records
from switchhook.grid.publish import CommitEvents

USERS = "identity-users"
CUSTOM_IDS = "identity-custom-ids"
ASSIGNMENTS = "identity-assignments"

# What goes when a resource is deleted.
KEPT = (USERS, CUSTOM_IDS, ASSIGNMENTS)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user that exists.

    `generation` stands in the user's tokens: those of an earlier generation are revoked. It is
    drawn at random, so that tokens from before a deletion stay dead where an id comes back.
    """

    created_at: int
    generation: str
    custom_id: str | None = None
    last_token_issued_at: int | None = None


class CustomId(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a custom id stands for."""

    raw_id: str


class PrincipalType(StrEnum):
    """Whom an assignment is for."""

    RESOURCE_ACCOUNT = "resourceAccount"
    USER = "user"


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """A Teams user or resource account that may use the resource.

    `client_ids` are the applications through which it may; none stands for all.
    """

    principal_type: PrincipalType
    client_ids: tuple[str, ...] | None = None


class Found(NamedTuple):
    """A user as it is stored, and the revision of that."""

    user: User
    revision: int


_user_decoder = msgspec.json.Decoder(User)


def user_key(topic: str, raw_id: str) -> str:
    """The key of a user."""
    return key(topic, raw_id)


def custom_id_key(topic: str, custom_id: str) -> str:
    """The key of a custom id, which may hold any character."""
    return key(topic, hashlib.sha256(custom_id.encode()).hexdigest())


def assignment_key(topic: str, tenant_id: str, object_id: str) -> str:
    """The key of an assignment."""
    return key(topic, tenant_id, object_id)


async def replaces(
    commit: CommitEvents, topic: str, raw_id: str, user: User, revision: int
) -> bool:
    """Write a user that was read at that revision, 0 for a new one.

    Answers False when somebody else wrote it in between: then read it again.
    """
    change = put(USERS, user_key(topic, raw_id), user, expected=revision)
    try:
        await commit((change,), ())
    except ConflictError:
        return False
    return True


class IdentityRecords:
    """Reads what Identity keeps."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def user(self, topic: str, raw_id: str) -> Found | None:
        """The user of that raw id."""
        record = await self._records.get(USERS, user_key(topic, raw_id))
        if record is None:
            return None
        return Found(_user_decoder.decode(record.value), record.revision)

    async def users(self, topic: str, *, after: str, limit: int) -> list[tuple[str, User]]:
        """At most `limit` users of a resource, with raw ids that come after that one, in order."""
        start = user_key(topic, after) + "\0" if after else f"{topic}/"
        found = await self._records.scan(USERS, start=start, end=end_of(topic), limit=limit)
        return [
            (record.key.partition("/")[2], _user_decoder.decode(record.value)) for record in found
        ]

    async def named(self, topic: str, custom_id: str) -> str | None:
        """The raw id of the user with that custom id."""
        found = await read(self._records, CUSTOM_IDS, custom_id_key(topic, custom_id), CustomId)
        return None if found is None else found.raw_id

    async def assignment(self, topic: str, tenant_id: str, object_id: str) -> Assignment | None:
        """The assignment of that principal."""
        return await read(
            self._records, ASSIGNMENTS, assignment_key(topic, tenant_id, object_id), Assignment
        )
