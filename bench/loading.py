"""How does a benchmark have `bench.round_trips` publish, and what does it make of the answers?"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.machine import LOADING, MissingToolError, process
from bench.model import WrongDeliveryError
from bench.round_trips import Order, RoundTrips
from bench.template import published

ROOT = Path(__file__).parent.parent
BENCH_ENVIRONMENT = ROOT / ".cache/bench-env/bin"


def bench_tool(name: str) -> Path:
    """The path of a program of the systems that we compare with."""
    path = BENCH_ENVIRONMENT / name
    if not path.exists():
        raise MissingToolError(f"{path} is missing: tools/setup-bench-peers installs it")
    return path


def storage_event() -> str:
    """A body of one event such as storage sends, with the mark in its id."""
    return published().array(0, 1).decode()


class Loader:
    """A process that publishes and receives."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None  # noqa: S101  both are pipes
        assert child.stdin is not None  # noqa: S101
        self._output, self._input = child.stdout, child.stdin
        self.webhook = f"http://127.0.0.1:{int(self._output.readline())}/hook"

    def run(self, order: Order) -> RoundTrips:
        """The result of a run in which nothing was refused or lost.

        Raises:
            WrongDeliveryError: something was.
        """
        self._input.write(msgspec.json.encode(order) + b"\n")
        self._input.flush()
        result = msgspec.json.decode(self._output.readline(), type=RoundTrips)
        if result.refused or result.lost or not result.acknowledged:
            raise WrongDeliveryError(f"{order.url}: {result}")
        return result


@contextlib.contextmanager
def loading(python: Path | str = sys.executable) -> Iterator[Loader]:
    """A loader on the core of the load."""
    command = [python, "-m", "bench.round_trips"]
    with process(
        command, LOADING, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        yield Loader(child)
