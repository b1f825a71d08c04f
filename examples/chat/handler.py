"""A webhook for Event Grid: a chat message with a forbidden word is deleted.

COMMUNICATION_CONNECTION_STRING says of which resource, FORBIDDEN_WORDS which words (with commas
between them), WEBHOOK_CODE which secret the query of the event subscription's endpoint must have:
http://localhost:7071/chat?code=SECRET
"""

import asyncio
import os
import re
import sys
from hmac import compare_digest
from typing import Any

from azure.communication.chat import ChatThreadClient, CommunicationTokenCredential
from azure.communication.identity import (
    CommunicationIdentityClient,
    CommunicationTokenScope,
    CommunicationUserIdentifier,
)
from azure.core.exceptions import AzureError, HttpResponseError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CONNECTION_STRING = os.environ["COMMUNICATION_CONNECTION_STRING"]
FORBIDDEN = {word.strip().casefold() for word in os.environ["FORBIDDEN_WORDS"].split(",")}
WEBHOOK_CODE = os.environ["WEBHOOK_CODE"].encode()
# Nobody can delete it any more: the sender has left the thread or is gone, or the message is.
HOPELESS = (403, 404)


async def receive(request: Request) -> Response:
    """Answer 200 only when every event is dealt with; any 5xx brings the events again later."""
    if not compare_digest(request.query_params.get("code", "").encode(), WEBHOOK_CODE):
        return Response(status_code=401)
    events = await request.json()
    if request.headers.get("aeg-event-type") == "SubscriptionValidation":
        return JSONResponse({"validationResponse": events[0]["data"]["validationCode"]})
    try:
        for event in events:
            if is_forbidden(event["data"]["messageBody"]):
                await asyncio.to_thread(delete, event["data"])
    except AzureError as error:
        print(f"not deleted: {error}", file=sys.stderr)
        return Response("The message could not be deleted.", status_code=503)
    return Response(status_code=200)


def is_forbidden(text: str) -> bool:
    """Whether one of the words is in a text, however it is written."""
    return not FORBIDDEN.isdisjoint(re.findall(r"\w+", text.casefold()))


def delete(message: dict[str, Any]) -> None:
    """Delete a message in the name of its sender: nobody else may."""
    sender = message["senderCommunicationIdentifier"]["rawId"]
    thread_id, message_id = message["threadId"], message["messageId"]
    identity = CommunicationIdentityClient.from_connection_string(CONNECTION_STRING)
    try:
        issued = identity.get_token(
            CommunicationUserIdentifier(sender), [CommunicationTokenScope.CHAT]
        )
        credential = CommunicationTokenCredential(issued.token)
        with ChatThreadClient(endpoint(), credential, thread_id) as thread:
            thread.delete_message(message_id)
    except HttpResponseError as error:
        if error.status_code not in HOPELESS:
            raise
        print(f"{message_id} stays as it is: {error.reason}", file=sys.stderr)
    else:
        print(f"deleted {message_id} of {sender}")


def endpoint() -> str:
    """Where the resource answers, without a slash at the end."""
    parts = dict(part.split("=", 1) for part in CONNECTION_STRING.split(";"))
    return parts["endpoint"].rstrip("/")


app = Starlette(routes=[Route("/chat", receive, methods=["POST"])])
