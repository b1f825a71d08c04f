"""`python -m bench.start`: how fast does the server start, and what does it hold when idle?"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROUNDS = 7
START_BAR_SECONDS = 0.5
IDLE_BAR_MEGABYTES = 70
_IDLE_SECONDS = 2.0


def bare_start() -> float:
    """Seconds in which this Python starts and imports asyncio: the limit."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, ssl"], check=True)
    return time.perf_counter() - started


def server_start(folder: Path) -> tuple[float, float]:
    """Seconds until the server is ready, and megabytes that it holds when it has been idle."""
    command = [sys.executable, "-m", "switchhook", "serve", "--data", str(folder)]
    ports = ["--http-port", "0", "--https-port", "0", "--json"]
    started = time.perf_counter()
    with subprocess.Popen([*command, *ports], stdout=subprocess.PIPE) as server:  # noqa: S603
        assert server.stdout is not None  # noqa: S101  it is a pipe
        json.loads(server.stdout.readline())
        seconds = time.perf_counter() - started
        time.sleep(_IDLE_SECONDS)
        megabytes = psutil.Process(server.pid).memory_info().rss / 1e6
        server.terminate()
    return seconds, megabytes


def main() -> int:
    """Print the table; answer 1 when a bar is missed."""
    with tempfile.TemporaryDirectory() as parent:
        server_start(Path(parent) / "first")  # makes certificates and byte code
        rounds = [(bare_start(), *server_start(Path(parent) / str(n))) for n in range(ROUNDS)]
    bare, start, held = (statistics.median(column) for column in zip(*rounds, strict=True))
    rows = [
        ("start of a new data folder, s", start, START_BAR_SECONDS),
        ("held when idle, MB", held, IDLE_BAR_MEGABYTES),
    ]
    print(f"{'what':32} {'median':>8} {'bar':>6}  met")
    for what, value, bar in rows:
        print(f"{what:32} {value:8.2f} {bar:6}  {'yes' if value < bar else 'NO'}")
    print(f"{'bare Python start, s':32} {bare:8.2f}        start / bare = {start / bare:.1f}")
    return 0 if all(value < bar for _, value, bar in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
