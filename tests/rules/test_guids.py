"""What are requests called?"""

import itertools
import uuid

from switchhook.guids import Guids, TimedGuids


def test_every_request_has_a_random_guid_of_its_own() -> None:
    """Of version 4, also when the first random bytes are used up."""
    ids = Guids()

    made = [ids.new() for _ in range(1000)]

    assert len(set(made)) == 1000
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in made} == {
        (4, uuid.RFC_4122)
    }
    assert all(str(uuid.UUID(each)) == each for each in made)


def test_guids_are_made_of_the_random_bytes() -> None:
    """But for the bits of version and variant."""
    numbers = itertools.count()
    ids = Guids(lambda size: bytes(next(numbers) % 256 for _ in range(size)))

    assert "00010203-0405-4607-8809-0a0b0c0d0e0f" in {ids.new() for _ in range(256)}


def test_timed_guids_come_in_the_order_of_their_time() -> None:
    """Of version 7, each once: a stock of them has the millisecond in which it was made."""
    times = iter(range(1_770_000_000_000_000_000, 1_770_000_004_000_000_000, 1_000_000_000))
    ids = TimedGuids(now=lambda: next(times))

    made = [ids.new() for _ in range(1000)]

    assert len(set(made)) == 1000
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in made} == {
        (7, uuid.RFC_4122)
    }
    assert all(str(uuid.UUID(each)) == each for each in made)
    milliseconds = [uuid.UUID(each).int >> 80 for each in made]
    assert milliseconds == sorted(milliseconds)
    assert set(milliseconds) == {1_770_000_000_000 + each for each in range(0, 4000, 1000)}
