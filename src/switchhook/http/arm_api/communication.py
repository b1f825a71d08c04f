"""The routes of Communication Services resources and of Switchhook's own parts of them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from switchhook.communication.arm_resources import NAME_EXISTS, CommunicationResources
from switchhook.communication.arm_rules import (
    RESOURCE_TYPE,
    number_name,
    render_event_settings,
    render_keys,
    render_resource,
)
from switchhook.communication.resources import CommunicationResource, OwnedNumber
from switchhook.errors import RequestError
from switchhook.grid.resources.body_rules import as_text, refuse
from switchhook.grid.resources.ids import COMMUNICATION, group_resource_id, is_under
from switchhook.grid.resources.names import check_communication_name
from switchhook.http.arm_api.exchange import (
    MAX_PAGE,
    ArmRequest,
    Body,
    no_content,
    page,
)
from switchhook.http.errors import json_response

OWN_NAMESPACE = "Switchhook.Communication"

# An action on a resource, such as receiving an SMS: takes the JSON body and answers one.
Action = Callable[[CommunicationResource, Body], Awaitable[Mapping[str, Any]]]


class CommunicationRoutes:
    """Communication Services resources, their numbers, event settings and actions."""

    def __init__(
        self,
        resources: CommunicationResources,
        public_url: Callable[[], str],
        actions: Mapping[str, Action],
    ) -> None:
        """`actions` by their name in lower case, such as `receivesms`."""
        self._resources = resources
        self._public_url = public_url
        self._actions = actions

    # --- resources -----------------------------------------------------------------------------

    async def put(self, request: ArmRequest) -> Response:
        """PUT resource: 201 with the final body."""
        resource_id = group_resource_id(request.path, COMMUNICATION, "CommunicationServices")
        record = await self._resources.put(resource_id, request.path.name, await request.body())
        return json_response(render_resource(record, self._host_name()), 201)

    async def patch(self, request: ArmRequest) -> Response:
        """PATCH resource."""
        record = await self._resources.patch(request.path.text(), await request.body())
        return json_response(render_resource(record, self._host_name()))

    async def get(self, request: ArmRequest) -> Response:
        """GET resource."""
        record = self._resources.get(request.path.text())
        return json_response(render_resource(record, self._host_name()))

    async def list(self, request: ArmRequest) -> Response:
        """GET the resources of a resource group or an Azure subscription."""
        scope = request.path.scope
        host = self._host_name()
        found = (
            render_resource(record, host)
            for record in self._resources.all()
            if is_under(record.resource.resource_id.lower(), scope)
        )
        return page(request, found, default_size=MAX_PAGE)

    async def delete(self, request: ArmRequest) -> Response:
        """DELETE resource."""
        await self._resources.delete(request.path.text())
        return no_content()

    async def list_keys(self, request: ArmRequest) -> Response:
        """POST listKeys."""
        record = self._resources.get(request.path.parent())
        return json_response(render_keys(record.resource.keys, self._public_url()))

    async def regenerate_key(self, request: ArmRequest) -> Response:
        """POST regenerateKey: only the regenerated half is shown."""
        key_type = (await request.body()).get("keyType")
        record = await self._resources.regenerate_key(request.path.parent(), key_type)
        half = str(key_type).lower()
        keys = render_keys(record.resource.keys, self._public_url())
        return json_response({name: key for name, key in keys.items() if name.startswith(half)})

    async def check_name(self, request: ArmRequest) -> Response:
        """POST checkNameAvailability."""
        body = await request.body()
        name = as_text(body.get("name"), "name")
        kind = as_text(body.get("type"), "type")
        if kind and kind.lower() != RESOURCE_TYPE.lower():
            refuse(f"The type '{kind}' is not '{RESOURCE_TYPE}'.")
        try:
            check_communication_name(name)
        except RequestError as error:
            return _unavailable("Invalid", error.message)
        if not self._resources.is_free(name):
            return _unavailable("AlreadyExists", NAME_EXISTS.format(name=name))
        return json_response({"nameAvailable": True})

    # --- numbers -------------------------------------------------------------------------------

    async def put_number(self, request: ArmRequest) -> Response:
        """PUT phone number."""
        number = await self._resources.put_number(
            request.path.scope, request.path.name, await request.body()
        )
        return json_response(self._render_number(request, number), 201)

    async def get_number(self, request: ArmRequest) -> Response:
        """GET phone number."""
        number = self._resources.number(request.path.scope, request.path.name)
        return json_response(self._render_number(request, number))

    async def list_numbers(self, request: ArmRequest) -> Response:
        """GET phone numbers."""
        numbers = self._resources.get(request.path.scope).resource.numbers
        found = (self._render_number(request, number) for number in numbers)
        return page(request, found, default_size=MAX_PAGE)

    async def delete_number(self, request: ArmRequest) -> Response:
        """DELETE phone number."""
        await self._resources.delete_number(request.path.scope, request.path.name)
        return no_content()

    # --- event settings ------------------------------------------------------------------------

    async def put_event_settings(self, request: ArmRequest) -> Response:
        """PUT event settings."""
        await self._resources.put_event_settings(request.path.scope, await request.body())
        return await self.get_event_settings(request)

    async def get_event_settings(self, request: ArmRequest) -> Response:
        """GET event settings."""
        if request.path.name.lower() != "default":
            refuse("The name of event settings must be 'default'.")
        resource = self._resources.get(request.path.scope).resource
        return json_response(
            {
                "id": f"{resource.resource_id}/providers/{OWN_NAMESPACE}/eventSettings/default",
                "name": "default",
                "type": f"{OWN_NAMESPACE}/eventSettings",
                "properties": render_event_settings(resource.events),
            }
        )

    # --- actions -------------------------------------------------------------------------------

    async def act(self, request: ArmRequest) -> Response:
        """POST receiveSms or emitEvent."""
        resource = self._resources.get(request.path.scope).resource
        action = self._actions[request.path.types[0].lower()]
        return json_response(await action(resource, await request.body()))

    # --- parts ---------------------------------------------------------------------------------

    def _host_name(self) -> str:
        return urlsplit(self._public_url()).netloc

    def _render_number(self, request: ArmRequest, number: OwnedNumber) -> Body:
        resource = self._resources.get(request.path.scope).resource
        name = number_name(number)
        return {
            "id": f"{resource.resource_id}/providers/{OWN_NAMESPACE}/phoneNumbers/{name}",
            "name": name,
            "type": f"{OWN_NAMESPACE}/phoneNumbers",
            "properties": {"value": number.value, "kind": number.kind.value},
        }


def _unavailable(reason: str, message: str) -> Response:
    return json_response({"nameAvailable": False, "reason": reason, "message": message})
