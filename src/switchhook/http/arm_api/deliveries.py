"""Which routes act on the deliveries of a running router? Replays, dead letters and faults."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.responses import Response

from switchhook.clock import Clock
from switchhook.grid.faults import Faults
from switchhook.grid.ports import Records
from switchhook.grid.replays import Replays
from switchhook.grid.resources.subscriptions import SubscriptionResources
from switchhook.http.arm_api.dead_letters import DeadLetterRoutes
from switchhook.http.arm_api.exchange import ArmRequest
from switchhook.http.arm_api.faults import FaultRoutes
from switchhook.http.arm_api.replays import ReplayRoutes, SubscriptionIds
from switchhook.http.arm_api.subscriptions import SETTINGS_NAMESPACE, SubscriptionRoutes

_OWN = SETTINGS_NAMESPACE.lower()


class DeliveryTools(msgspec.Struct, frozen=True, kw_only=True):
    """What the routes need of the router."""

    replays: Replays
    faults: Faults
    records: Records
    clock: Clock


def delivery_table(
    tools: DeliveryTools, resources: SubscriptionResources, subscriptions: SubscriptionRoutes
) -> dict[str, Callable[[ArmRequest], Awaitable[Response]]]:
    """The handlers, as the table of all management routes has them."""
    ids = SubscriptionIds(resources)
    replays = ReplayRoutes(subscriptions, ids, tools.replays, tools.clock)
    dead_letters = DeadLetterRoutes(
        subscriptions, ids, tools.records, tools.replays, replays, tools.clock
    )
    faults = FaultRoutes(subscriptions, tools.faults)
    return {
        f"PUT {_OWN}/replays/*": replays.put,
        f"GET {_OWN}/replays/*": replays.get,
        f"DELETE {_OWN}/replays/*": replays.delete,
        f"GET {_OWN}/replays": replays.list,
        f"POST {_OWN}/replays/*/cancel": replays.cancel,
        f"GET {_OWN}/deadletters": dead_letters.list,
        f"GET {_OWN}/deadletters/*": dead_letters.get,
        f"POST {_OWN}/deadletters/*": dead_letters.act,
        f"PUT {_OWN}/deliveryfaults/*": faults.put,
        f"GET {_OWN}/deliveryfaults/*": faults.get,
        f"DELETE {_OWN}/deliveryfaults/*": faults.delete,
    }
