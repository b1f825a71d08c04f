"""Talks with the official clients, over whatever the settings name; prints what was said."""

import asyncio
import json
import os
from typing import Any

from azure.communication.chat import ChatClient, ChatParticipant, CommunicationTokenCredential
from azure.communication.chat.aio import ChatClient as AsyncChatClient
from azure.communication.chat.aio import CommunicationTokenCredential as AsyncTokenCredential
from azure.communication.identity import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential

endpoint = os.environ["ENDPOINT"]
# Over HTTP the clients send a token only when they are told to, call by call.
options: dict[str, Any] = {"enforce_https": False} if endpoint.startswith("http:") else {}
if "KEY" in os.environ:
    identity = CommunicationIdentityClient(endpoint, AzureKeyCredential(os.environ["KEY"]))
else:
    identity = CommunicationIdentityClient.from_connection_string(os.environ["CONNECTION_STRING"])
(alice, alices), (bob, bobs) = (identity.create_user_and_token(["chat"]) for _ in range(2))

chat = ChatClient(endpoint, CommunicationTokenCredential(alices.token))
created = chat.create_chat_thread(
    "Lunch", thread_participants=[ChatParticipant(identifier=bob)], **options
)
thread_id = created.chat_thread.id
chat.get_chat_thread_client(thread_id).send_message("héllo", **options)


async def answer() -> list[str]:
    """Bob writes with the client for asyncio, and reads all."""
    async with (
        AsyncChatClient(endpoint, AsyncTokenCredential(bobs.token)) as chat,
        chat.get_chat_thread_client(thread_id) as thread,
    ):
        await thread.send_message("hi 🥗", **options)
        found = [each async for each in thread.list_messages(**options)]
        return [each.content.message for each in found if each.type == "text"][::-1]


print(json.dumps(asyncio.run(answer())))
