"""Which rows does the typical stack keep?"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PENDING, SENDING, DELIVERED, FAILED = "pending", "sending", "delivered", "failed"


class Table(DeclarativeBase):
    """The schema."""


class StoredEvent(Table):
    """An event that was accepted."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str]
    event_type: Mapped[str]
    body: Mapped[bytes]
    accepted_at: Mapped[datetime]


class Subscription(Table):
    """An endpoint that wants the events of one type, or of all."""

    __tablename__ = "subscriptions"
    id: Mapped[int] = mapped_column(primary_key=True)
    endpoint: Mapped[str]
    event_type: Mapped[str | None]


class Delivery(Table):
    """One event for one subscription; `due_at` is when it is tried next, in Unix time."""

    __tablename__ = "deliveries"
    id: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[int] = mapped_column(ForeignKey("events.id"))
    subscription: Mapped[int] = mapped_column(ForeignKey("subscriptions.id"))
    status: Mapped[str] = mapped_column(default=PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[float]
    last_status: Mapped[int | None]


# Only what is still to be done is in the index: it stays small, however long the history is.
Index(
    "deliveries_due",
    Delivery.due_at,
    Delivery.id,
    sqlite_where=Delivery.status == PENDING,
)


def open_engine(path: str) -> AsyncEngine:
    """One pooled connection, because SQLite has one writer: who waits, waits in the pool."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0, pool_timeout=60
    )

    @event.listens_for(engine.sync_engine, "connect")
    def tune(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "cache_size=-65536",
            "temp_store=MEMORY",
            "mmap_size=268435456",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
