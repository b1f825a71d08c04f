"""What was attempted, for people who ask?"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

# The longest texts of an attempt that are kept, in characters.
DETAIL_LENGTH = 300
EXCERPT_LENGTH = 200


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One request to a webhook, or other try to deliver, and what came of it.

    `position`, `subscription` (the incarnation) and `run` are the delivery's identity; `number`
    counts its attempts from 1. `started_at` and `next_at` are nanoseconds since the epoch,
    `duration` nanoseconds of real time. `outcome` is Azure's `lastDeliveryOutcome`, or "" for a
    success; `detail` says why, for people; `excerpt` is the start of a failure's response.
    `next_step` is what was decided, the name of one of `retry.NextStep`. An `early` attempt was
    made before the delivery was due, to find out about its endpoint.
    """

    position: int
    run: int
    subscription: str
    number: int
    started_at: int
    duration: int
    status: int | None
    outcome: str = ""
    detail: str = ""
    excerpt: str = ""
    next_step: str = "Delivered"
    next_at: int | None = None
    early: bool = False


class AttemptHistory(Protocol):
    """What was attempted, for people who ask. It is not part of what is durable: a crash shortens
    it, its budget and a disk that is too slow leave attempts out, successes first."""

    def note(self, attempt: Attempt) -> None:
        """Remember an attempt; never raises. Texts are cut at `DETAIL_LENGTH`, `EXCERPT_LENGTH`.

        A success keeps what `note_success` takes, and no more.
        """

    def note_success(
        self,
        position: int,
        run: int,
        subscription: str,
        number: int,
        started_at: int,
        duration: int,
        status: int | None,
        early: bool = False,
    ) -> None:
        """The same as `note` for an attempt that delivered; the cheapest thing that does it."""

    def note_successes(
        self,
        positions: Sequence[int],
        run: int,
        subscription: str,
        number: int,
        started_at: int,
        duration: int,
        status: int | None,
        early: bool = False,
    ) -> None:
        """The same as `note_success` for each of the events that one request delivered."""

    async def of(self, position: int) -> list[Attempt]:
        """Every attempt to deliver one event that was noted and is still kept, in order of time."""

    async def forget(self) -> None:
        """Forget every attempt; never raises."""

    async def close(self) -> None:
        """Write what was noted."""
