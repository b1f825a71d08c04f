"""T1 to T4: how fast are events published, without a disk and durably, beside nginx?

nginx answers 200 as soon as a request is complete: it neither parses, nor authorizes, nor stores.
All get the same request from wrk. Only where events are stored each has a number of its own, by
which the log is checked afterwards; that makes wrk slower, and hence is spared the limit.
"""

import asyncio
import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench import machine
from bench.bars import BARS
from bench.flow import CONNECTIONS
from bench.model import Result, WrongDeliveryError, judge
from bench.published import check_log
from bench.template import STAMP, published

_WARM_UPS = 200  # requests to a server that has just started
_NGINX, _MEMORY, _DURABLE = "nginx", "without a disk", "durable"
# One round of one server: its figures by their units.
Run = Callable[[], dict[str, float]]
_REQUESTS, _USER, _KERNEL = "requests/s", "user CPU us/request", "kernel CPU us/request"


def measure_single(rounds: int, seconds: float) -> list[Result]:
    """T1 and T3: one event a request."""
    return _measure({_MEMORY: "T1", _DURABLE: "T3"}, _Publishing(1, seconds), rounds)


def measure_hundred(rounds: int, seconds: float) -> list[Result]:
    """T2 and T4: a hundred events a request."""
    return _measure({_MEMORY: "T2", _DURABLE: "T4"}, _Publishing(100, seconds), rounds)


class _Publishing:
    """One kind of request, sent to each server in turn."""

    def __init__(self, events: int, seconds: float) -> None:
        self._body = published().stamped(events)
        self._connections = CONNECTIONS[events]
        self._seconds = seconds

    @contextlib.contextmanager
    def nginx(self) -> Iterator[Run]:
        """The limit, which serves all rounds."""
        port = machine.free_port()
        with machine.nginx(port, machine.MEASURED) as pid:
            url = f"http://127.0.0.1:{port}/api/events"
            yield lambda: self._timed(pid, lambda: self._send(url, "", self._seconds))[1]

    @contextlib.contextmanager
    def memory(self) -> Iterator[Run]:
        """Our own door with nothing behind it; it serves all rounds, too."""
        command = [sys.executable, "-m", "bench.memory_server"]
        with machine.process(command, machine.MEASURED, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None  # noqa: S101  it is a pipe
            ready = json.loads(child.stdout.readline())
            url = f"http://127.0.0.1:{ready['port']}/topics/{ready['topic']}/api/events"
            key = ready["topic_key"]
            yield lambda: self._timed(child.pid, lambda: self._send(url, key, self._seconds))[1]

    def durable(self) -> dict[str, float]:
        """`switchhook serve` as it is; its log is read when it has stopped."""
        with tempfile.TemporaryDirectory() as parent:
            data = Path(parent) / "data"
            with machine.server(data) as server:
                url, key = f"{server.http}/topics/{server.topic}/api/events", server.topic_key
                self._warm_up(url, key)
                load, found = self._timed(
                    server.pid, lambda: self._send(url, key, self._seconds, STAMP)
                )
            asyncio.run(check_log(data, self._body, _WARM_UPS, load, self._connections))
        return found

    def _warm_up(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        with contextlib.closing(http.client.HTTPConnection(parts.netloc)) as connection:
            for _ in range(_WARM_UPS):
                headers = {"aeg-sas-key": key, "content-type": "application/json"}
                connection.request("POST", parts.path, self._body, headers)
                answer = connection.getresponse()
                if answer.status != 200:
                    raise WrongDeliveryError(f"a publish was refused: {answer.read()!r}")
                answer.read()

    def _send(self, url: str, key: str, seconds: float, numbered: str = "") -> machine.Load:
        load = machine.wrk(
            url,
            self._body,
            {"aeg-sas-key": key or "none", "content-type": "application/json"},
            connections=self._connections,
            seconds=seconds,
            numbered=numbered,
        )
        if load.refused:
            raise WrongDeliveryError(f"{load.refused} of {load.requests} publishes were refused")
        return load

    def _timed(
        self, pid: int, send: Callable[[], machine.Load]
    ) -> tuple[machine.Load, dict[str, float]]:
        before = machine.cpu_split(pid)
        load = send()
        user, kernel = (
            (now - then) / load.requests * 1e6
            for now, then in zip(machine.cpu_split(pid), before, strict=True)
        )
        return load, {_REQUESTS: load.per_second, _USER: user, _KERNEL: kernel}


def _measure(bars: dict[str, str], publishing: _Publishing, rounds: int) -> list[Result]:
    columns: dict[str, list[float]] = {}
    with publishing.nginx() as nginx, publishing.memory() as memory:
        runs = {_NGINX: nginx, _MEMORY: memory, _DURABLE: publishing.durable}
        for number in range(rounds + 1):
            for name, run in runs.items():
                found = run()
                if number:  # the first warms up
                    for unit, value in found.items():
                        columns.setdefault(f"{name}, {unit}", []).append(value)
    return [_result(bar, name, columns) for name, bar in bars.items()]


def _result(number: str, name: str, columns: dict[str, list[float]]) -> Result:
    units = (_REQUESTS, _USER, _KERNEL)
    each = [f"{server}, {unit}" for unit in units for server in (_NGINX, name)]
    limit, ours = each[:2]
    result = judge(
        BARS[number], {one: columns[one] for one in each}, lambda found: found[ours] / found[limit]
    )
    nginx_user, user, nginx_kernel, kernel = (result.medians[one] for one in each[2:])
    cpu = (nginx_user + nginx_kernel) / (user + kernel)
    note = (
        f"A request costs {user:.1f} us of CPU in our process and {kernel:.1f} us in the kernel; "
        f"nginx {nginx_user:.1f} and {nginx_kernel:.1f} us. By CPU time alone: {cpu:.2f}."
    )
    return msgspec.structs.replace(result, note=note)
