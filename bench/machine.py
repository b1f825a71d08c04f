"""Which processes does a benchmark start, on which core, and what do they spend?"""

import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil

# What is measured runs on the first core, what loads it on the second.
MEASURED, LOADING = 0, 1
_READY_SECONDS = 30
_STOP_SECONDS = 30


class MissingToolError(Exception):
    """The machine lacks a program that is no part of Python, or a core."""


def tool(name: str, package: str) -> str:
    """The path of a program; `package` is Debian's."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        raise MissingToolError(f"{name} is missing: apt-get install {package}")
    return found


def check() -> None:
    """Is there all that a run needs?

    Raises:
        MissingToolError: a program or a core is missing.
    """
    for name, package in (("wrk", "wrk"), ("nginx", "nginx-light")):
        tool(name, package)
    if not {MEASURED, LOADING} <= os.sched_getaffinity(0):
        raise MissingToolError("two cores are needed: one is measured, the other loads it")


@contextlib.contextmanager
def process(
    command: Sequence[object], core: int, **options: object
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one core, ended by SIGTERM and then, if it must be, by SIGKILL."""
    # What the parent's death leaves behind would measure along with the next run.
    guard = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(core)]
    with subprocess.Popen([*guard, *map(str, command)], **options) as child:  # type: ignore[call-overload]  # noqa: S603
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()


def cpu_seconds(pid: int) -> float:
    """User and kernel time of a process and its children, in seconds (clock ticks of 10 ms)."""
    return sum(cpu_split(pid))


def cpu_split(pid: int) -> tuple[float, float]:
    """The same apart: user time, kernel time."""
    found = psutil.Process(pid)
    times = [each.cpu_times() for each in (found, *found.children(recursive=True))]
    return sum(each.user for each in times), sum(each.system for each in times)


class Server(msgspec.Struct, frozen=True):
    """A running server: where, and the key of its default topic."""

    pid: int
    http: str
    https: str
    topic: str
    topic_key: str
    data: Path
    ready: dict[str, object]


@contextlib.contextmanager
def server(
    data: Path,
    *arguments: str | Path,
    config: str = "",
    core: int = MEASURED,
    environ: dict[str, str] | None = None,
    module: str = "switchhook",
) -> Iterator[Server]:
    """`switchhook serve` on free ports and that data folder; `config` is the text of its file.

    Another `module` does something before it becomes the server.
    """
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        file = Path(folder) / "switchhook.toml"
        file.write_text(config)
        command: list[object] = [
            sys.executable,
            "-m",
            module,
            "serve",
            "--config",
            file,
            "--data",
            data,
        ]
        ports = ["--http-port", "0", "--https-port", "0", "--json"]
        with process(
            [*command, *ports, *arguments],
            core,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **(environ or {})},
        ) as child:
            assert child.stdout is not None  # noqa: S101  it is a pipe
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(
                    f"the server did not start: {(Path(folder) / 'log').read_text()}"
                )
            ready = json.loads(line)
            topic = ready["topic"]
            yield Server(
                pid=child.pid,
                http=ready["http_endpoint"],
                https=ready["https_endpoint"],
                topic=topic["name"],
                topic_key=topic["key"],
                data=data,
                ready=ready,
            )


_NGINX = """
daemon off; worker_processes 1; error_log {folder}/error.log; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 8m;
  client_body_buffer_size 256k; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen unix:{folder}/ready;
    {listen}
    location / {{ return 200; }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(port: int, core: int, *, certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """nginx that answers 200 to everything, on that port of loopback; yields its process id.

    With a certificate and its key it speaks TLS.
    """
    program = tool("nginx", "nginx-light")
    with tempfile.TemporaryDirectory() as folder:
        listen = f"listen 127.0.0.1:{port};"
        if certificate is not None:
            chain, key = certificate
            listen = (
                f"listen 127.0.0.1:{port} ssl; ssl_certificate {chain};"
                f"ssl_certificate_key {key}; ssl_protocols TLSv1.3;"
            )
        file = Path(folder) / "nginx.conf"
        file.write_text(_NGINX.format(folder=folder, listen=listen))
        command = [program, "-p", folder, "-c", file, "-e", f"{folder}/error.log"]
        with process(command, core) as child:
            wait_for_port(port)
            yield child.pid


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Return when somebody listens on a port of loopback."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens on port {port}")
        time.sleep(0.01)


class Load(msgspec.Struct, frozen=True):
    """What wrk counted: requests, those without a 2xx or 3xx, the seconds that it took, its CPU."""

    requests: int
    refused: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of wrk's own CPU for each request."""
        return self.cpu_seconds / self.requests * 1e6


_SCRIPT = """
wrk.method = "POST"
local file = io.open([[{body}]], "rb"); wrk.body = file:read("*a"); file:close()
for name, value in string.gmatch([[{headers}]], "([^:|]+):([^|]+)|") do
  wrk.headers[name] = value
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  local form = "\\nRESULT %d %d %d %d\\n"
  io.write(form:format(summary.requests, errors.status, summary.duration, failed))
end
"""
# The request is made once; only the number in it differs.
_NUMBERED = """
local head, tail, count
init = function()
  head, tail = wrk.format(nil, nil, nil, wrk.body):match("^(.-){place}(.*)$")
  count = 0
end
request = function()
  count = count + 1
  return head .. string.format("%0{width}d", count) .. tail
end
"""


def wrk(
    url: str,
    body: bytes,
    headers: dict[str, str],
    *,
    connections: int,
    seconds: float,
    numbered: str = "",
    core: int = LOADING,
) -> Load:
    """POST the same body over and over, one request at a time on each connection.

    wrk knows whole seconds only. Where the body holds the text `numbered`, each request has a
    number of its own, from 1, of as many digits. That costs wrk a tenth of its rate, and the server
    nothing.
    """
    program = tool("wrk", "wrk")
    with tempfile.TemporaryDirectory() as folder:
        file, script = Path(folder) / "body", Path(folder) / "post.lua"
        file.write_bytes(body)
        text = "".join(f"{name}:{value}|" for name, value in headers.items())
        lua = _SCRIPT.format(body=str(file), headers=text)
        if numbered:
            lua += _NUMBERED.format(place=numbered, width=len(numbered))
        script.write_text(lua)
        command = [
            "taskset",
            "-c",
            str(core),
            program,
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
        ]
        before = _children_cpu()
        output = subprocess.run(  # noqa: S603
            [*command, "-s", str(script), url], capture_output=True, text=True, check=True
        ).stdout
        cpu = _children_cpu() - before
    found = next(line for line in output.splitlines() if line.startswith("RESULT"))
    requests, refused, microseconds, failed = map(int, found.split()[1:])
    if failed:
        raise RuntimeError(f"wrk lost {failed} connections or answers: {output}")
    return Load(requests, refused, microseconds / 1e6, cpu)


def _children_cpu() -> float:
    """User and system time of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
