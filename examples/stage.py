"""What every example needs around its handler: a server, the handler's process, patience.

The server runs on free ports and a throw-away folder; the handler runs under uvicorn, as it would
anywhere. All of it ends with the example.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

CODE = "a-secret-that-only-the-subscription-knows"
CUSTOMER = "+14255550100"
TEXTS = ("SMSReceived",)
PATIENCE_SECONDS = 20.0

Found = TypeVar("Found")


@dataclass(frozen=True)
class Stage:
    """A running server: its data folder, and what it said of itself when it was ready."""

    folder: Path
    told: dict[str, Any]

    @property
    def number(self) -> str:
        """The number that customers text to."""
        number: str = self.told["communication"]["numbers"][0]
        return number

    def switchhook(self, *words: str) -> dict[str, Any]:
        """What a command of the `switchhook` command line answers."""
        command = [sys.executable, "-m", "switchhook", *words, "--data", str(self.folder), "--json"]
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603
        answer: dict[str, Any] = json.loads(ended.stdout)
        return answer

    def subscribe(self, name: str, url: str, *options: str, types: Sequence[str] = TEXTS) -> None:
        """Send events of these types to a webhook: the texts that come in, unless others."""
        words = ["subscription", "create", name, "--endpoint", f"{url}?code={CODE}"]
        for each in types:
            words += ["--type", f"Microsoft.Communication.{each}"]
        self.switchhook(*words, *options)

    def unsubscribe(self, name: str) -> None:
        """Send nothing there any more."""
        command = ["switchhook", "subscription", "delete", name, "--data", str(self.folder)]
        subprocess.run([sys.executable, "-m", *command], check=True)  # noqa: S603

    def text(self, message: str) -> str:
        """A customer texts to the number; answers the message's id."""
        answer = self.switchhook(
            *("sms", "receive", "--from", CUSTOMER, "--to", self.number, message)
        )
        message_id: str = answer["messageId"]
        return message_id


@contextlib.contextmanager
def running_switchhook() -> Iterator[Stage]:
    """A server of its own."""
    with tempfile.TemporaryDirectory(prefix="switchhook-example-") as folder:
        command = ["serve", "--data", folder, "--http-port", "0", "--https-port", "0", "--json"]
        process = subprocess.Popen(  # noqa: S603
            [*tied_to_us(), sys.executable, "-m", "switchhook", *command],
            stdout=subprocess.PIPE,
            text=True,
        )
        with _ended_at_last(process):
            assert process.stdout is not None  # noqa: S101  it is a pipe
            line = process.stdout.readline()
            if not line:
                raise SystemExit("the server did not start")
            yield Stage(Path(folder), json.loads(line))


@contextlib.contextmanager
def running_handler(
    folder: Path, environment: Mapping[str, str], log: Path | None = None, path: str = "/sms"
) -> Iterator[str]:
    """`handler.py` of a folder under uvicorn; answers its URL, and its output goes to `log`."""
    # The socket listens before uvicorn runs: whoever asks early waits instead of being refused.
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else None
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
            command = ["uvicorn", "handler:app", "--app-dir", str(folder), "--no-access-log"]
            process = subprocess.Popen(  # noqa: S603
                [
                    *(*tied_to_us(), sys.executable, "-m", *command),
                    *("--log-level", "warning", "--fd", str(listener.fileno())),
                ],
                pass_fds=[listener.fileno()],
                env={**os.environ, "WEBHOOK_CODE": CODE, "PYTHONUNBUFFERED": "1", **environment},
                stdout=output,
                stderr=output,
            )
        stack.enter_context(_ended_at_last(process))
        yield url


def wait_for(look: Callable[[], Found | None]) -> Found | None:
    """What `look` finds, once it finds something; None when patience ends."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) is None and time.monotonic() < end:
        time.sleep(0.1)
    return found


def tied_to_us() -> list[str]:
    """The beginning of a command that ends when we do, even if we are killed (Linux)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


@contextlib.contextmanager
def _ended_at_last(process: "subprocess.Popen[Any]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
