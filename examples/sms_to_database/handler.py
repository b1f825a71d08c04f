"""A webhook for Event Grid: each SMS becomes a row in PostgreSQL.

DATABASE_URL says where (the table is in table.sql), WEBHOOK_CODE which secret the query of the
event subscription's endpoint must have: http://localhost:7071/sms?code=SECRET
"""

import os
import sys
from hmac import compare_digest
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

DATABASE_URL = os.environ["DATABASE_URL"]
WEBHOOK_CODE = os.environ["WEBHOOK_CODE"].encode()

# Events are delivered at least once: one that is stored already changes nothing.
INSERT = """
    INSERT INTO sms (event_id, message_id, sender, recipient, message, received_at)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (event_id) DO NOTHING
"""


async def receive(request: Request) -> Response:
    """Answer 200 only when every event is stored; any 5xx brings the events again later."""
    if not compare_digest(request.query_params.get("code", "").encode(), WEBHOOK_CODE):
        return Response(status_code=401)
    events = await request.json()
    if request.headers.get("aeg-event-type") == "SubscriptionValidation":
        return JSONResponse({"validationResponse": events[0]["data"]["validationCode"]})
    try:
        await store([row(event) for event in events])
    except psycopg.Error as error:
        print(f"not stored: {error}", file=sys.stderr)
        return Response("The database did not take it.", status_code=503)
    return Response(status_code=200)


async def store(rows: list[tuple[str, ...]]) -> None:
    """Insert all rows or, when one fails, none."""
    async with await psycopg.AsyncConnection.connect(DATABASE_URL, connect_timeout=5) as connection:
        await connection.cursor().executemany(INSERT, rows)


def row(event: dict[str, Any]) -> tuple[str, ...]:
    """The values of an SMSReceived event."""
    data = event["data"]
    message = data["message"].replace("\0", "")  # the one character that PostgreSQL cannot store
    return (
        *(event["id"], data["messageId"], data["from"], data["to"]),
        *(message, data["receivedTimestamp"]),
    )


app = Starlette(routes=[Route("/sms", receive, methods=["POST"])])
