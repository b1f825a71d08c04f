"""`python -m bench.backlog_load`: a webhook that a prepared backlog is delivered to, and checked.

Reads a `Reading` as JSON and prints a line when it listens; then it waits for the first delivery,
and so many seconds or until all has come. Prints an `Outcome` as JSON.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial

import msgspec

from bench.awake import Awake
from bench.connections import Run, Webhook
from bench.job import Job, Outcome, tell
from bench.model import WrongDeliveryError
from bench.template import Template

_STALLED_SECONDS = 30.0
_LOOK_EVERY = 0.01
_LINGER_SECONDS = 0.1


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is to come: `events` of this form, numbered from 0, to a webhook on that port.

    What comes in `seconds` from the first delivery on is counted, and taken as right although the
    rest is missing.
    """

    port: int
    expected: Template
    events: int
    seconds: float


async def read(reading: Reading) -> Outcome:
    """Take what comes.

    Raises:
        WrongDeliveryError: something was lost or changed, or nothing comes any more.
    """
    run = Run(_job(reading))
    run.ledger.begin(reading.events)
    run.ledger.acknowledge(reading.events)
    server = await asyncio.get_running_loop().create_server(
        partial(Webhook, run), "127.0.0.1", reading.port, backlog=1024
    )
    print("listening", flush=True)
    async with server:
        await _wait(run, lambda left: left < reading.events, None)
        started, before = time.perf_counter(), run.ledger.outstanding
        cpu = time.process_time()
        with Awake(lambda: run.reads) as load:
            await _wait(run, lambda left: not left, started + reading.seconds)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        measured = before - run.ledger.outstanding
        await asyncio.sleep(_LINGER_SECONDS)
    if run.failure is not None:
        raise run.failure
    return Outcome(
        events=measured,
        seconds=seconds,
        busy_seconds=cpu - load.idle_seconds,
        duplicates=run.ledger.duplicates(),
    )


def _job(reading: Reading) -> Job:
    """Nothing is published; what comes is checked like what a job published itself."""
    return Job(
        port=0,
        path="",
        headers={},
        published=reading.expected,
        expected=reading.expected,
        webhook_ports=(reading.port,),
        seconds=reading.seconds,
        connections=0,
    )


async def _wait(run: Run, is_done: Callable[[int], bool], until: float | None) -> None:
    left, moved_at = run.ledger.outstanding, time.perf_counter()
    while not is_done(run.ledger.outstanding) and run.failure is None:
        await asyncio.sleep(_LOOK_EVERY)
        now = time.perf_counter()
        if until is not None and now >= until:
            return
        if run.ledger.outstanding != left:
            left, moved_at = run.ledger.outstanding, now
        elif now - moved_at > _STALLED_SECONDS:
            raise WrongDeliveryError(f"{left} deliveries never came")


if __name__ == "__main__":
    tell(sys.stdin.buffer.readline(), Reading, read)
