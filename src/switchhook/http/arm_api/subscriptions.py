"""The routes of event subscriptions, in all forms of their ids."""

from collections.abc import Iterator

import msgspec
from starlette.responses import Response

from switchhook.grid.resources.attribute_rules import ACTION_SHOWS_SECRETS, render_attributes
from switchhook.grid.resources.body_rules import refuse
from switchhook.grid.resources.ids import (
    EVENT_GRID,
    ResourcePath,
    is_under,
    parse_path,
)
from switchhook.grid.resources.records import SubscriptionRecord
from switchhook.grid.resources.settings_rules import render_settings
from switchhook.grid.resources.sources import EventSource, EventSources
from switchhook.grid.resources.subscription_rules import render_subscription
from switchhook.grid.resources.subscription_versions import not_found, parent_not_found
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.grid.resources.topic_rules import GLOBAL
from switchhook.grid.resources.topics import TopicResources
from switchhook.http.arm_api.exchange import ArmRequest, Body, created, no_content, ordered_page
from switchhook.http.errors import json_response

SETTINGS_NAMESPACE = "Switchhook.EventGrid"
_NESTED = {"topics": "topics", "domains": "domains", "systemtopics": "systemTopics"}


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """Below which id a request addresses event subscriptions, and whose events they want."""

    source: EventSource
    id: str
    nested: str = ""

    def render(self, record: SubscriptionRecord) -> Body:
        """The event subscription, with the id and type of this form."""
        infix = "/" if self.nested else f"/providers/{EVENT_GRID}/"
        prefix = f"{EVENT_GRID}/{self.nested}/" if self.nested else f"{EVENT_GRID}/"
        return render_subscription(
            record,
            subscription_id=f"{self.id}{infix}eventSubscriptions/{record.name}",
            kind=f"{prefix}eventSubscriptions",
        )


class SubscriptionRoutes:
    """Event subscriptions and Switchhook's delivery settings of each."""

    def __init__(
        self, subscriptions: SubscriptionResources, topics: TopicResources, sources: EventSources
    ) -> None:
        self._subscriptions = subscriptions
        self._topics = topics
        self._sources = sources

    async def put(self, request: ArmRequest) -> Response:
        """PUT event subscription: 201 at once, the handshake behind it."""
        parent = self._parent(request.path)
        body = await request.body()
        record = await self._subscriptions.put(parent.source, request.path.name, body)
        return self._started(request, parent, record, "Creating")

    async def patch(self, request: ArmRequest) -> Response:
        """PATCH event subscription, whose body is flat."""
        parent = self._parent(request.path)
        body = await request.body()
        record = await self._subscriptions.patch(parent.source, request.path.name, body)
        return self._started(request, parent, record, "Updating")

    async def get(self, request: ArmRequest) -> Response:
        """GET event subscription."""
        parent = self._parent(request.path)
        return json_response(parent.render(self._record(parent, request.path.name)))

    async def delete(self, request: ArmRequest) -> Response:
        """DELETE event subscription."""
        parent = self._find_parent(request.path)
        if parent is not None:
            await self._subscriptions.delete(parent.source, request.path.name)
        return no_content()

    async def list(self, request: ArmRequest) -> Response:
        """GET the event subscriptions of one source."""
        parent = self._parent(request.path)
        if parent.source.is_implied:
            raise parent_not_found(parent.id)

        def after(last: str) -> Iterator[Body]:
            name = last.rpartition("/")[2]
            return map(parent.render, self._subscriptions.of(parent.source, name))

        return ordered_page(request, after)

    async def list_in_scope(self, request: ArmRequest) -> Response:
        """GET those of a group or an Azure subscription, or of one source by its id."""
        scope = request.path.scope
        if "/providers/" in scope.lower():
            return await self.list(request)
        pairs = zip(request.path.types, request.path.names, strict=False)
        asked = {kind.lower(): name.lower() for kind, name in pairs}
        location, topic_type = asked.get("locations", GLOBAL), asked.get("topictypes", "")
        return ordered_page(request, lambda last: self._in_scope(scope, location, topic_type, last))

    async def get_full_url(self, request: ArmRequest) -> Response:
        """POST getFullUrl: the endpoint with its query."""
        parent = self._parent(request.path)
        record = self._record(parent, request.path.name)
        return json_response({"endpointUrl": record.definition.destination.endpoint_url})

    async def get_delivery_attributes(self, request: ArmRequest) -> Response:
        """POST getDeliveryAttributes: the headers of the subscriber's choice."""
        parent = self._parent(request.path)
        record = self._record(parent, request.path.name)
        attributes = record.definition.destination.attributes
        shown = render_attributes(attributes, with_secrets=ACTION_SHOWS_SECRETS)
        return json_response({"value": shown})

    # --- delivery settings ---------------------------------------------------------------------

    async def get_settings(self, request: ArmRequest) -> Response:
        """GET delivery settings."""
        parent, path = self._settings_parent(request)
        return json_response(self._render_settings(request, parent, path.name))

    async def put_settings(self, request: ArmRequest) -> Response:
        """PUT delivery settings; the event subscription need not exist yet."""
        parent, path = self._settings_parent(request)
        await self._subscriptions.put_settings(parent.source, path.name, await request.body())
        return json_response(self._render_settings(request, parent, path.name))

    def owner(self, request: ArmRequest, what: str) -> SubscriptionRecord:
        """The event subscription that one of our child resources belongs to."""
        parent, path = self._owner(request, what)
        return self._record(parent, path.name)

    def _owner(self, request: ArmRequest, what: str) -> tuple[Parent, ResourcePath]:
        path = parse_path(request.path.scope)
        if path is None or path.is_collection or path.types[-1].lower() != "eventsubscriptions":
            refuse(f"{what} belong to an event subscription.")
        return self._parent(path), path

    def _settings_parent(self, request: ArmRequest) -> tuple[Parent, ResourcePath]:
        found = self._owner(request, "Delivery settings")
        if request.path.name.lower() != "default":
            refuse("The name of delivery settings must be 'default'.")
        return found

    def _render_settings(self, request: ArmRequest, parent: Parent, name: str) -> Body:
        record = self._subscriptions.get(parent.source, name)
        settings = self._subscriptions.settings(parent.source, name)
        return {
            "id": f"{request.path.scope}/providers/{SETTINGS_NAMESPACE}/deliverySettings/default",
            "name": "default",
            "type": f"{SETTINGS_NAMESPACE}/deliverySettings",
            "properties": {
                **render_settings(settings),
                "lastValidationError": (record.error or None) if record else None,
                "validationAttempts": record.attempts if record else 0,
                "warnings": self._subscriptions.warnings(record) if record else [],
            },
        }

    # --- parts ---------------------------------------------------------------------------------

    def _started(
        self, request: ArmRequest, parent: Parent, record: SubscriptionRecord, state: str
    ) -> Response:
        response = created(
            parent.render(record),
            request,
            operation=record.operation,
            location=parent.source.location,
            state=state,
        )
        for warning in self._subscriptions.warnings(record):
            quoted = warning.replace("\\", "").replace('"', "'")
            text = quoted.encode("ascii", "replace").decode("ascii")
            response.headers.append("warning", f'299 switchhook "{text}"')
        return response

    def _record(self, parent: Parent, name: str) -> SubscriptionRecord:
        record = self._subscriptions.get(parent.source, name)
        if record is None:
            raise not_found(name, parent.source)
        return record

    def _parent(self, path: ResourcePath) -> Parent:
        parent = self._find_parent(path)
        if parent is None:
            raise parent_not_found(_owner(path))
        return parent

    def _find_parent(self, path: ResourcePath) -> Parent | None:
        owner = parse_path(_owner(path))
        if owner is None:
            refuse(
                "Event subscriptions to a resource group or an Azure subscription are not "
                "supported in this release: use a topic or a communication service."
            )
        nested = "/".join(_NESTED[each.lower()] for each in path.types if each.lower() in _NESTED)
        if owner.pattern == "microsoft.eventgrid/systemtopics/*":
            return self._under_system_topic(owner, nested)
        source = self._sources.get(owner.text())
        return Parent(source=source, id=source.resource_id, nested=nested) if source else None

    def _under_system_topic(self, owner: ResourcePath, nested: str) -> Parent | None:
        wanted = owner.text().lower()
        for record in self._topics.all_system_topics():
            if record.id.lower() == wanted:
                source = self._sources.get(record.source)
                return Parent(source=source, id=record.id, nested=nested) if source else None
        return None

    def _in_scope(self, scope: str, location: str, topic_type: str, after: str) -> Iterator[Body]:
        for record in self._subscriptions.all(after):
            source = self._subscriptions.source_of(record)
            if source is None or not is_under(source.resource_id.lower(), scope):
                continue
            if source.location == location and topic_type in ("", source.topic_type.lower()):
                yield Parent(source=source, id=source.resource_id).render(record)


def _owner(path: ResourcePath) -> str:
    """The id of the resource that the event subscriptions at `path` belong to."""
    if path.types[0].lower() in _NESTED:
        pairs = len([kind for kind in path.types if kind.lower() in _NESTED])
        owner = msgspec.structs.replace(path, types=path.types[:pairs], names=path.names[:pairs])
        return owner.text()
    return path.scope
