"""`python -m bench.load`: publisher and webhook in one process, which checks every delivery.

Reads a `Job` as JSON, prints an `Outcome` as JSON. Each publisher waits for an answer before it
publishes again, and for deliveries when too many are outstanding; or the job has a pace. After
`seconds` they stop, and the job ends when all that they published is delivered.
"""

import asyncio
import contextlib
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from bench.awake import Awake
from bench.connections import Publisher, Run, Webhook
from bench.job import Job, Outcome, tell
from bench.model import WrongDeliveryError

_LOOK_EVERY = 0.001
# Nothing tells that no duplicate is under way; this is a hundred times what a delivery takes.
_LINGER_SECONDS = 0.1


@contextlib.asynccontextmanager
async def _webhooks(run: Run) -> AsyncIterator[None]:
    loop, job = asyncio.get_running_loop(), run.job
    context = None
    if job.certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*job.certificate)
    async with contextlib.AsyncExitStack() as stack:
        for port in job.webhook_ports:
            server = await loop.create_server(
                partial(Webhook, run), "127.0.0.1", port, ssl=context, backlog=1024
            )
            stack.callback(server.close)
        yield


async def run_job(job: Job) -> Outcome:
    """Do the job.

    Raises:
        WrongDeliveryError: something was lost or changed, or is still missing after a long wait.
    """
    run, loop = Run(job), asyncio.get_running_loop()
    async with _webhooks(run):
        connect = partial(loop.create_connection, partial(Publisher, run), "127.0.0.1", job.port)
        publishers = [(await connect())[1] for _ in range(job.connections)]
        started, cpu = time.perf_counter(), time.process_time()
        load = Awake(lambda: run.reads)
        with load if job.is_awake and job.per_second is None else contextlib.nullcontext():
            await _publish(run, publishers)
            await _until(run, lambda: not (run.in_flight or run.overdue))
            answered = time.perf_counter()
            await _until(run, lambda: not run.ledger.outstanding)
        ended, cpu = time.perf_counter(), time.process_time() - cpu
        await asyncio.sleep(_LINGER_SECONDS)
    if run.failure is not None:
        raise run.failure
    run.ledger.check()
    return Outcome(
        events=run.ledger.begun,
        requests=run.requests,
        duplicates=run.ledger.duplicates(),
        seconds=ended - started,
        publishing_seconds=answered - started,
        busy_seconds=cpu - load.idle_seconds,
        latencies=run.latencies,
    )


async def _publish(run: Run, publishers: Sequence[Publisher]) -> None:
    """Publish for the job's seconds, and no longer."""
    job = run.job
    if job.per_second is None:
        for each in publishers:
            each.publish()
        await run.wait(job.seconds)
    else:
        run.idle.extend(publishers)
        due = time.perf_counter()
        until = due + job.seconds
        while not run.failure and due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            run.publish_at(due)
            due += 1 / job.per_second
    run.is_stopping = True


async def _until(run: Run, is_done: Callable[[], bool]) -> None:
    """Wait for that as long as anything moves.

    Raises:
        WrongDeliveryError: nothing has moved for long.
    """
    before, moved_at = _progress(run), time.perf_counter()
    while not is_done() and run.failure is None:
        await asyncio.sleep(_LOOK_EVERY)
        if (now := _progress(run)) != before:
            before, moved_at = now, time.perf_counter()
        elif time.perf_counter() - moved_at > run.job.patience:
            missing = f"{run.in_flight} answers and {run.ledger.outstanding} deliveries"
            raise WrongDeliveryError(f"{missing} never came")


def _progress(run: Run) -> tuple[int, int]:
    return run.ledger.acknowledged, run.ledger.outstanding


if __name__ == "__main__":
    tell(sys.stdin.buffer.read(), Job, run_job)
