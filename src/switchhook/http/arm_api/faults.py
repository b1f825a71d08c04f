"""The routes of delivery faults, which make the deliveries of an event subscription go wrong."""

from starlette.responses import Response

from switchhook.errors import RequestError
from switchhook.grid.faults import Faults
from switchhook.grid.resources.body_rules import refuse
from switchhook.grid.resources.fault_rules import read_fault, render_fault
from switchhook.http.arm_api.exchange import ArmRequest, no_content
from switchhook.http.arm_api.subscriptions import SETTINGS_NAMESPACE, SubscriptionRoutes
from switchhook.http.errors import json_response

_TYPE = f"{SETTINGS_NAMESPACE}/deliveryFaults"


class FaultRoutes:
    """One fault at a time for an event subscription; none outlives the server."""

    def __init__(self, subscriptions: SubscriptionRoutes, faults: Faults) -> None:
        self._subscriptions = subscriptions
        self._faults = faults

    async def put(self, request: ArmRequest) -> Response:
        """PUT delivery faults, in place of those before."""
        incarnation = self._incarnation(request)
        self._faults.put(incarnation, read_fault(await request.body()))
        return self._answer(request, incarnation)

    async def get(self, request: ArmRequest) -> Response:
        """GET what is left of them."""
        return self._answer(request, self._incarnation(request))

    async def delete(self, request: ArmRequest) -> Response:
        """DELETE them: requests that are held back go out."""
        self._faults.clear(self._incarnation(request))
        return no_content()

    def _incarnation(self, request: ArmRequest) -> str:
        record = self._subscriptions.owner(request, "Delivery faults")
        if request.path.name.lower() != "default":
            refuse("The name of delivery faults must be 'default'.")
        return record.incarnation

    def _answer(self, request: ArmRequest, incarnation: str) -> Response:
        fault = self._faults.get(incarnation)
        if fault is None:
            raise RequestError(404, "ResourceNotFound", "No delivery fault is in force.")
        return json_response(
            {
                "id": f"{request.path.scope}/providers/{_TYPE}/default",
                "name": "default",
                "type": _TYPE,
                "properties": render_fault(fault),
            }
        )
