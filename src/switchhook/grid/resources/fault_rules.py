"""How does the body of delivery faults become a fault, and back?"""

from switchhook.clock import HOUR, SECOND
from switchhook.grid.faults import DeliveryFault
from switchhook.grid.resources.body_rules import (
    Body,
    as_count,
    as_flag,
    as_object,
    as_text,
    check_members,
    refuse,
)
from switchhook.grid.resources.settings_rules import from_duration, to_duration

# All ours: Azure has no faults that can be asked for.
COUNT = (1, 1_000_000)
STATUS = (200, 599)
MAX_DELAY = HOUR
# How long a request that is to be overtaken waits for one that overtakes it.
DEFAULT_REORDER_DELAY = 10 * SECOND

_MEMBERS = {"count", "status", "dropConnection", "delay", "duplicate", "reorder"}


def read_fault(body: Body) -> DeliveryFault:
    """The fault that the body of a PUT asks for."""
    check_members(body, {"id", "name", "type", "properties"}, "deliveryFaults")
    properties = as_object(body.get("properties"), "properties")
    check_members(properties, _MEMBERS, "deliveryFaults.properties")
    reorder = as_flag(properties.get("reorder"), "reorder")
    fault = DeliveryFault(
        count=as_count(properties.get("count"), "count", COUNT, 1),
        status=as_count(properties.get("status"), "status", STATUS, 0) or None,
        drop_connection=as_flag(properties.get("dropConnection"), "dropConnection"),
        delay=_delay(properties.get("delay")) or (DEFAULT_REORDER_DELAY if reorder else 0),
        duplicate=as_flag(properties.get("duplicate"), "duplicate"),
        reorder=reorder,
    )
    _check_together(fault)
    return fault


def render_fault(fault: DeliveryFault) -> Body:
    """The properties of the fault in force; `count` is how many requests it still has."""
    return {
        "count": fault.count,
        "status": fault.status,
        "dropConnection": fault.drop_connection,
        "delay": to_duration(fault.delay) if fault.delay else None,
        "duplicate": fault.duplicate,
        "reorder": fault.reorder,
    }


def _check_together(fault: DeliveryFault) -> None:
    ends = [
        name
        for name, is_set in (
            ("status", fault.status is not None),
            ("dropConnection", fault.drop_connection),
            ("duplicate", fault.duplicate),
        )
        if is_set
    ]
    if len(ends) > 1:
        refuse(f"The properties '{ends[0]}' and '{ends[1]}' exclude each other.")
    if not ends and not fault.delay:
        refuse(
            "Name what is to go wrong: 'status', 'dropConnection', 'delay', 'duplicate' or "
            "'reorder'."
        )


def _delay(value: object) -> int:
    text = as_text(value, "delay", 64)
    if not text:
        return 0
    delay = from_duration(text.upper())
    if delay is None or not 0 < delay <= MAX_DELAY:
        refuse(
            "The value of 'delay' must be an ISO 8601 duration of at most one hour, such as PT5S."
        )
    return delay
