"""Where do dead-lettered events go?"""

from enum import StrEnum
from typing import Protocol

from switchhook.grid.subscriptions import DeadLetterDestination


class DeadLetterAnswer(StrEnum):
    """What came of writing a dead letter."""

    WRITTEN = "written"
    UNAVAILABLE = "unavailable"  # try again later
    NO_CONTAINER = "no container"  # never


class DeadLetterStore(Protocol):
    """Where dead-lettered events go: blob containers, or folders that look like them."""

    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        """Write a blob, durably, replacing one of the same name; with a detail for people.

        Never raises for what the other side does or fails to do.
        """

    async def close(self) -> None:
        """Release connections."""
