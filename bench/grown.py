"""Servers on prepared data folders, side by side, with one live subscription to load each."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import psutil

from bench.flow import Flow, Webhooks, flow, job, webhooks
from bench.machine import Server, server
from bench.prepared import PLENTY, Wanted, prepare

OPTIONS = ("--allow-http-webhooks", "--shutdown-grace", "0", "--max-log-bytes", str(PLENTY))
CONNECTIONS = 64
_WARM_UP_SECONDS = 0.5
_MEGABYTE = 1e6


class Grown(msgspec.Struct, frozen=True):
    """A running server with what was prepared; `ready_seconds` after its start it was ready, and
    held `megabytes`."""

    server: Server
    hooks: Webhooks
    ready_seconds: float
    megabytes: float

    def load(self, seconds: float, events: int = 1) -> Flow:
        """Publish to the live subscription so long, and check what it gets."""
        work = job(self.server, self.hooks, seconds=seconds, events=events, connections=CONNECTIONS)
        return flow(self.server, work)


@contextlib.contextmanager
def grown(wanted: Wanted) -> Iterator[Grown]:
    """A server on a new data folder with all this, which has been loaded a moment."""
    hooks = webhooks()
    with tempfile.TemporaryDirectory() as parent:
        data = Path(parent) / "data"
        endpoint = f"http://127.0.0.1:{hooks.ports[0]}/0"
        prepare(data, msgspec.structs.replace(wanted, endpoint=endpoint))
        started = time.perf_counter()
        with server(data, *OPTIONS) as running:
            seconds = time.perf_counter() - started
            found = Grown(running, hooks, seconds, held_megabytes(running))
            found.load(_WARM_UP_SECONDS)
            yield found


@contextlib.contextmanager
def side_by_side(wanted: Mapping[int, Wanted]) -> Iterator[dict[int, Grown]]:
    """All of them at the same time, so that rounds can go from one to the other."""
    with contextlib.ExitStack() as stack:
        yield {size: stack.enter_context(grown(each)) for size, each in wanted.items()}


def held_megabytes(running: Server) -> float:
    """What the server holds now."""
    return float(psutil.Process(running.pid).memory_info().rss / _MEGABYTE)


def most_megabytes(running: Server) -> float:
    """The most that it ever held."""
    lines = Path(f"/proc/{running.pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024 / _MEGABYTE
