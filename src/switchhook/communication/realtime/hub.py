"""Who is connected in real time, and what goes out to whom?"""

from typing import Protocol

from switchhook.communication.chat.happenings import Happening
from switchhook.communication.realtime.payloads import body_for, push_of
from switchhook.communication.resources import CommunicationResource


class PresenceListener(Protocol):
    """Wants to know when a connection of a user comes or goes.

    Every `connected` is followed by one `disconnected`; a user may have several at a time.
    """

    def connected(self, resource: CommunicationResource, raw_id: str) -> None:
        """One more connection of that user; never raises, never blocks."""

    def disconnected(self, resource: CommunicationResource, raw_id: str) -> None:
        """One connection less; never raises, never blocks."""


class Connection(Protocol):
    """A live connection of one user. Neither method raises or blocks."""

    def push(self, body: str) -> None:
        """Hand over a push; a connection that cannot take it ends."""

    def end(self) -> None:
        """Close the connection soon."""


class Hub:
    """The live connections of all users.

    A page is known by its endpoint id, which outlives its connections. Where two of them overlap
    only the newer one is told, or the page would hear everything twice.
    """

    def __init__(self) -> None:
        self._users: dict[tuple[str, str], dict[str, Connection]] = {}
        self._presence: list[PresenceListener] = []
        self._live = 0

    def listen(self, presence: PresenceListener) -> None:
        """Tell `presence` of every connection from now on."""
        self._presence.append(presence)

    def connect(
        self, resource: CommunicationResource, raw_id: str, endpoint: str, connection: Connection
    ) -> None:
        """A connection is live: it is told what happens from now on."""
        self._users.setdefault((resource.topic, raw_id), {})[endpoint] = connection
        self._live += 1
        for listener in self._presence:
            listener.connected(resource, raw_id)

    def disconnect(
        self, resource: CommunicationResource, raw_id: str, endpoint: str, connection: Connection
    ) -> None:
        """A connection that was live is not any more; call it once for each `connect`."""
        self._live -= 1
        user = (resource.topic, raw_id)
        pages = self._users.get(user, {})
        if pages.get(endpoint) is connection:
            del pages[endpoint]
            if not pages:
                del self._users[user]
        for listener in self._presence:
            listener.disconnected(resource, raw_id)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is connected."""
        return not self._users

    @property
    def connections(self) -> int:
        """How many connections are live; of a page, for a moment, the one before as well."""
        return self._live

    @property
    def users(self) -> int:
        """How many users are connected."""
        return len(self._users)

    def push(self, resource: CommunicationResource, happening: Happening) -> None:
        """Tell everybody whom a happening concerns, at once; nobody connected costs nothing."""
        if not self._users:
            return
        push = push_of(happening)
        for raw_id in push.recipients:
            pages = self._users.get((resource.topic, raw_id))
            if pages:
                body = body_for(push, raw_id)
                for connection in list(pages.values()):
                    connection.push(body)

    def forget(self, topic: str) -> None:
        """End every connection to a resource, by the incarnation of its topic."""
        for (of_topic, _), pages in list(self._users.items()):
            if of_topic == topic:
                for connection in list(pages.values()):
                    connection.end()
