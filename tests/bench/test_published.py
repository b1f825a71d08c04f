"""Does a benchmark notice when the log is not what was acknowledged?"""

import pytest

from bench.model import WrongDeliveryError
from bench.published import LogCheck
from bench.template import STAMP, published

BODY = published().stamped(2)


def numbered(number: int) -> bytes:
    """The body of one request."""
    return BODY.replace(STAMP.encode(), b"%012d" % number)


def check(bodies: list[bytes], *, plain: int = 0, numbers: int = 0) -> None:
    """So many were acknowledged, on two connections."""
    found = LogCheck(BODY)
    found.add(bodies)
    found.finish(plain, numbers, 2)


def test_what_was_acknowledged_may_be_followed_by_what_was_under_way() -> None:
    """The last request of a connection is stored, but its answer comes too late to be counted."""
    check([BODY, numbered(2), numbered(1), numbered(3)], plain=1, numbers=2)


@pytest.mark.parametrize(
    ("bodies", "problem"),
    [
        ([numbered(1)], "2 requests with a number were acknowledged, the log holds 1"),
        ([numbered(n) for n in range(5)], "the log holds 5"),
        ([numbered(1), numbered(1)], "holds request 1 twice"),
        ([numbered(1), numbered(2)[:-2] + b" ]"], "nobody has published"),
        ([numbered(1), b"[]"], "nobody has published"),
        ([numbered(1), BODY.replace(STAMP.encode(), b"x" * 12)], "nobody has published"),
    ],
)
def test_what_is_lost_doubled_or_changed_fails_the_run(bodies: list[bytes], problem: str) -> None:
    """Two were acknowledged."""
    with pytest.raises(WrongDeliveryError, match=problem):
        check(bodies, numbers=2)


def test_body_has_one_place_for_a_number() -> None:
    """A number of the same width leaves the length as it is."""
    assert BODY.count(STAMP.encode()) == 1
    assert len(numbered(7)) == len(BODY)
