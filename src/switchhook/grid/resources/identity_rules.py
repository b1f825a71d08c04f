"""With which identity does a topic deliver? It is kept and shown; nothing here asks for one.

Source: azure-mgmt-eventgrid 10.4.0, `EventSubscriptionIdentity`.
"""

from typing import Any

from switchhook.grid.resources.body_rules import as_object, as_text, check_members, refuse
from switchhook.grid.resources.records import ResourceIdentity

_TYPES = {"systemassigned": "SystemAssigned", "userassigned": "UserAssigned"}


def read_identity(value: object, where: str) -> ResourceIdentity:
    """The identity of a delivery or of a dead letter."""
    body = as_object(value, where)
    check_members(body, {"type", "userAssignedIdentity"}, where)
    kind = _TYPES.get(as_text(body.get("type"), f"{where}.type").lower())
    if kind is None:
        refuse(f"The value of '{where}.type' must be 'SystemAssigned' or 'UserAssigned'.")
    assigned = as_text(body.get("userAssignedIdentity"), f"{where}.userAssignedIdentity")
    if (kind == "UserAssigned") != bool(assigned):
        refuse(
            f"'{where}.userAssignedIdentity' belongs to the type 'UserAssigned', and only to it."
        )
    return ResourceIdentity(type=kind, user_assigned=assigned)


def render_identity(identity: ResourceIdentity) -> dict[str, Any]:
    """The identity as reads show it."""
    return {"type": identity.type, "userAssignedIdentity": identity.user_assigned or None}
