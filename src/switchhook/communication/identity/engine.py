"""The Identity engine: users of every resource, their access tokens, and who calls with one."""

import time
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from switchhook.authority.authority import Signing
from switchhook.clock import Clock
from switchhook.communication.directory import CommunicationDirectory, named_by
from switchhook.communication.identity.caller import Caller
from switchhook.communication.identity.changes import deletion, new_user
from switchhook.communication.identity.entra import EntraUsers
from switchhook.communication.identity.exchange import Verify
from switchhook.communication.identity.known_users import KnownUsers
from switchhook.communication.identity.requests import CreateUser, TokenRequest
from switchhook.communication.identity.store import KEPT, Found, IdentityRecords, User, replaces
from switchhook.communication.identity.tokens import AccessToken, UserTokens, unauthorized
from switchhook.communication.identity.user_ids import is_foreign, is_own, new_user_id
from switchhook.communication.records import forget
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import ConflictError, RequestError
from switchhook.grid.ports import Change, Records
from switchhook.grid.publish import CommitEvents

# Status and code for a user that does not exist; no document has them (assumed).
NOT_FOUND = (404, "IdentityNotFound")

# What else has to change when a user is deleted at that instant, and what to do once it has.
OnDelete = Callable[[CommunicationResource, str, int], list[Change]]


class IdentityEngine:
    """Keeps users and issues their tokens.

    Whatever it answers is durable: a token escapes when its user is, and what is revoked stays
    revoked. `now` is real time, by which tokens age; `clock` moves everything else. `on_delete`
    answers what goes into the commit that deletes a user; `deleted` hears of its instant.
    """

    def __init__(
        self,
        *,
        store: Records,
        commit: CommitEvents,
        clock: Clock,
        directory: CommunicationDirectory,
        signing: Callable[[], Signing],
        verify: Verify,
        new_guid: Callable[[], UUID],
        random_bytes: Callable[[int], bytes],
        now: Callable[[], int] = time.time_ns,
        on_delete: OnDelete = lambda resource, raw_id, at: [],
        deleted: Callable[[int], None] = lambda at: None,
    ) -> None:
        self._records = IdentityRecords(store)
        self._store = store
        self._known = KnownUsers(self._records, commit)
        self._commit = self._known.commit
        self._clock = clock
        self._directory = directory
        self._tokens = UserTokens(signing=signing, now=now)
        self._new_guid = new_guid
        self._random_bytes = random_bytes
        self._on_delete = on_delete
        self._deleted = deleted
        self.entra = EntraUsers(
            records=self._records,
            commit=self._commit,
            clock=clock,
            tokens=self._tokens,
            verify=verify,
            new_guid=new_guid,
        )

    # --- users ---------------------------------------------------------------------------------

    async def create(
        self, resource: CommunicationResource, request: CreateUser
    ) -> tuple[str, AccessToken | None]:
        """A new user's raw id, or that of the user with this custom id; with a token if asked for.

        Raises:
            StoreError: nothing was created.
        """
        raw_id = await self._create(resource, request.custom_id)
        while True:
            if request.token is None:
                return raw_id, None
            try:
                return raw_id, await self.issue(resource, raw_id, request.token)
            except RequestError:
                # The user of this custom id was deleted meanwhile: it stands for a new one.
                raw_id = await self._create(resource, request.custom_id)

    async def _create(self, resource: CommunicationResource, custom_id: str | None) -> str:
        while True:
            named = custom_id and await self._records.named(resource.topic, custom_id)
            if named:
                return named
            now = self._clock.now()
            raw_id = new_user_id(resource, now, self._random_bytes)
            user = User(created_at=now, generation=self._new_guid().hex, custom_id=custom_id)
            try:
                await self._commit(new_user(resource.topic, raw_id, user), ())
            except ConflictError:
                continue  # the custom id has been taken meanwhile
            return raw_id

    async def users(
        self, resource: CommunicationResource, *, after: str = "", limit: int
    ) -> list[tuple[str, User]]:
        """At most `limit` users with raw ids that come after that one, in order."""
        return await self._records.users(resource.topic, after=after, limit=limit)

    async def named(self, resource: CommunicationResource, custom_id: str) -> str | None:
        """The raw id of the user with that custom id; unlike `create`, it makes none."""
        return await self._records.named(resource.topic, custom_id)

    async def user(self, resource: CommunicationResource, raw_id: str) -> User:
        """The resource's user of that raw id.

        Raises:
            RequestError: 401 for an id that is not of this resource, 404 for one of nobody.
        """
        return (await self._find(resource, raw_id)).user

    async def revoke(self, resource: CommunicationResource, raw_id: str) -> None:
        """Make every token of the user worthless that was issued before.

        Raises:
            RequestError: as for `user`.
        """
        while True:
            found = await self._find(resource, raw_id)
            user = msgspec.structs.replace(found.user, generation=self._new_guid().hex)
            if await replaces(self._commit, resource.topic, raw_id, user, found.revision):
                return

    async def delete(self, resource: CommunicationResource, raw_id: str) -> None:
        """Delete the user and whatever belongs to it; its tokens are worthless from then on.

        Raises:
            RequestError: as for `user`.
        """
        while True:
            found = await self._find(resource, raw_id)
            now = self._clock.now()
            changes = deletion(resource.topic, raw_id, found)
            changes += self._on_delete(resource, raw_id, now)
            try:
                await self._commit(changes, ())
            except ConflictError:
                continue
            finally:
                # Also when the commit's outcome is unknown, or the caller has gone away.
                self._deleted(now)
            return

    async def exist(
        self, resource: CommunicationResource, raw_ids: Sequence[str]
    ) -> frozenset[str]:
        """Which of them may take part in a thread of the resource: its own users that exist, and
        whoever is of a directory that is not ours."""
        return frozenset([each for each in raw_ids if await self._exists(resource, each)])

    async def _exists(self, resource: CommunicationResource, raw_id: str) -> bool:
        if not is_own(raw_id, resource):
            return is_foreign(raw_id)
        return await self._records.user(resource.topic, raw_id) is not None

    async def forget(self, topic: str) -> None:
        """Delete what a deleted resource left; `topic` is the incarnation of its system topic."""
        await forget(self._store, self._commit, KEPT, topic)

    # --- tokens --------------------------------------------------------------------------------

    async def issue(
        self, resource: CommunicationResource, raw_id: str, request: TokenRequest
    ) -> AccessToken:
        """A token of an existing user.

        Raises:
            RequestError: as for `user`.
        """
        while True:
            found = await self._find(resource, raw_id)
            user = msgspec.structs.replace(found.user, last_token_issued_at=self._clock.now())
            if await replaces(self._commit, resource.topic, raw_id, user, found.revision):
                return self._tokens.issue(
                    resource,
                    raw_id,
                    user.generation,
                    request.scopes,
                    lifetime=request.expires_in_minutes * 60,
                )

    async def caller_of(self, token: str, host: str = "") -> Caller:
        """Who calls with a token that is in force; `host` is the request's, whose resource must be
        that of the token if it names one.

        Raises:
            RequestError: 401 `Unauthorized`.
        """
        claims = self._tokens.read(token)
        resource = self._directory.by_immutable_id(claims.resource_id)
        if resource is None or named_by(host) not in (None, resource.name.lower()):
            raise unauthorized()
        if await self._known.generation(resource.topic, claims.raw_id) != claims.generation:
            raise unauthorized()
        return Caller(resource=resource, raw_id=claims.raw_id, scopes=claims.scopes)

    # --- parts ---------------------------------------------------------------------------------

    async def _find(self, resource: CommunicationResource, raw_id: str) -> Found:
        if not is_own(raw_id, resource):
            # As recorded sessions of @azure/communication-identity have it.
            message = "Provided identity doesn't belong to the resource."
            raise RequestError(401, "IdentityNotOwned", message)
        found = await self._records.user(resource.topic, raw_id)
        if found is None:
            raise _not_found()
        return found


def _not_found() -> RequestError:
    """The answer for a user that does not exist, or no longer."""
    return RequestError(*NOT_FOUND, "Provided identity doesn't exist.")
