"""Which store has the containers of which storage account?"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from switchhook.dead_letter_stores.blob import BlobDeadLetterStore
from switchhook.dead_letter_stores.folder import FolderDeadLetterStore
from switchhook.dead_letter_stores.names import account_name
from switchhook.errors import StartError
from switchhook.grid.ports import DeadLetterAnswer, DeadLetterStore
from switchhook.grid.subscriptions import DeadLetterDestination
from switchhook.settings import StorageAccount


class AccountsDeadLetterStore:
    """Implements `grid.ports.DeadLetterStore` by passing on: accounts by name, the rest to one."""

    def __init__(self, accounts: Mapping[str, DeadLetterStore], other: DeadLetterStore) -> None:
        self._accounts = accounts
        self._other = other

    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        store = self._accounts.get(account_name(destination.resource_id), self._other)
        return await store.write(destination, name, body)

    async def close(self) -> None:
        for store in (*self._accounts.values(), self._other):
            await store.close()


def open_dead_letter_store(
    folder: Path, accounts: Iterable[StorageAccount]
) -> AccountsDeadLetterStore:
    """Storage accounts that are configured, and `folder` for every other.

    Raises:
        StartError: an account is there twice, its connection string is none, or the client library
            is not installed.
    """
    stores: dict[str, DeadLetterStore] = {}
    for account in accounts:
        name = account_name(account.name)
        if name in stores:
            raise StartError(f"storage_accounts has '{name}' twice")
        stores[name] = BlobDeadLetterStore(name, account.connection_string)
    return AccountsDeadLetterStore(stores, FolderDeadLetterStore(folder))
