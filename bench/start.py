"""How fast does the server start, and what does it hold when idle?"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.bars import BARS
from bench.model import Result, judge

_IDLE_SECONDS = 2.0


def bare_start(environment: dict[str, str]) -> float:
    """Seconds in which this Python starts and imports asyncio: the limit."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, ssl"], check=True, env=environment)
    return time.perf_counter() - started


def with_byte_code(folder: Path) -> dict[str, str]:
    """An environment in which what is imported is compiled once, as installing a package does."""
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
    return environment | {"PYTHONPYCACHEPREFIX": str(folder)}


def server_start(folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds until the server is ready, and megabytes that it holds when it has been idle."""
    command = [sys.executable, "-m", "switchhook", "serve", "--data", str(folder)]
    ports = ["--http-port", "0", "--https-port", "0", "--json"]
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603
        [*command, *ports], stdout=subprocess.PIPE, env=environment
    ) as server:
        assert server.stdout is not None  # noqa: S101  it is a pipe
        json.loads(server.stdout.readline())
        seconds = time.perf_counter() - started
        time.sleep(_IDLE_SECONDS)
        megabytes = psutil.Process(server.pid).memory_info().rss / 1e6
        server.terminate()
    return seconds, megabytes


def measure(rounds: int, seconds: float) -> list[Result]:
    """The bars of a start; one takes as long as it takes, whatever `seconds` says."""
    bare, start, held = _columns(rounds)
    both = {"bare Python, s": bare, "Switchhook, s": start}
    memory = {"Switchhook, MB": held}
    return [
        judge(BARS["start"], both, lambda found: found["Switchhook, s"]),
        judge(
            BARS["start / Python"],
            both,
            lambda found: found["Switchhook, s"] / found["bare Python, s"],
        ),
        judge(BARS["idle"], memory, lambda found: found["Switchhook, MB"]),
    ]


def _columns(rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Each round's bare start, start, and megabytes."""
    with tempfile.TemporaryDirectory() as parent:
        environment = with_byte_code(Path(parent) / "byte-code")
        server_start(Path(parent) / "first", environment)  # makes certificates and byte code
        found = [
            (bare_start(environment), *server_start(Path(parent) / str(n), environment))
            for n in range(rounds)
        ]
    bare, start, held = map(list, zip(*found, strict=True))
    return bare, start, held
