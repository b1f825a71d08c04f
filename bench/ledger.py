"""Was every event that was published delivered to each subscription, exactly as it must be?"""

from bench.model import WrongDeliveryError
from bench.template import DIGITS, Template

_SHOWN = 200  # bytes of a wrong delivery that are told
_MOST = 255  # deliveries of one event that a byte can count


class Ledger:
    """Counts, in one byte each, how often an event came to each subscription.

    `outstanding` says how many first deliveries of begun events are still to come.
    """

    def __init__(self, expected: Template, subscriptions: int) -> None:
        self._first = b"[" + expected.before
        self._other = b"," + expected.before
        self._after = expected.after
        self._step = expected.size + 1
        self._marks = [bytearray() for _ in range(subscriptions)]
        self.begun = 0
        self.acknowledged = 0
        self.outstanding = 0

    def begin(self, count: int) -> int:
        """So many events are about to be published; answers the number of their first."""
        first = self.begun
        self.begun += count
        for marks in self._marks:
            marks.extend(bytes(count))
        self.outstanding += count * len(self._marks)
        return first

    def acknowledge(self, count: int) -> None:
        """The server has answered 200 to a request of so many events."""
        self.acknowledged += count

    def receive(self, subscription: int, body: bytes) -> list[int]:
        """The numbers of the events in a delivery.

        Raises:
            WrongDeliveryError: it differs by a byte from what was published.
        """
        step, place, lead = self._step, len(self._first), self._first
        if len(body) % step != 1 or not body.endswith(b"]"):
            raise WrongDeliveryError(f"not an array of events: {body[:_SHOWN]!r}")
        marks, numbers = self._marks[subscription], []
        for at in range(0, len(body) - 1, step):
            digits = body[at + place : at + place + DIGITS]
            is_right = body.startswith(lead, at) and body.startswith(
                self._after, at + place + DIGITS
            )
            if not (is_right and digits.isdigit() and int(digits) < self.begun):
                raise WrongDeliveryError(f"no such event: {body[at : at + step]!r}")
            number = int(digits)
            if not marks[number]:
                self.outstanding -= 1
            if marks[number] < _MOST:
                marks[number] += 1
            numbers.append(number)
            lead = self._other
        return numbers

    def duplicates(self) -> int:
        """How many deliveries there were beyond the first of each event."""
        return sum(sum(marks) - len(marks) + marks.count(0) for marks in self._marks)

    def check(self) -> None:
        """Everything that was begun is acknowledged and delivered.

        Raises:
            WrongDeliveryError: something is not.
        """
        if self.acknowledged != self.begun:
            unanswered = self.begun - self.acknowledged
            raise WrongDeliveryError(f"{unanswered} events were never acknowledged")
        for number, marks in enumerate(self._marks):
            if lost := marks.count(0):
                first = marks.find(0)
                raise WrongDeliveryError(
                    f"subscription {number} never got {lost} acknowledged events, such as {first}"
                )
