"""Values for the suites: defaults plus what the test is about."""

from typing import Any

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Batch, WaitingDelivery, hash_of_id


def a_batch(
    body: bytes = b"[1]", count: int = 1, published_at: int = 1, id_hashes: bytes = b""
) -> Batch:
    """A batch of events whose content does not matter."""
    return Batch(
        topic="t1",
        schema=EventSchema.EVENT_GRID,
        published_at=published_at,
        body=body,
        count=count,
        id_hashes=id_hashes,
    )


def hashes(*ids: str) -> bytes:
    """The hashes of events with these ids."""
    return b"".join(hash_of_id(name) for name in ids)


def a_delivery(position: int = 0, subscription: str = "s1", **members: Any) -> WaitingDelivery:
    """A delivery that waits for its first retry."""
    defaults: dict[str, Any] = {
        "version": 1,
        "topic": "t1",
        "schema": EventSchema.EVENT_GRID,
        "published_at": 1,
        "body": b"[1]",
        "attempts": 1,
        "due_at": 10,
    }
    return WaitingDelivery(position=position, subscription=subscription, **(defaults | members))
