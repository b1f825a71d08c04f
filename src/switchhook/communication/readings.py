"""What do metrics tell of Communication Services?"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CommunicationReadings:
    """All resources together: live real-time connections, the users who have them, and chat
    requests since the start that were refused because of a rate limit."""

    connections: int = 0
    users: int = 0
    throttled: int = 0
