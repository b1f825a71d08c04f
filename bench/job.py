"""What is a process of load asked to do, and what does it tell?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
import uvloop

from bench.model import WrongDeliveryError
from bench.template import Template

Asked = TypeVar("Asked")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to publish where, and what must come of it.

    A webhook listens on each of `webhook_ports`; the path `/3` names the fourth of so many
    `subscriptions`. `backlog` is how many events may be on their way, published and not yet
    delivered to all, before publishers wait. With `per_second` events are published at that
    pace, whatever becomes of those before, and the latency of each is told: from its publication
    to its delivery. What has not come after `patience` seconds in which nothing moved is lost.
    Unless there is a pace, the process `is_awake` all the time, and has its core for itself.
    """

    port: int
    path: str
    headers: dict[str, str]
    published: Template
    expected: Template
    webhook_ports: Sequence[int]
    seconds: float
    connections: int
    events_per_request: int = 1
    subscriptions: int = 1
    backlog: int = 4_000
    per_second: float | None = None
    certificate: tuple[str, str] | None = None
    is_awake: bool = True
    patience: float = 30.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job.

    `seconds` reach from the first event to the last delivery, `publishing_seconds` to the last
    answer, and `busy_seconds` are those in which this process had anything to do. `wrong` says what
    was lost or changed, if anything.
    """

    events: int = 0
    requests: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    publishing_seconds: float = 0.0
    busy_seconds: float = 0.0
    latencies: list[float] = []
    wrong: str = ""


def tell(asked: bytes, kind: type[Asked], do: Callable[[Asked], Awaitable[Outcome]]) -> None:
    """Do what is asked for, as JSON, and print the outcome, which may be a loss."""

    async def done() -> Outcome:
        try:
            return await do(msgspec.json.decode(asked, type=kind))
        except WrongDeliveryError as error:
            return Outcome(wrong=str(error))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(msgspec.json.encode(runner.run(done())).decode())
