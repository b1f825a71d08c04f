"""The routes of domains and their topics."""

from collections.abc import Callable, Iterator

from starlette.responses import Response

from switchhook.grid.resources.domains import DomainResources
from switchhook.grid.resources.operations import Operations
from switchhook.grid.resources.records import DomainRecord
from switchhook.grid.resources.topic_rules import render_domain_topic
from switchhook.http.arm_api.exchange import (
    ArmRequest,
    Body,
    created,
    no_content,
    ordered_page,
)
from switchhook.http.arm_api.keyed import KeyedRoutes
from switchhook.http.errors import json_response


class DomainRoutes(KeyedRoutes[DomainRecord]):
    """Domains, and the topics below each."""

    def __init__(
        self, domains: DomainResources, operations: Operations, public_url: Callable[[], str]
    ) -> None:
        super().__init__(domains, operations, public_url)
        self._domains = domains

    async def put_topic(self, request: ArmRequest) -> Response:
        """PUT domain topic: clients send no body, and nothing in one would matter."""
        domain = self._domains.get(request.path.parent())
        record = await self._domains.put_topic(domain.id, request.path.name)
        return created(
            render_domain_topic(record),
            request,
            operation=self._operations.succeeded(),
            location=domain.location,
        )

    async def get_topic(self, request: ArmRequest) -> Response:
        """GET domain topic."""
        return json_response(render_domain_topic(self._domains.get_topic(request.path.text())))

    async def list_topics(self, request: ArmRequest) -> Response:
        """GET the topics of a domain, which may be very many."""
        domain_id = request.path.parent()
        self._domains.get(domain_id)

        def after(last: str) -> Iterator[Body]:
            return map(render_domain_topic, self._domains.topics(domain_id, last))

        return ordered_page(request, after)

    async def delete_topic(self, request: ArmRequest) -> Response:
        """DELETE domain topic."""
        await self._domains.delete_topic(request.path.text())
        return no_content()
