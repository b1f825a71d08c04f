"""Two users chat: the connection string is the first argument."""

import sys

from azure.communication.chat import ChatClient, ChatParticipant, CommunicationTokenCredential
from azure.communication.identity import CommunicationIdentityClient

connection_string = sys.argv[1]
endpoint = connection_string.removeprefix("endpoint=").partition(";")[0]
identity = CommunicationIdentityClient.from_connection_string(connection_string)

# What a backend does: it has the key, and gives each user a token.
alice, alices_token = identity.create_user_and_token(scopes=["chat"])
bob, bobs_token = identity.create_user_and_token(scopes=["chat"])

# What Alice's program does.
client = ChatClient(endpoint, CommunicationTokenCredential(alices_token.token))
guest = ChatParticipant(identifier=bob, display_name="Bob")
created = client.create_chat_thread("Lunch", thread_participants=[guest])
thread = client.get_chat_thread_client(created.chat_thread.id)
thread.send_message("Soup?", sender_display_name="Alice")

# What Bob's does.
client = ChatClient(endpoint, CommunicationTokenCredential(bobs_token.token))
for item in client.list_chat_threads():
    for message in client.get_chat_thread_client(item.id).list_messages():
        if message.type == "text":
            print(f"{item.topic}: {message.sender_display_name}: {message.content.message}")
