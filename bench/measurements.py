"""Which measurements are there, in the order in which they run?"""

from collections.abc import Callable, Collection, Sequence

import msgspec

from bench import (
    append,
    catching_up,
    chat,
    crash,
    due,
    end_to_end,
    explain,
    fan_out,
    growth,
    idle,
    ingest,
    isolation,
    latency,
    messages,
    peers,
    recovery,
    slow_disk,
    start,
    typical_stack,
)
from bench.bars import BACKLOGS, BARS, LOG_MEGABYTES, PEERS, SUBSCRIPTIONS, TOPICS
from bench.model import Result


class Measurement(msgspec.Struct, frozen=True):
    """Bars that are measured together, by `measure(rounds, seconds of a part of a round)`.

    A slow one is left out of a quick run that does not name it. `most_rounds` is for what takes
    minutes, or counts in ways of its own; `longer` times the seconds of others has what needs many
    events. One that `is_spread` can be measured a round now and a round later.
    """

    bars: tuple[str, ...]
    measure: Callable[[int, float], list[Result]]
    is_slow: bool = False
    most_rounds: int | None = None
    longer: int = 1
    is_spread: bool = False

    @property
    def names(self) -> str:
        """Its bars, for people."""
        return ", ".join(self.bars)


MEASUREMENTS = (
    Measurement(("T1", "T3"), ingest.measure_single, is_spread=True),
    Measurement(("T2", "T4"), ingest.measure_hundred, is_spread=True),
    Measurement(
        ("T5", "T5 preallocated", "T5 sixteen", "T5 small", "T12"),
        append.measure,
        is_slow=True,
        is_spread=True,
    ),
    Measurement(("T6", "T6 HTTPS"), fan_out.measure, is_spread=True),
    Measurement(("T7 1-event",), end_to_end.measure_single, is_spread=True),
    Measurement(("T7 100-event", "T8"), end_to_end.measure_hundred, is_spread=True),
    Measurement(("T9 p50", "T9 p99"), latency.measure, longer=2, is_spread=True),
    Measurement(
        ("T10 throughput", "T10 match", "T15 RSS", "T15 bytes"), idle.measure, is_slow=True
    ),
    Measurement(("T11 lost", "T11 duplicates"), crash.measure, is_slow=True, most_rounds=1),
    Measurement(("T13", "T13 hostile", "T13 rows"), isolation.measure, is_slow=True),
    Measurement(("T14",), slow_disk.measure, is_slow=True, is_spread=True),
    Measurement(("T16",), typical_stack.measure, is_slow=True, is_spread=True),
    Measurement(("T17",), end_to_end.measure_history, is_slow=True, is_spread=True),
    Measurement(
        ("SMS", "SMS growth", "chat message", "chat growth"),
        messages.measure,
        is_slow=True,
    ),
    Measurement(
        tuple(f"subscriptions {size:,}" for size in SUBSCRIPTIONS[1:]),
        growth.measure_subscriptions,
        is_slow=True,
    ),
    Measurement(
        tuple(f"topics {size:,}" for size in TOPICS[1:]), growth.measure_topics, is_slow=True
    ),
    Measurement(
        (*(f"backlog {size:,}" for size in BACKLOGS), "backlog MB"),
        catching_up.measure,
        is_slow=True,
        most_rounds=3,
    ),
    Measurement(
        (*(f"recovery {size:,} MB" for size in LOG_MEGABYTES), "recovery WAL"),
        recovery.measure,
        is_slow=True,
        most_rounds=3,
    ),
    Measurement(
        tuple(f"peer {name}" for name in PEERS), peers.measure, is_slow=True, most_rounds=3
    ),
    Measurement(("start", "start / Python", "idle"), start.measure),
    Measurement(
        ("due gap 1", "due gap 10", "due commit"), due.measure, is_slow=True, most_rounds=1
    ),
    Measurement(("explain",), explain.measure, is_slow=True, most_rounds=1),
    Measurement(
        ("chat history", "chat send", "chat crowd"), chat.measure, is_slow=True, most_rounds=3
    ),
)


def wanted(names: Collection[str]) -> list[Measurement]:
    """The measurements of these bars, all of them for no names; "T7" names each part of T7.

    Raises:
        ValueError: there is no such bar.
    """
    for name in names:
        if not any(is_named(number, (name,)) for number in BARS):
            raise ValueError(f"there is no bar {name}: there are {', '.join(BARS)}")
    return [
        each
        for each in MEASUREMENTS
        if not names or any(is_named(number, names) for number in each.bars)
    ]


def is_named(number: str, names: Collection[str]) -> bool:
    """Whether a bar is one of these, or a part of one."""
    return any(number == name or number.startswith(f"{name} ") for name in names)


def quick(measurements: Sequence[Measurement], *, is_named: bool) -> list[Measurement]:
    """In short parts, and without the slow ones, unless somebody has named them; tells which."""
    kept = [each for each in measurements if is_named or not each.is_slow]
    if slow := [number for each in measurements if each not in kept for number in each.bars]:
        print(f"a quick run leaves out {', '.join(slow)}")
    return [msgspec.structs.replace(each, longer=1, is_spread=False) for each in kept]
