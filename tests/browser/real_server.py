"""The real command behind the pages, and the users of its resource."""

import asyncio

from azure.communication.identity import CommunicationIdentityClient
from azure.core.pipeline.transport import RequestsTransport

from tests.browser.pages import Pages
from tests.browser.user_page import Page, User
from tests.system.server_process import ServerProcess


class RealServer:
    """A server, and what an application's backend does with it."""

    def __init__(self, process: ServerProcess) -> None:
        self.process = process
        self._transport = RequestsTransport(connection_verify=process.ready.ca_bundle)
        self._identity = CommunicationIdentityClient.from_connection_string(
            process.ready.communication.connection_string, transport=self._transport
        )

    async def connected(self, pages: Pages, count: int) -> list[Page]:
        """Pages of new users that hear what happens."""
        users = await asyncio.to_thread(lambda: [self._user() for _ in range(count)])
        opened = [Page(pages, user) for user in users]
        endpoint = self.process.ready.communication.endpoint
        await asyncio.gather(*(page.connect(endpoint) for page in opened))
        return opened

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def _user(self) -> User:
        user, token = self._identity.create_user_and_token(["chat"])
        return User(user.raw_id, token.token)
