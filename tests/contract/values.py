"""Values for the suites: defaults plus what the test is about."""

from typing import Any

from switchhook.grid.events import EventSchema
from switchhook.grid.ports import Attempt, Batch, WaitingDelivery, hash_of_id


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


def a_success(position: int = 0, **members: Any) -> Attempt:
    """A first attempt that delivered."""
    defaults: dict[str, Any] = {
        "run": 0,
        "subscription": "s1",
        "number": 1,
        "started_at": 1_767_225_600_000_000_001,
        "duration": 1_234_567,
        "status": 200,
    }
    return Attempt(position=position, **(defaults | members))


def a_failure(position: int = 0, **members: Any) -> Attempt:
    """A first attempt that did not."""
    defaults: dict[str, Any] = {
        "status": 503,
        "outcome": "Busy",
        "excerpt": "come back later",
        "next_step": "RetryAt",
        "next_at": 1_767_225_610_000_000_001,
    }
    return a_success(position, **(defaults | members))
