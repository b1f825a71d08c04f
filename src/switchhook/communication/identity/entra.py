"""Users of Entra: tokens for Entra tokens, and who is assigned to a resource."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from switchhook.authority import Claims
from switchhook.clock import Clock
from switchhook.communication.identity.exchange import (
    EXCHANGED_SCOPES,
    Verify,
    check_assignment,
    read_entra_token,
    read_teams_user,
)
from switchhook.communication.identity.requests import ExchangeTeamsUser
from switchhook.communication.identity.store import (
    ASSIGNMENTS,
    Assignment,
    IdentityRecords,
    User,
    assignment_key,
    replaces,
)
from switchhook.communication.identity.tokens import AccessToken, UserTokens
from switchhook.communication.identity.user_ids import (
    entra_user_id,
    teams_extension_user_id,
    teams_user_id,
)
from switchhook.communication.records import put
from switchhook.communication.resources import CommunicationResource
from switchhook.errors import RequestError
from switchhook.grid.ports import Delete
from switchhook.grid.publish import CommitEvents


class EntraUsers:
    """Makes users of a resource of who has an Entra token; such a token is checked by `verify`."""

    def __init__(
        self,
        *,
        records: IdentityRecords,
        commit: CommitEvents,
        clock: Clock,
        tokens: UserTokens,
        verify: Verify,
        new_guid: Callable[[], UUID],
    ) -> None:
        self._records = records
        self._commit = commit
        self._clock = clock
        self._tokens = tokens
        self._verify = verify
        self._new_guid = new_guid

    def read(self, token: str, audience: str) -> Claims:
        """What an Entra token says that is meant for that audience.

        Raises:
            RequestError: 401 `InvalidAccessToken`.
        """
        return read_entra_token(self._verify, token, audience)

    async def exchange_teams_user(
        self, resource: CommunicationResource, request: ExchangeTeamsUser
    ) -> AccessToken:
        """A token of a Teams user for the user's Entra token, which expires with that.

        Raises:
            RequestError: 401 for a token that is not accepted, 400 for one of somebody else.
        """
        claims = read_teams_user(self._verify, request)
        return await self._issue_for(resource, teams_user_id(claims.oid), claims)

    async def exchange_entra(
        self, resource: CommunicationResource, claims: Claims
    ) -> tuple[str, AccessToken]:
        """Raw id and token of an Entra user, the same id each time."""
        raw_id = entra_user_id(resource, claims.tid, claims.oid)
        return raw_id, await self._issue_for(resource, raw_id, claims)

    async def exchange_teams_extension(
        self, resource: CommunicationResource, claims: Claims
    ) -> tuple[str, AccessToken]:
        """Raw id and token of a Teams user or resource account that acts for the resource.

        Raises:
            RequestError: 403, nobody has assigned it.
        """
        assignment = await self._records.assignment(resource.topic, claims.tid, claims.oid)
        check_assignment(assignment, claims)
        raw_id = teams_extension_user_id(resource, claims.tid, claims.oid)
        return raw_id, await self._issue_for(resource, raw_id, claims)

    async def _issue_for(
        self, resource: CommunicationResource, raw_id: str, claims: Claims
    ) -> AccessToken:
        while True:
            now = self._clock.now()
            found = await self._records.user(resource.topic, raw_id)
            user = found.user if found else User(created_at=now, generation=self._new_guid().hex)
            revision = found.revision if found else 0
            user = msgspec.structs.replace(user, last_token_issued_at=now)
            if await replaces(self._commit, resource.topic, raw_id, user, revision):
                return self._tokens.issue(
                    resource, raw_id, user.generation, EXCHANGED_SCOPES, expires_at=claims.exp
                )

    # --- assignments ---------------------------------------------------------------------------

    async def assignment(
        self, resource: CommunicationResource, tenant_id: str, object_id: str
    ) -> Assignment:
        """The assignment of a Teams user or resource account.

        Raises:
            RequestError: 404, there is none.
        """
        found = await self._records.assignment(resource.topic, tenant_id, object_id)
        if found is None:
            raise RequestError(404, "NotFound", "The principal is not assigned to the resource.")
        return found

    async def assign(
        self,
        resource: CommunicationResource,
        tenant_id: str,
        object_id: str,
        assignment: Assignment,
    ) -> bool:
        """Create or replace an assignment; answers whether it is new."""
        key = assignment_key(resource.topic, tenant_id, object_id)
        is_new = await self._records.assignment(resource.topic, tenant_id, object_id) is None
        await self._commit((put(ASSIGNMENTS, key, assignment),), ())
        return is_new

    async def unassign(
        self, resource: CommunicationResource, tenant_id: str, object_id: str
    ) -> None:
        """Remove an assignment, if there is one."""
        key = assignment_key(resource.topic, tenant_id, object_id)
        await self._commit((Delete(ASSIGNMENTS, key),), ())
