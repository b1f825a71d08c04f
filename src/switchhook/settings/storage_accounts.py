"""Which storage accounts are real ones, and how are they reached?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# An account's name, or an ARM id that ends in it.
_NAME = re.compile(r"(?:/.+/)?[a-z0-9]{3,24}", re.IGNORECASE)
_ALLOWED = (
    "NAME=CONNECTION_STRING, or a table with 'name' (or 'id', its ARM id) and 'connection_string'"
)


@dataclass(frozen=True)
class StorageAccount:
    """A storage account by its name or ARM id, and the connection string that opens it."""

    name: str
    connection_string: str = field(repr=False)


def parse_storage_account(value: object) -> StorageAccount:
    """An account from `NAME=CONNECTION_STRING`, or from an entry of `[[storage_accounts]]`.

    Raises:
        ValueError: with what is allowed, and without what was given.
    """
    if isinstance(value, str):
        name, _, connection_string = value.partition("=")
        return _account(name.strip(), connection_string)
    if not isinstance(value, Mapping) or len(value) != 2 or not {"name", "id"} & set(value):
        raise ValueError(_ALLOWED)
    return _account(value.get("name", value.get("id")), value.get("connection_string"))


def _account(name: object, connection_string: object) -> StorageAccount:
    if not isinstance(name, str) or not isinstance(connection_string, str):
        raise ValueError(_ALLOWED)
    if not _NAME.fullmatch(name) or not connection_string.strip():
        raise ValueError(_ALLOWED)
    return StorageAccount(name, connection_string.strip())
