"""Identity and chat of a running server, with the official Python clients over HTTPS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from azure.communication.chat import (
    ChatClient,
    ChatParticipant,
    CommunicationTokenCredential,
    CommunicationUserIdentifier,
)
from azure.communication.identity import CommunicationIdentityClient
from azure.core.pipeline.transport import RequestsTransport

from tests.system.server_process import ServerProcess


@dataclass(frozen=True)
class User:
    """A user with a token."""

    raw_id: str
    token: str


class ChatClients:
    """The clients of one resource; nothing is tried again, so that each answer is seen."""

    def __init__(self, endpoint: str, connection_string: str, transport: Any) -> None:
        self._endpoint = endpoint
        self._options = {"transport": transport, "retry_total": 0}
        self.identity = CommunicationIdentityClient.from_connection_string(
            connection_string, **self._options
        )

    def user(self) -> User:
        """A new user."""
        found, issued = self.identity.create_user_and_token(["chat"])
        return User(found.raw_id, issued.token)

    def chat(self, user: User) -> Any:
        """A user's chat client."""
        credential = CommunicationTokenCredential(user.token)
        return ChatClient(self._endpoint, credential, **self._options)

    def thread(self, user: User, thread_id: str) -> Any:
        """A user's client of a thread."""
        return self.chat(user).get_chat_thread_client(thread_id, **self._options)

    def create(self, creator: User, *others: User, topic: str = "Lunch") -> str:
        """The id of a new thread of those users."""
        created = self.chat(creator).create_chat_thread(
            topic, thread_participants=[participant(each) for each in others]
        )
        assert not created.errors
        return str(created.chat_thread.id)

    def threads(self, user: User) -> list[str]:
        """The ids of a user's threads."""
        return [str(each.id) for each in self.chat(user).list_chat_threads()]

    def texts(self, user: User, thread_id: str) -> list[str]:
        """What people wrote, oldest first."""
        found = self.thread(user, thread_id).list_messages()
        return [each.content.message for each in found if each.type == "text"][::-1]


def participant(user: User) -> ChatParticipant:
    """A user as somebody to add."""
    return ChatParticipant(identifier=identifier(user), display_name="somebody")


def identifier(user: User) -> CommunicationUserIdentifier:
    """A user as the clients name one."""
    return CommunicationUserIdentifier(user.raw_id)


@contextmanager
def chat_clients(
    server: ServerProcess, connection_string: str | None = None
) -> Iterator[ChatClients]:
    """The clients of the default resource, or of that of the connection string."""
    own = connection_string or server.ready.communication.connection_string
    with RequestsTransport(connection_verify=server.ready.ca_bundle) as transport:
        endpoint = own.removeprefix("endpoint=").partition(";")[0]
        yield ChatClients(endpoint, own, transport)
