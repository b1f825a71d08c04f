"""Azurite, the vendor's own emulator of Azure Storage, for tests that write blobs and queues."""

import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.node import CLIENTS, go_without, node

ACCOUNT = "devstoreaccount1"
# Public: the vendor prints it in the documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_SCRIPT = CLIENTS / "azurite/dist/src/azurite.js"
_READY = re.compile(rb"(Blob|Queue|Table) service is successfully listening at (http://\S+)")
_START_TIMEOUT = 30


@dataclass(frozen=True)
class Azurite:
    """A running emulator: the origins of its services."""

    blob: str
    queue: str

    @property
    def connection_string(self) -> str:
        """What opens its one account."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blob}/{ACCOUNT};QueueEndpoint={self.queue}/{ACCOUNT};"
        )


@contextmanager
def running_azurite() -> Iterator[Azurite]:
    """An emulator of its own, on free ports and in memory; it ends with the test run."""
    found = node()
    if not _SCRIPT.is_file():
        go_without("Azurite is not installed in tests/compat/js: `make test` installs it")
    server = subprocess.Popen(
        [*_dies_with_us(), found, str(_SCRIPT), *_OPTIONS],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parent.anchor,
    )
    try:
        yield _addresses(server)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)
        if server.stdout is not None:
            server.stdout.close()


_OPTIONS = (
    *("--blobPort", "0", "--queuePort", "0", "--tablePort", "0"),
    # Newer client libraries than the emulator are refused without the second.
    *("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"),
)


def _dies_with_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _addresses(server: "subprocess.Popen[bytes]") -> Azurite:
    """Read what it prints until all three services listen."""
    assert server.stdout is not None
    hung = threading.Timer(_START_TIMEOUT, server.kill)
    hung.start()
    found: dict[bytes, str] = {}
    printed = b""
    try:
        while len(found) < 3 and (line := server.stdout.readline()):
            printed += line
            if match := _READY.search(line):
                found[match[1]] = match[2].decode()
    finally:
        hung.cancel()
    if len(found) < 3:
        raise RuntimeError(f"Azurite did not start: {printed.decode(errors='replace')}")
    # What it prints later is read by nobody; with --silent that is nothing.
    return Azurite(blob=found[b"Blob"], queue=found[b"Queue"])
