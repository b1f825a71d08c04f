"""Who was told to wait? A line in the log, so that slowness has a reason; never many of them."""

import logging

from switchhook.clock import SECOND, Clock
from switchhook.communication.chat.permissions import Action
from switchhook.communication.identity.caller import Caller

# How often one thread, or one user outside of threads, is told of, and how many of them meanwhile.
PAUSE = 60 * SECOND
MAX_TOLD = 100

_log = logging.getLogger(__name__)


class ThrottleLog:
    """Remembers whom the last minute's lines told of."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str], int] = {}

    def tell(self, caller: Caller, action: Action, thread_id: str, retry_after: int) -> None:
        """Note a request that was refused with so many seconds to wait."""
        now = self._clock.now()
        key = (caller.resource.topic, thread_id or caller.raw_id)
        if not self._is_new(key, now):
            return
        _log.info(
            "chat.throttled",
            extra={
                "resource": caller.resource.name,
                "action": action.value,
                "user": caller.raw_id,
                **({"chat_thread": thread_id} if thread_id else {}),
                "retry_after": retry_after,
                "setting": "chat-rate-limits",
            },
        )

    def _is_new(self, key: tuple[str, str], now: int) -> bool:
        # The clock may have been set back: what is told of in the future is forgotten, too.
        for known, at in list(self._told.items()):
            if not 0 <= now - at < PAUSE:
                del self._told[known]
        if key in self._told or len(self._told) >= MAX_TOLD:
            return False
        self._told[key] = now
        return True
