"""What looks like a fault of the server and is the Python client's own."""

import pytest
from azure.communication.chat import ChatClient, ChatParticipant, CommunicationTokenCredential
from azure.communication.chat import PhoneNumberIdentifier as PhoneNumber
from azure.core.exceptions import ServiceRequestError

from tests.compat.chat.clients import Clients
from tests.compat.chat.server import ChatServer


async def test_refused_phone_number_breaks_the_python_client(
    server: ChatServer, clients: Clients
) -> None:
    """It looks in every participant of the request for the id that only users have."""
    (alice,) = await server.users(1)
    chat = clients.chat(alice.token)
    created = await clients.call(chat.create_chat_thread, "Lunch")
    thread = clients.thread(chat, created.chat_thread.id)
    stranger = ChatParticipant(identifier=PhoneNumber("+15555550123"))

    with pytest.raises(KeyError, match="id"):
        await clients.call(thread.add_participants, [stranger])

    (page,) = await clients.pages(thread.list_participants)
    assert len(page) == 1


async def test_tokens_are_not_sent_over_http(server: ChatServer) -> None:
    """Whoever listens there: the client as applications have it refuses before it connects."""
    (user,) = await server.users(1)
    client = ChatClient(server.endpoint, CommunicationTokenCredential(user.token))

    with pytest.raises(ServiceRequestError, match="not permitted for non-TLS"):
        client.create_chat_thread("Lunch")
