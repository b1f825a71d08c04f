"""What does SMS need from a carrier?"""

from typing import Protocol

import msgspec


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way to one phone."""

    from_: str
    to: str
    segments: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of the carrier, `after` nanoseconds from the submission."""

    after: int
    segments_succeeded: int
    segments_failed: int


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a message.

    `code` is a row of the table of delivery statuses (`communication.sms.statuses`). The carrier
    reports at each instant of `reported_after`, nanoseconds from the submission: usually one, two
    for a report that comes twice, none for one that never comes. There is at least one attempt.
    """

    code: int
    attempts: tuple[Attempt, ...]
    reported_after: tuple[int, ...]


class Carrier(Protocol):
    """Carries messages to phones."""

    def submit(self, submission: Submission) -> Fate:
        """Say what will become of a message and when it will be known.

        Asked before the send is durable and not again: the caller writes the fate down together
        with the send, and acts on it after a restart too. Has no effect of its own.
        """
