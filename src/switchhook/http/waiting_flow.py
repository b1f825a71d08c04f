"""When may a connection be read on?"""

import asyncio
from collections.abc import Sized

from uvicorn.protocols.http.flow_control import FlowControl


class WaitingFlow(FlowControl):
    """Reads nothing more while requests wait: whoever sends faster than it is answered waits too,
    and does not fill the memory with requests."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()
