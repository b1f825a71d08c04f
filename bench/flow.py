"""How does a measurement publish to a server and have every delivery checked?"""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.job import Job, Outcome
from bench.machine import (
    LOADING,
    MEASURED,
    Server,
    cpu_seconds,
    cpu_split,
    free_port,
    nginx,
    process,
    server,
    wrk,
)
from bench.model import WrongDeliveryError
from bench.template import delivered, published
from switchhook import defaults
from switchhook.default_resources import TOPIC_ID

EVENT = published()
EXPECTED = delivered(EVENT, TOPIC_ID)
PATH = f"/topics/{defaults.TOPIC_NAME}/api/events"
JSON = {"Content-Type": "application/json"}
DELIVERY = EXPECTED.array(0, 1)
POSTING = 64  # connections to a webhook, of wrk as of the server
# So many events in one request are published on so many connections.
CONNECTIONS = {1: 64, 100: 16}
WARM_UP_SECONDS = 0.3
_TOO_BUSY = 0.9


class Webhooks(msgspec.Struct, frozen=True, kw_only=True):
    """The subscriptions of a run: so many checked ones on so many ports, and where else events go.

    `others` are addresses that nobody checks.
    """

    subscriptions: int = 1
    ports: tuple[int, ...]
    others: tuple[str, ...] = ()
    batch: int = 1
    certificate: tuple[str, str] | None = None

    def config(self) -> str:
        """The tables of the subscriptions in the server's file."""
        origin = "https://localhost" if self.certificate else "http://127.0.0.1"
        urls = [
            f"{origin}:{self.ports[number % len(self.ports)]}/{number}"
            for number in range(self.subscriptions)
        ]
        return "\n".join(_table(n, url, self.batch) for n, url in enumerate((*urls, *self.others)))


def webhooks(
    subscriptions: int = 1,
    *,
    endpoints: int = 1,
    others: Sequence[str] = (),
    batch: int = 1,
    certificate: tuple[Path, Path] | None = None,
) -> Webhooks:
    """Webhooks on free ports."""
    return Webhooks(
        subscriptions=subscriptions,
        ports=tuple(free_port() for _ in range(endpoints)),
        others=tuple(others),
        batch=batch,
        certificate=(str(certificate[0]), str(certificate[1])) if certificate else None,
    )


def _table(number: int, url: str, batch: int) -> str:
    return (
        f'[[subscriptions]]\nname = "hook-{number}"\ntopic = "{defaults.TOPIC_NAME}"\n'
        f'endpoint = "{url}"\nvalidate = false\nmaxEventsPerBatch = {batch}\n'
    )


@contextlib.contextmanager
def flow_server(
    hooks: Webhooks,
    *arguments: str | Path,
    environ: dict[str, str] | None = None,
    module: str = "switchhook",
) -> Iterator[Server]:
    """The real command with these subscriptions, on a new data folder."""
    # A dead webhook must not delay the end.
    options = ("--shutdown-grace", "0", *arguments)
    with (
        tempfile.TemporaryDirectory() as folder,
        server(
            Path(folder), *options, config=hooks.config(), environ=environ, module=module
        ) as running,
    ):
        yield running


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run, and the server's CPU meanwhile."""

    outcome: Outcome
    user_seconds: float
    kernel_seconds: float

    @property
    def per_second(self) -> float:
        """Events a second, from the first publish to the last delivery."""
        return self.outcome.events / self.outcome.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's CPU for each event."""
        return self.user_us + self.kernel_us

    @property
    def user_us(self) -> float:
        """The part of them that is spent in the process."""
        return self.user_seconds / self.outcome.events * 1e6

    @property
    def kernel_us(self) -> float:
        """The part of them that is spent in the kernel."""
        return self.kernel_seconds / self.outcome.events * 1e6

    @property
    def load_us(self) -> float:
        """Microseconds for which the process that publishes and checks is busy with each event."""
        return self.outcome.busy_seconds / self.outcome.events * 1e6

    @property
    def load_busy(self) -> float:
        """Which part of the time that process was busy, on a core of its own."""
        return self.outcome.busy_seconds / self.outcome.seconds


def job(
    running: Server,
    hooks: Webhooks,
    *,
    seconds: float,
    events: int,
    connections: int | None = None,
    backlog: int = 4_000,
    per_second: float | None = None,
    is_awake: bool = True,
) -> Job:
    """Publish to the server's topic, and check what its webhooks get."""
    return Job(
        port=int(running.http.rpartition(":")[2]),
        path=PATH,
        headers={**JSON, "aeg-sas-key": running.topic_key},
        published=EVENT,
        expected=EXPECTED,
        webhook_ports=hooks.ports,
        seconds=seconds,
        connections=connections or CONNECTIONS[events],
        events_per_request=events,
        subscriptions=hooks.subscriptions,
        backlog=backlog,
        per_second=per_second,
        is_awake=is_awake,
        certificate=hooks.certificate,
    )


def run(work: Job) -> Outcome:
    """Do a job in a process of its own, on the loading core.

    Raises:
        WrongDeliveryError: an event was lost, changed or delivered twice.
    """
    command = [sys.executable, "-m", "bench.load"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process(command, LOADING, **pipes) as child:
        output, _ = child.communicate(msgspec.json.encode(work))
    if not output:
        raise RuntimeError("the load ended without an outcome")
    outcome = msgspec.json.decode(output, type=Outcome)
    if outcome.wrong:
        raise WrongDeliveryError(outcome.wrong)
    if outcome.duplicates:
        raise WrongDeliveryError(f"{outcome.duplicates} duplicates without a crash")
    return outcome


def flow(running: Server, work: Job) -> Flow:
    """Do a job, and tell what it cost the server."""
    before = cpu_split(running.pid)
    outcome = run(work)
    user, kernel = (now - then for now, then in zip(cpu_split(running.pid), before, strict=True))
    return Flow(outcome=outcome, user_seconds=user, kernel_seconds=kernel)


class Floor(msgspec.Struct, frozen=True):
    """Microseconds of CPU that nobody is expected to go below."""

    request_us: float
    post_us: float

    def per_second(self, events: int) -> float:
        """Events a second of one core that only takes such requests and posts each event."""
        return 1e6 / (self.request_us / events + self.post_us)


def floor(events: int, seconds: float) -> Floor:
    """What nginx spends to take a request of so many events, and wrk to post one delivery."""
    body = EVENT.array(0, events)
    port = free_port()
    with nginx(port, MEASURED) as pid:
        before = cpu_seconds(pid)
        url = f"http://127.0.0.1:{port}{PATH}"
        taken = wrk(url, body, JSON, connections=CONNECTIONS[events], seconds=seconds)
        request_us = (cpu_seconds(pid) - before) / taken.requests * 1e6
        posted = wrk(url, DELIVERY, JSON, connections=POSTING, seconds=seconds)
    return Floor(request_us, posted.cpu_us)


def busy_note(busy: float) -> str:
    """What the core of the load had to do, and whether that is the limit."""
    note = f"The process that publishes and checks was busy for {busy:.0%} of the time"
    return f"{note}: it may be the limit." if busy > _TOO_BUSY else f"{note}."


def repeated(rounds: int, one: Callable[[], Mapping[str, float]]) -> dict[str, list[float]]:
    """The columns of so many rounds."""
    return columns_of([one() for _ in range(rounds)])


def columns_of(figures: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """The figures of each round, by their names."""
    return {name: [each[name] for each in figures] for name in figures[0]}


def warm(running: Server, hooks: Webhooks, events: int) -> None:
    """A first load that is not counted: connections are opened, caches filled."""
    run(job(running, hooks, seconds=WARM_UP_SECONDS, events=events))
