"""How are events accepted? A row for each and one for each delivery, in one commit, then 200.

`uvicorn --factory bench.typical.app:create_app`; `TYPICAL_DATABASE` names the file.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bench.typical.tables import Delivery, StoredEvent, Subscription, Table, open_engine
from bench.typical.workers import Deliverer


class Event(BaseModel):
    """An event in the Event Grid schema."""

    model_config = ConfigDict(alias_generator=to_camel)

    id: str = Field(min_length=1)
    subject: str
    event_type: str = Field(min_length=1)
    event_time: datetime
    data: Any
    data_version: str = ""


class NewSubscription(BaseModel):
    """Where the events of one type, or of all, shall go."""

    endpoint: str
    event_type: str | None = None


def create_app() -> FastAPI:
    """The application with its database and its workers."""
    engine = open_engine(os.environ["TYPICAL_DATABASE"])
    deliverer = Deliverer(engine)
    known: list[NewSubscription] = []
    numbers: list[int] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            for row in await connection.execute(select(Subscription.__table__)):
                known.append(NewSubscription(endpoint=row.endpoint, event_type=row.event_type))
                numbers.append(row.id)
        running = asyncio.create_task(deliverer.run())
        yield
        running.cancel()
        await asyncio.wait((running,))
        await engine.dispose()

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.post("/subscriptions")
    async def subscribe(wanted: NewSubscription) -> int:
        async with engine.begin() as connection:
            statement = insert(Subscription).returning(Subscription.id)
            number = await connection.scalar(statement, wanted.model_dump())
        known.append(wanted)
        numbers.append(number)
        return int(number)

    @app.post("/events")
    async def publish(events: list[Event]) -> Response:
        targets = [
            [
                number
                for number, each in zip(numbers, known, strict=True)
                if each.event_type in (None, event.event_type)
            ]
            for event in events
        ]
        await _store(engine, events, targets)
        deliverer.wake()
        return Response()

    return app


async def _store(engine: AsyncEngine, events: list[Event], targets: list[list[int]]) -> None:
    async with engine.begin() as connection:
        ids = await _insert_events(connection, events)
        now = time.time()
        rows = [
            {"event": id_, "subscription": subscription, "due_at": now}
            for id_, wanted in zip(ids, targets, strict=True)
            for subscription in wanted
        ]
        if rows:
            await connection.execute(insert(Delivery), rows)


async def _insert_events(connection: AsyncConnection, events: list[Event]) -> list[int]:
    now = datetime.now(UTC)
    rows = [
        {
            "event_id": event.id,
            "event_type": event.event_type,
            "body": event.model_dump_json(by_alias=True).encode(),
            "accepted_at": now,
        }
        for event in events
    ]
    statement = insert(StoredEvent).returning(StoredEvent.id, sort_by_parameter_order=True)
    return list((await connection.scalars(statement, rows)).all())
