"""What bounds the router?"""

from dataclasses import dataclass

from switchhook.grid import retention
from switchhook.grid.given_up import DEFAULT_KEEP, Keep
from switchhook.grid.subscriptions import TimeProfile
from switchhook.grid.unrouted import WORK_IN_A_TURN


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What bounds the router: retention in nanoseconds and bytes, requests and events a
    subscription, the work of a turn of the event loop, seconds between checkpoints, and how much of
    what was given up is kept."""

    max_age: int = retention.DEFAULT_AGE
    max_bytes: int = retention.DEFAULT_MAX_BYTES
    drops_unfinished: bool = False
    in_flight: int = 64
    queue_length: int = 5000
    routed_in_a_turn: int = WORK_IN_A_TURN
    checkpoint_interval: float = 0.1
    profile: TimeProfile = TimeProfile.AZURE
    given_up: Keep = DEFAULT_KEEP
