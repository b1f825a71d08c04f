"""Users come, are found and go, each change in one commit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from switchhook.communication.identity.requests import CreateUser, parse_assignment
from switchhook.communication.identity.store import PrincipalType
from switchhook.communication.identity.user_ids import new_user_id
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import CommitUnknownError, RequestError, StoreError
from switchhook.grid.ports import Batch, Change, Put, Record
from switchhook.stores.memory import MemoryStore
from tests.flow.identity.world import (
    CHAT,
    OTHER_IMMUTABLE_ID,
    IdentityWorld,
    a_world,
    another_resource,
)

TENANT = "5a1f0000-0000-4000-8000-0000000000e1"
OBJECT = "5a1f0000-0000-4000-8000-0000000000e2"
COLLECTIONS = ("identity-users", "identity-custom-ids", "identity-assignments")


async def refusal(answer: Awaitable[object]) -> tuple[int, str]:
    """How the request is refused."""
    with pytest.raises(RequestError) as refused:
        await answer
    return refused.value.status, refused.value.code


def actions(world: IdentityWorld) -> list[Callable[[str], Awaitable[object]]]:
    """All that is done with a user of a given id."""
    engine, resource = world.engine, world.resource
    return [
        lambda raw_id: engine.user(resource, raw_id),
        lambda raw_id: engine.issue(resource, raw_id, CHAT),
        lambda raw_id: engine.revoke(resource, raw_id),
        lambda raw_id: engine.delete(resource, raw_id),
    ]


async def test_user_is_found_and_its_last_token(world: IdentityWorld) -> None:
    """By the server's clock."""
    raw_id = await world.create(custom_id="ann@contoso.example")
    created = await world.engine.user(world.resource, raw_id)
    await world.clock.advance(timedelta(minutes=5))
    await world.token(raw_id)

    user = await world.engine.user(world.resource, raw_id)

    assert (created.custom_id, created.last_token_issued_at) == ("ann@contoso.example", None)
    assert user.last_token_issued_at == world.clock.now() == created.created_at + 300 * 10**9


async def test_user_that_does_not_exist_is_not_found(world: IdentityWorld) -> None:
    """Never, or no longer."""
    gone = await world.create()
    await world.engine.delete(world.resource, gone)
    never = new_user_id(world.resource, 0, bytes)
    odd = f"8:acs:{world.resource.immutable_id}_\x00/../é"

    for act in actions(world):
        for raw_id in (gone, never, odd):
            assert await refusal(act(raw_id)) == (404, "IdentityNotFound")


async def test_user_of_another_resource_is_not_owned(world: IdentityWorld) -> None:
    """In the words of the service; nor is anything that is no user's id."""
    other = another_resource()
    world.directory.put(other)
    theirs, _ = await world.engine.create(other, CreateUser())
    assert OTHER_IMMUTABLE_ID in theirs

    for act in actions(world):
        for raw_id in (theirs, "ann", "8:orgid:" + OBJECT, "", "a" * 4000):
            assert await refusal(act(raw_id)) == (401, "IdentityNotOwned")
    assert await world.engine.user(other, theirs)


async def test_custom_id_is_one_user(world: IdentityWorld) -> None:
    """Each time, at each resource its own; until the user is deleted."""
    other = another_resource()
    first = await world.create(custom_id="ann/é\x00")
    again, token = await world.engine.create(
        world.resource, CreateUser(custom_id="ann/é\x00", token=CHAT)
    )
    elsewhere, _ = await world.engine.create(other, CreateUser(custom_id="ann/é\x00"))

    assert first == again
    assert token is not None
    assert (await world.engine.caller_of(token.token)).raw_id == first
    assert len({first, elsewhere, await world.create(custom_id="ANN"), await world.create()}) == 4
    await world.engine.delete(world.resource, first)
    assert await world.create(custom_id="ann/é\x00") != first


class DeletedMeanwhile(MemoryStore):
    """A store in which something happens right after a custom id was looked up."""

    act: Callable[[], Awaitable[None]] | None = None

    async def get(self, collection: str, key: str) -> Record | None:
        """See Records."""
        found = await super().get(collection, key)
        if collection == "identity-custom-ids" and self.act is not None:
            act, self.act = self.act, None
            await act()
        return found


async def test_user_of_a_custom_id_who_is_deleted_meanwhile_is_a_new_one() -> None:
    """The custom id was found, its user is there no more when the token is issued."""
    store = DeletedMeanwhile()
    world = a_world(store=store)
    gone = await world.create(custom_id="ann")
    store.act = lambda: world.engine.delete(world.resource, gone)

    raw_id, token = await world.engine.create(
        world.resource, CreateUser(custom_id="ann", token=CHAT)
    )

    assert raw_id != gone
    assert token is not None
    assert (await world.engine.caller_of(token.token)).raw_id == raw_id


async def test_custom_id_is_one_user_for_all_who_ask_at_once(world: IdentityWorld) -> None:
    """Whoever comes second is answered the first one's."""
    ids = await asyncio.gather(*(world.create(custom_id="ann") for _ in range(20)))

    assert len(set(ids)) == 1
    assert len(await world.store.scan("identity-users")) == 1


async def test_tokens_asked_for_at_once_are_all_good(world: IdentityWorld) -> None:
    """Each write of the user sees the one before."""
    raw_id = await world.create()

    tokens = await asyncio.gather(*(world.token(raw_id) for _ in range(20)))

    assert [(await world.engine.caller_of(token)).raw_id for token in tokens] == [raw_id] * 20


async def test_token_issued_while_others_are_revoked_is_whole() -> None:
    """It is either refused or not, and revocation is not undone by it."""
    world = a_world()
    raw_id = await world.create()
    before = await world.token(raw_id)

    await asyncio.gather(
        world.token(raw_id), world.engine.revoke(world.resource, raw_id), world.token(raw_id)
    )

    with pytest.raises(RequestError):
        await world.engine.caller_of(before)
    assert await world.engine.caller_of(await world.token(raw_id))


async def test_id_is_never_drawn_twice() -> None:
    """However unlikely: the second user must not be the first one."""
    drawn = iter([bytes(12), bytes(12), bytes([1] * 12)])
    world = a_world(random_bytes=lambda _: next(drawn))

    first, second = await world.create(custom_id="ann"), await world.create()

    assert first != second
    assert (await world.engine.user(world.resource, first)).custom_id == "ann"


async def test_user_is_deleted_once(world: IdentityWorld) -> None:
    """Whoever comes second is told so, and takes nothing along that came meanwhile."""
    raw_id = await world.create(custom_id="ann")

    outcomes = await asyncio.gather(
        *(world.engine.delete(world.resource, raw_id) for _ in range(2)), return_exceptions=True
    )

    assert [type(each) for each in outcomes if each is not None] == [RequestError]


async def test_users_are_listed_in_parts(world: IdentityWorld) -> None:
    """In the order of their ids, each once, those of other resources left out."""
    other = another_resource(topic=f"{world.resource.topic}~")
    await world.engine.create(other, CreateUser())
    ids = sorted([await world.create() for _ in range(3)])

    first = await world.engine.users(world.resource, limit=2)
    second = await world.engine.users(world.resource, after=first[-1][0], limit=2)

    assert [raw_id for raw_id, _ in first] == ids[:2]
    assert [raw_id for raw_id, _ in second] == ids[2:]


async def test_users_who_may_take_part(world: IdentityWorld) -> None:
    """Own users that exist, and whoever is of a directory that is not ours."""
    own, gone = await world.create(), await world.create()
    await world.engine.delete(world.resource, gone)
    other = another_resource()
    theirs, _ = await world.engine.create(other, CreateUser())
    teams, bot = f"8:orgid:{OBJECT}", f"28:orgid:{OBJECT}"

    found = await world.engine.exist(
        world.resource, [own, gone, theirs, teams, bot, "4:+14255550123", "ann", own]
    )

    assert found == {own, teams, bot}


async def test_deletion_takes_what_belongs_to_the_user_along() -> None:
    """In the same commit; who does the rest later is told when."""
    commits: list[list[Change]] = []
    store = MemoryStore()
    told: list[int] = []

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        commits.append(list(changes))
        return await store.commit(changes, batches)

    def on_delete(resource: CommunicationResource, raw_id: str, at: int) -> list[Change]:
        return [Put("chat-due", f"{at}/{resource.topic}/{raw_id}", b"{}")]

    world = a_world(store=store, commit=commit, on_delete=on_delete, deleted=told.append)
    raw_id = await world.create(custom_id="ann")
    await world.engine.delete(world.resource, raw_id)

    now = world.clock.now()
    assert told == [now]
    [record] = await store.scan("chat-due")
    assert record.key == f"{now}/{world.resource.topic}/{raw_id}"
    assert len(commits[-1]) == 3
    for collection in COLLECTIONS:
        assert await store.scan(collection) == []


@pytest.mark.parametrize("is_durable", [False, True], ids=["lost", "durable"])
@pytest.mark.parametrize("act", range(1, 4))
async def test_change_of_unknown_outcome_is_found_as_it_is(act: int, *, is_durable: bool) -> None:
    """The client got 503 and asks again: what it wanted is the case then."""
    store, fails = MemoryStore(), False

    async def commit(changes: Sequence[Change], batches: Sequence[Batch]) -> int:
        if not fails or is_durable:
            await store.commit(changes, batches)
        if fails:
            raise CommitUnknownError("the process died")
        return 0

    world = a_world(store=store, commit=commit)
    raw_id = await world.create(custom_id="ann")
    token = await world.token(raw_id)
    fails = True
    with pytest.raises(StoreError):
        await actions(world)[act](raw_id)

    fails = False
    took_effect = is_durable and act > 1
    if took_effect:
        assert await refusal(world.engine.caller_of(token)) == (401, "Unauthorized")
    else:
        assert await world.engine.caller_of(token)
    is_deleted = is_durable and act == 3
    assert (await world.create(custom_id="ann") == raw_id) is not is_deleted


async def test_resource_that_is_forgotten_leaves_nothing(world: IdentityWorld) -> None:
    """In several commits, and other resources keep theirs."""
    other = another_resource()
    kept, _ = await world.engine.create(other, CreateUser(custom_id="ann"))
    assignment = parse_assignment(b'{"principalType": "user"}')
    assert assignment.principal_type is PrincipalType.USER
    for resource in (world.resource, other):
        await world.engine.entra.assign(resource, TENANT, OBJECT, assignment)
    for number in range(260):
        await world.create(custom_id=str(number))

    await world.engine.forget(world.resource.topic)

    for collection in COLLECTIONS:
        [record] = await world.store.scan(collection)
        assert record.key.startswith(f"{other.topic}/")
    assert (await world.engine.user(other, kept)).custom_id == "ann"
