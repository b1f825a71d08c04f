"""Is a token refused as soon as it is worthless, though its user has just called with it?"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import pytest

from switchhook.communication.identity.caller import Scope
from switchhook.communication.identity.known_users import KnownUsers
from switchhook.communication.identity.requests import CreateUser, TokenRequest
from switchhook.communication.identity.store import (
    USERS,
    IdentityRecords,
    User,
    user_key,
)
from switchhook.communication.records import put
from switchhook.errors import RequestError, StoreFullError
from switchhook.grid.ports import Batch, Change, Delete, Record
from switchhook.stores.memory import MemoryStore
from tests.flow.identity.world import IdentityWorld

_TOKEN = TokenRequest(scopes=(Scope.CHAT,))


class SlowStore(MemoryStore):
    """Counts reads, which wait; its commits wait, too, before and after they are durable."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.may_read = asyncio.Event()
        self.may_commit = asyncio.Event()
        self.is_durable = asyncio.Event()
        self.may_end = asyncio.Event()
        for each in (self.may_read, self.may_commit, self.may_end):
            each.set()

    async def get(self, collection: str, key: str) -> Record | None:
        found = await super().get(collection, key)
        self.reads += 1
        await self.may_read.wait()
        return found

    async def slow_commit(self, changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        """The `CommitEvents`."""
        await self.may_commit.wait()
        position = await self.commit(changes, batches)
        self.is_durable.set()
        await self.may_end.wait()
        return position


async def known_user(generation: str = "first") -> tuple[SlowStore, KnownUsers]:
    """A user who has called before."""
    store = SlowStore()
    users = KnownUsers(IdentityRecords(store), store.slow_commit)
    await users.commit((_written(generation),), ())
    assert await users.generation("t", "u") == generation
    store.is_durable.clear()
    return store, users


def _written(generation: str) -> Change:
    return put(USERS, user_key("t", "u"), User(created_at=1, generation=generation))


async def signed_in(world: IdentityWorld) -> tuple[str, str]:
    """A user who has called, and the token."""
    raw_id, token = await world.engine.create(world.resource, CreateUser(token=_TOKEN))
    assert token is not None
    assert (await world.engine.caller_of(token.token)).raw_id == raw_id
    return raw_id, token.token


async def is_refused(world: IdentityWorld, token: str) -> bool:
    """Whether nobody may call with it."""
    try:
        await world.engine.caller_of(token)
    except RequestError as error:
        return error.status == HTTPStatus.UNAUTHORIZED
    return False


async def test_a_revoked_token_is_refused_at_once(world: IdentityWorld) -> None:
    """And a new one of the same user is not."""
    raw_id, token = await signed_in(world)

    await world.engine.revoke(world.resource, raw_id)

    assert await is_refused(world, token)
    new = await world.engine.issue(world.resource, raw_id, _TOKEN)
    assert not await is_refused(world, new.token)
    assert await is_refused(world, token)


async def test_a_token_of_a_deleted_user_is_refused_at_once(world: IdentityWorld) -> None:
    """Whether the user alone was deleted, or all of the resource."""
    (raw_id, token), (_, other) = await signed_in(world), await signed_in(world)

    await world.engine.delete(world.resource, raw_id)
    assert await is_refused(world, token)
    assert not await is_refused(world, other)
    await world.engine.forget(world.resource.topic)

    assert await is_refused(world, other)


async def test_a_user_who_calls_again_is_not_looked_up() -> None:
    """Nor after another user was written."""
    store, users = await known_user()
    reads = store.reads
    await users.commit((put(USERS, user_key("t", "v"), User(created_at=1, generation="v")),), ())

    assert await users.generation("t", "u") == "first"
    assert store.reads == reads


async def test_a_user_is_looked_up_while_a_commit_changes_it() -> None:
    """What is durable counts, before its commit has ended."""
    store, users = await known_user()
    store.may_end.clear()
    revoking = asyncio.create_task(users.commit((_written("second"),), ()))
    await store.is_durable.wait()

    assert await users.generation("t", "u") == "second"
    store.may_end.set()
    await revoking
    assert await users.generation("t", "u") == "second"


async def test_what_was_read_before_a_commit_is_not_kept() -> None:
    """A look-up that takes longer than the commit answers the old state once, as it may."""
    store, users = await known_user()
    await users.commit((_written("second"),), ())
    store.may_read.clear()
    slow = asyncio.create_task(users.generation("t", "u"))
    await asyncio.sleep(0)
    await users.commit((_written("third"),), ())
    store.may_read.set()

    assert await slow == "second"
    assert await users.generation("t", "u") == "third"


async def test_what_was_read_during_a_commit_is_not_kept() -> None:
    """Though the look-up ends after it."""
    store, users = await known_user()
    store.may_commit.clear()
    revoking = asyncio.create_task(users.commit((_written("second"),), ()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    store.may_read.clear()
    slow = asyncio.create_task(users.generation("t", "u"))
    await asyncio.sleep(0)
    store.may_commit.set()
    await revoking
    store.may_read.set()

    assert await slow == "first"
    assert await users.generation("t", "u") == "second"


async def test_a_caller_who_goes_away_in_mid_commit_changes_nothing() -> None:
    """The commit becomes durable after all, and counts from then on."""
    store, users = await known_user()
    store.may_commit.clear()
    revoking = asyncio.create_task(users.commit((_written("second"),), ()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    revoking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await revoking
    assert await users.generation("t", "u") == "first"

    store.may_commit.set()
    await store.is_durable.wait()

    assert await users.generation("t", "u") == "second"


async def test_a_commit_that_fails_changes_nothing() -> None:
    """Its error is the caller's; the user is looked up again."""

    async def refuse(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        raise StoreFullError("no room")

    store, _ = await known_user()
    users = KnownUsers(IdentityRecords(store), refuse)
    assert await users.generation("t", "u") == "first"

    with pytest.raises(StoreFullError):
        await users.commit((Delete(USERS, user_key("t", "u")),), ())

    assert await users.generation("t", "u") == "first"


async def test_only_so_many_users_are_known() -> None:
    """Those who were looked up last; the others are looked up again."""
    store = SlowStore()
    users = KnownUsers(IdentityRecords(store), store.slow_commit, capacity=2)
    for name in "abc":
        user = User(created_at=1, generation=name)
        await users.commit((put(USERS, user_key("t", name), user),), ())
        assert await users.generation("t", name) == name
    reads = store.reads

    assert [await users.generation("t", name) for name in "bca"] == ["b", "c", "a"]
    assert store.reads == reads + 1


async def test_a_user_who_comes_to_be_is_found() -> None:
    """That there was none is not remembered."""
    store = SlowStore()
    users = KnownUsers(IdentityRecords(store), store.slow_commit)

    assert await users.generation("t", "u") is None
    await users.commit((_written("first"),), ())

    assert await users.generation("t", "u") == "first"
