"""A dead-letter store that the test holds in its hand."""

import json
from typing import Any

from switchhook.grid.ports import DeadLetterAnswer
from switchhook.grid.subscriptions import DeadLetterDestination


class ScriptedDeadLetterStore:
    """Keeps what is written by name; `answer` decides what comes of it."""

    def __init__(self) -> None:
        self.blobs: dict[str, list[dict[str, Any]]] = {}
        self.answer = DeadLetterAnswer.WRITTEN
        self.calls = 0

    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        self.calls += 1
        if self.answer is DeadLetterAnswer.WRITTEN:
            self.blobs[f"{destination.container}/{name}"] = json.loads(body)
        return self.answer, "as the test wants it"

    async def close(self) -> None:
        """Nothing is held."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of all blobs, in the order in which they were written."""
        return [event for blob in self.blobs.values() for event in blob]
