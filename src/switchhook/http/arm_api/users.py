"""The list of a resource's users, which Azure has none of: `Switchhook.Communication/users`."""

from collections.abc import Sequence
from typing import Protocol

from starlette.responses import Response

from switchhook.clock import to_text
from switchhook.communication.arm_resources import CommunicationResources
from switchhook.communication.identity.store import User
from switchhook.communication.resources import CommunicationResource
from switchhook.http.arm_api.exchange import (
    MAX_PAGE,
    ArmRequest,
    Body,
    continued_page,
    page_size,
    place_in_list,
)

TYPE = "Switchhook.Communication/users"


class Users(Protocol):
    """What the list needs of Identity."""

    async def users(
        self, resource: CommunicationResource, *, after: str = "", limit: int
    ) -> list[tuple[str, User]]:
        """At most `limit` users with raw ids that come after that one, in order."""

    async def named(self, resource: CommunicationResource, custom_id: str) -> str | None:
        """The raw id of the user with that custom id."""

    async def user(self, resource: CommunicationResource, raw_id: str) -> User:
        """The user of that raw id."""


class UserRoutes:
    """Users of Communication Services resources; they come and go by the data plane alone."""

    def __init__(self, resources: CommunicationResources, users: Users) -> None:
        self._resources = resources
        self._users = users

    async def list(self, request: ArmRequest) -> Response:
        """GET users, in the order of their raw ids; `customId` finds the one of that custom id."""
        resource = self._resources.get(request.path.scope).resource
        custom_id = request.query.get("customid")
        if custom_id is not None:
            named = await self._named(resource, custom_id)
            return continued_page(request, (_render(resource, *each) for each in named), None)
        size = page_size(request, MAX_PAGE)
        after = place_in_list(request)
        found = await self._users.users(resource, after=after, limit=size + 1)
        rest = found[size - 1][0] if len(found) > size else None
        return continued_page(request, (_render(resource, *each) for each in found[:size]), rest)

    async def _named(
        self, resource: CommunicationResource, custom_id: str
    ) -> Sequence[tuple[str, User]]:
        raw_id = await self._users.named(resource, custom_id)
        return [] if raw_id is None else [(raw_id, await self._users.user(resource, raw_id))]


def _render(resource: CommunicationResource, raw_id: str, user: User) -> Body:
    issued = user.last_token_issued_at
    return {
        "id": f"{resource.resource_id}/providers/{TYPE}/{raw_id}",
        "name": raw_id,
        "type": TYPE,
        "properties": {
            "customId": user.custom_id,
            "createdOn": to_text(user.created_at, digits=0),
            "lastTokenIssuedOn": None if issued is None else to_text(issued, digits=0),
        },
    }
