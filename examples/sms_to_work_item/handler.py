"""A webhook for Event Grid: each SMS becomes a work item in Azure DevOps.

TRACKER_URL is the project (https://dev.azure.com/ORGANISATION/PROJECT), TRACKER_TOKEN a personal
access token that may read and write work items, WEBHOOK_CODE the secret that the query of the event
subscription's endpoint must have: http://localhost:7071/sms?code=SECRET
"""

import asyncio
import base64
import hashlib
import html
import http.client
import json
import os
import sys
import urllib.request
from hmac import compare_digest
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TRACKER_URL = os.environ["TRACKER_URL"].rstrip("/")
TRACKER_TOKEN = os.environ["TRACKER_TOKEN"]
WEBHOOK_CODE = os.environ["WEBHOOK_CODE"].encode()
TIMEOUT_SECONDS = 10  # two requests of it are less than the 30 seconds that Event Grid waits

one_at_a_time = asyncio.Lock()  # between the search and the creation nobody else may create


async def receive(request: Request) -> Response:
    """Answer 200 only when every event has its work item; any 5xx brings the events again later."""
    if not compare_digest(request.query_params.get("code", "").encode(), WEBHOOK_CODE):
        return Response(status_code=401)
    events = await request.json()
    if request.headers.get("aeg-event-type") == "SubscriptionValidation":
        return JSONResponse({"validationResponse": events[0]["data"]["validationCode"]})
    try:
        async with one_at_a_time:
            for event in events:
                await asyncio.to_thread(file, event)
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"not filed: {error}", file=sys.stderr)
        return Response("The tracker did not take it.", status_code=503)
    return Response(status_code=200)


def file(event: dict[str, Any]) -> None:
    """Create the work item of an SMSReceived event, unless an earlier delivery did."""
    tag, data = tag_of(event["id"]), event["data"]
    if find(tag):
        return
    fields = {
        "System.Title": f"SMS from {data['from']} to {data['to']}",
        "System.Description": html.escape(data["message"]),
        "System.Tags": f"sms; {tag}",
    }
    patch = [
        {"op": "add", "path": f"/fields/{name}", "value": value} for name, value in fields.items()
    ]
    ask("workitems/$Task", patch, "application/json-patch+json")


def tag_of(event_id: str) -> str:
    """What marks the work item of an event: the event's id, in letters that fit into a query."""
    return f"sms-{hashlib.sha256(event_id.encode()).hexdigest()[:32]}"


def find(tag: str) -> list[int]:
    """The ids of the work items that carry a tag."""
    # A tag of ours has no quote in it.
    condition = f"[System.TeamProject] = @project AND [System.Tags] CONTAINS '{tag}'"
    query = f"SELECT [System.Id] FROM WorkItems WHERE {condition}"  # noqa: S608
    found = ask("wiql", {"query": query}, "application/json")
    return [item["id"] for item in found["workItems"]]


def ask(resource: str, body: Any, content_type: str) -> Any:
    """POST to the tracker; a page to sign in, which is no JSON, is a ValueError."""
    token = base64.b64encode(f":{TRACKER_TOKEN}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310  the URL is our own setting
        f"{TRACKER_URL}/_apis/wit/{resource}?api-version=7.1",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Basic {token}", "Content-Type": content_type},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        return json.load(answer)


app = Starlette(routes=[Route("/sms", receive, methods=["POST"])])
