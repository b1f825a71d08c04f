"""Which events does a chat publish? Change this into a test of your handler."""

# ruff: noqa: ANN001, ANN201, S101 - a test asserts, and needs no annotations

from types import SimpleNamespace

import pytest


@pytest.fixture
def chat(server, events):
    """A thread of Alice and Bob, and Alice's token; clients are imported when the server runs."""
    from azure.communication.chat import ChatClient, ChatParticipant, CommunicationTokenCredential
    from azure.communication.identity import CommunicationIdentityClient

    identity = CommunicationIdentityClient.from_connection_string(server.connection_string)
    alice, token = identity.create_user_and_token(scopes=["chat"])
    bob = identity.create_user()
    guest = ChatParticipant(identifier=bob)
    endpoint = server.ready["communication"]["endpoint"]
    client = ChatClient(endpoint, CommunicationTokenCredential(token.token))
    created = client.create_chat_thread("Lunch", thread_participants=[guest])
    server.wait_idle()
    events.clear()
    return SimpleNamespace(
        thread=client.get_chat_thread_client(created.chat_thread.id),
        alice=alice.properties["id"],
        bob=bob.properties["id"],
        token=token.token,
    )


def told(events):
    """The events' types, and of those for one user, whose they are."""
    return sorted(
        (
            event["eventType"].removeprefix("Microsoft.Communication."),
            event["data"].get("recipientCommunicationIdentifier", {}).get("rawId"),
        )
        for event in events
    )


def test_message_is_told_to_the_thread_and_to_bob(server, events, chat):
    sent = chat.thread.send_message("Soup?", sender_display_name="Alice")
    server.wait_idle()

    assert told(events) == [
        ("ChatMessageReceived", chat.bob),
        ("ChatMessageReceivedInThread", None),
    ]
    assert {event["data"]["messageId"] for event in events} == {sent.id}


def test_thread_is_deleted_after_thirty_days(server, events, chat):
    path = f"/chat/threads/{chat.thread.thread_id}?api-version=2025-03-15"
    policy = {"kind": "threadCreationDate", "deleteThreadAfterDays": 30}
    server.call("PATCH", path, {"retentionPolicy": policy}, token=chat.token)
    server.wait_idle()
    events.clear()

    server.advance("P29D")
    assert told(events) == []

    server.advance("P1D")
    assert told(events) == [
        ("ChatThreadDeleted", None),
        *(("ChatThreadWithUserDeleted", user) for user in sorted([chat.alice, chat.bob])),
    ]
