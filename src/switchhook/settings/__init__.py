"""How is this server to run? Every option with its default and its meaning, read once."""

from switchhook.settings.model import ChatRateLimits, LogFullAction, Settings
from switchhook.settings.read import read_data_folder, read_settings
from switchhook.settings.rules import (
    exposed_by,
    is_development_key,
    is_exposed,
    is_loopback,
)
from switchhook.settings.storage_accounts import StorageAccount

__all__ = [
    "ChatRateLimits",
    "LogFullAction",
    "Settings",
    "StorageAccount",
    "exposed_by",
    "is_development_key",
    "is_exposed",
    "is_loopback",
    "read_data_folder",
    "read_settings",
]
