"""What the steps need from the outside: storage and transport.

Every promise here is tested by a contract suite that runs over each adapter (`tests/contract/`).
"""

from switchhook.grid.ports.attempt_history import (
    DETAIL_LENGTH,
    EXCERPT_LENGTH,
    Attempt,
    AttemptHistory,
)
from switchhook.grid.ports.dead_letter_store import DeadLetterAnswer, DeadLetterStore
from switchhook.grid.ports.delivery_state import (
    Backlog,
    Cursor,
    DeliveryState,
    DropCursor,
    DropSubscription,
    DueMark,
    Identity,
    MoveWatermark,
    PutCursor,
    PutWaiting,
    SettleWaiting,
    WaitingDelivery,
)
from switchhook.grid.ports.event_log import (
    HASH_BYTES,
    Appended,
    Batch,
    EventLog,
    LogExtent,
    hash_of_id,
    hashes_of_ids,
)
from switchhook.grid.ports.records import Delete, Put, Record, Records
from switchhook.grid.ports.store import Change, Commit, Store
from switchhook.grid.ports.transport import Failure, Transport, WebhookRequest, WebhookResponse

__all__ = [
    "DETAIL_LENGTH",
    "EXCERPT_LENGTH",
    "HASH_BYTES",
    "Appended",
    "Attempt",
    "AttemptHistory",
    "Backlog",
    "Batch",
    "Change",
    "Commit",
    "Cursor",
    "DeadLetterAnswer",
    "DeadLetterStore",
    "Delete",
    "DeliveryState",
    "DropCursor",
    "DropSubscription",
    "DueMark",
    "EventLog",
    "Failure",
    "Identity",
    "LogExtent",
    "MoveWatermark",
    "Put",
    "PutCursor",
    "PutWaiting",
    "Record",
    "Records",
    "SettleWaiting",
    "Store",
    "Transport",
    "WaitingDelivery",
    "WebhookRequest",
    "WebhookResponse",
    "hash_of_id",
    "hashes_of_ids",
]
