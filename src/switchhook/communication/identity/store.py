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
from typing import NamedTuple, TypeVar

import msgspec

from switchhook.errors import ConflictError
from switchhook.grid.ports import Delete, Put, Record, Records
from switchhook.grid.publish import CommitEvents

USERS = "identity-users"
CUSTOM_IDS = "identity-custom-ids"
ASSIGNMENTS = "identity-assignments"

T = TypeVar("T")


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


_encoder = msgspec.json.Encoder()
_user_decoder = msgspec.json.Decoder(User)


def user_key(topic: str, raw_id: str) -> str:
    """The key of a user."""
    return f"{topic}/{raw_id}"


def custom_id_key(topic: str, custom_id: str) -> str:
    """The key of a custom id, which may hold any character."""
    return f"{topic}/{hashlib.sha256(custom_id.encode()).hexdigest()}"


def assignment_key(topic: str, tenant_id: str, object_id: str) -> str:
    """The key of an assignment."""
    return f"{topic}/{tenant_id}/{object_id}"


def put(collection: str, key: str, value: msgspec.Struct, expected: int | None = None) -> Put:
    """The change that writes a record."""
    return Put(collection, key, _encoder.encode(value), expected)


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

    async def named(self, topic: str, custom_id: str) -> str | None:
        """The raw id of the user with that custom id."""
        found = await self._get(CUSTOM_IDS, custom_id_key(topic, custom_id), CustomId)
        return None if found is None else found.raw_id

    async def assignment(self, topic: str, tenant_id: str, object_id: str) -> Assignment | None:
        """The assignment of that principal."""
        return await self._get(ASSIGNMENTS, assignment_key(topic, tenant_id, object_id), Assignment)

    async def deletions(self, topic: str, limit: int) -> list[Delete]:
        """Deletions of at most `limit` records of a resource that is gone."""
        found: list[Record] = []
        for collection in (USERS, CUSTOM_IDS, ASSIGNMENTS):
            left = limit - len(found)
            if left:
                # "0" is the character after "/".
                found += await self._records.scan(
                    collection, start=f"{topic}/", end=f"{topic}0", limit=left
                )
        return [Delete(record.collection, record.key) for record in found]

    async def _get(self, collection: str, key: str, type_: type[T]) -> T | None:
        record = await self._records.get(collection, key)
        return None if record is None else msgspec.json.decode(record.value, type=type_)
