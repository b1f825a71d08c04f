"""Does the check of deliveries notice what is lost, changed or doubled?"""

from collections.abc import Callable

import pytest

from bench.ledger import Ledger
from bench.model import WrongDeliveryError
from bench.template import DIGITS, Template, published

EVENT = Template(b'{"id":"', b'"}')


def _ledger(events: int, subscriptions: int = 1) -> Ledger:
    ledger = Ledger(EVENT, subscriptions)
    ledger.begin(events)
    ledger.acknowledge(events)
    return ledger


def test_everything_delivered_once_is_right() -> None:
    ledger = _ledger(3, subscriptions=2)
    ledger.receive(0, EVENT.array(0, 3))
    ledger.receive(1, EVENT.array(2, 1))
    ledger.receive(1, EVENT.array(0, 2))

    ledger.check()
    assert ledger.outstanding == 0
    assert ledger.duplicates() == 0


def test_numbers_of_a_delivery_are_told_in_its_order() -> None:
    ledger = _ledger(3)
    body = b"[" + EVENT.event(2) + b"," + EVENT.event(0) + b"]"

    assert ledger.receive(0, body) == [2, 0]


def test_lost_event_is_noticed() -> None:
    ledger = _ledger(3, subscriptions=2)
    ledger.receive(0, EVENT.array(0, 3))
    ledger.receive(1, EVENT.array(0, 2))

    assert ledger.outstanding == 1
    with pytest.raises(WrongDeliveryError, match=r"subscription 1 .* such as 2"):
        ledger.check()


def test_request_without_an_answer_is_noticed() -> None:
    ledger = _ledger(2)
    ledger.begin(1)
    ledger.receive(0, EVENT.array(0, 3))

    with pytest.raises(WrongDeliveryError, match="1 events were never acknowledged"):
        ledger.check()


def test_doubled_event_is_counted_for_its_subscription_alone() -> None:
    ledger = _ledger(2, subscriptions=2)
    for subscription in (0, 1, 1):
        ledger.receive(subscription, EVENT.array(0, 2))

    ledger.check()
    assert ledger.duplicates() == 2
    assert ledger.outstanding == 0


def test_event_lost_by_one_and_doubled_by_another_is_both() -> None:
    ledger = _ledger(1, subscriptions=2)
    ledger.receive(0, EVENT.array(0, 1))
    ledger.receive(0, EVENT.array(0, 1))

    assert ledger.duplicates() == 1
    with pytest.raises(WrongDeliveryError, match="subscription 1"):
        ledger.check()


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte before the number": lambda body: body.replace(b"id", b"ID", 1),
    "a byte after the number of the last": lambda body: body[:-2] + b" ]",
    "a number that is none": lambda body: body.replace(b"000000000001", b" 00000000001"),
    "a number that was not published": lambda body: body.replace(b"000000000001", b"000000000002"),
    "a byte more": lambda body: body + b" ",
    "a byte less": lambda body: body[:-1],
    "no end": lambda body: body[:-1] + b" ",
    "no beginning": lambda body: b"{" + body[1:],
    "another separator": lambda body: body.replace(b"},{", b"};{"),
    "nothing": lambda body: b"",
    "no event": lambda body: b"[]",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_delivery_is_noticed(change: Callable[[bytes], bytes]) -> None:
    ledger = _ledger(2)

    with pytest.raises(WrongDeliveryError):
        ledger.receive(0, change(EVENT.array(0, 2)))


def test_every_single_byte_of_a_delivery_is_checked() -> None:
    event = published()
    ledger = Ledger(event, 1)
    ledger.begin(2)
    right = event.array(0, 2)
    last_digits = {at + DIGITS - 1 for at in event.places(2)}
    for at, byte in enumerate(right):
        wrong = right[:at] + bytes([byte ^ 2]) + right[at + 1 :]
        if at not in last_digits:  # there it is the number of another event, or of none
            with pytest.raises(WrongDeliveryError):
                ledger.receive(0, wrong)
    assert ledger.receive(0, right) == [0, 1]


def test_template_keeps_its_width() -> None:
    event = published()
    most = 10**DIGITS - 1

    assert len(event.event(0)) == len(event.event(most)) == event.size
    body = event.array(41, 3)
    numbers = [int(body[at : at + DIGITS]) for at in event.places(3)]
    assert numbers == [41, 42, 43]
