"""The real command as a process of its own: started, asked, stopped, killed.

It ends with the test run, whatever becomes of the test: where `setpriv` exists the kernel ends the
server when the thread that started it dies, so start servers from the main thread.
"""

# ruff: noqa: ASYNC109 - a test says in place how long it will wait

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

READY_WITHIN = 20.0  # seconds; the server takes a fraction of one
STOPPED_WITHIN = 20.0


class Communication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default Communication resource."""

    name: str
    resource_id: str
    endpoint: str
    access_key: str
    connection_string: str
    numbers: list[str]


class Topic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default custom topic."""

    name: str
    resource_id: str
    endpoint: str
    key: str


class Authority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where tokens come from."""

    authority_host: str
    tenant_id: str
    client_id: str
    client_secret: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The line that `serve --json` prints when it is ready; every member must be there."""

    http_endpoint: str
    https_endpoint: str
    data: str
    ca_bundle: str
    ca: str
    subscription_id: str
    resource_group: str
    communication: Communication
    topic: Topic
    authority: Authority
    communications: tuple[Communication, ...]


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class Command:
    """How the command is started in a test: its own user folder, no settings from outside."""

    def __init__(self, user_folder: Path) -> None:
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SWITCHHOOK_") and not name.lower().endswith("_proxy")
        } | {
            "HOME": str(user_folder),
            "XDG_DATA_HOME": str(user_folder / "data"),
            "XDG_CONFIG_HOME": str(user_folder / "config"),
            "PYTHONUNBUFFERED": "1",
        }

    async def run(
        self, *words: str, environment: Mapping[str, str] | None = None, timeout: float = 20.0
    ) -> Ended:
        """Run the command to its end."""
        return await (await self.start(*words, environment=environment)).ended(timeout)

    async def start(
        self, *words: str, environment: Mapping[str, str] | None = None
    ) -> "RunningCommand":
        """Start the command, with pipes for what it says."""
        process = await asyncio.create_subprocess_exec(
            *_prefix(),
            *words,
            env={**self.environment, **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return RunningCommand(process, " ".join(words))

    async def serve(self, data: Path, *options: str) -> "ServerProcess":
        """Start a server on free ports and return when it is ready."""
        log = data.parent / f"{data.name}.log"
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *_prefix(),
                *("serve", "--data", str(data), "--http-port", "0", "--https-port", "0", "--json"),
                *options,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
        try:
            line = await asyncio.wait_for(_first_line(process), READY_WITHIN)
            ready = msgspec.json.decode(line, type=Ready)
        except (TimeoutError, msgspec.DecodeError) as problem:
            if process.returncode is None:
                process.kill()
            await process.communicate()
            raise AssertionError(f"no server: {problem!r}\n{log.read_text()[-4000:]}") from problem
        return ServerProcess(process, ready, line, data, log)


class RunningCommand:
    """A command that was started and speaks through pipes."""

    def __init__(self, process: asyncio.subprocess.Process, words: str) -> None:
        self._process = process
        self._words = words

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def line(self, timeout: float) -> str:
        """The next line of its output."""
        assert self._process.stdout is not None
        return (await asyncio.wait_for(self._process.stdout.readline(), timeout)).decode()

    async def error_line(self, timeout: float) -> str:
        """The next line for people."""
        assert self._process.stderr is not None
        return (await asyncio.wait_for(self._process.stderr.readline(), timeout)).decode()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal and return at once."""
        if self.is_running:
            self._process.send_signal(number)

    def close_output(self) -> None:
        """Stop reading its output, as `head` does when it has enough."""
        # asyncio has no other way to close one pipe of a process.
        transport = self._process._transport  # type: ignore[attr-defined]
        transport.get_pipe_transport(1).close()

    async def stop(self, number: signal.Signals) -> int:
        """Send a signal; the exit code."""
        self._process.send_signal(number)
        return (await self.ended(STOPPED_WITHIN)).code

    async def ended(self, timeout: float) -> Ended:
        """How it ended."""
        try:
            stdout, stderr = await asyncio.wait_for(self._process.communicate(), timeout)
        except TimeoutError:
            await self.end()
            raise AssertionError(f"{self._words} did not end in {timeout} s") from None
        code = self._process.returncode
        assert code is not None
        return Ended(code, stdout.decode(), stderr.decode())

    async def end(self) -> Ended:
        """Kill it if it still runs; what was left to read."""
        if self.is_running:
            self._process.kill()
        return await self.ended(STOPPED_WITHIN)


class ServerProcess:
    """A server that has said that it is ready."""

    def __init__(
        self, process: asyncio.subprocess.Process, ready: Ready, line: bytes, data: Path, log: Path
    ) -> None:
        self._process = process
        self.ready = ready
        self.ready_line = line
        self.data = data
        self.log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    @property
    def token(self) -> str:
        """What the management routes want to see."""
        return (self.data / "management-token").read_text()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal and return at once."""
        if self.is_running:
            self._process.send_signal(number)

    async def ended(self, timeout: float = STOPPED_WITHIN) -> int:
        """The exit code, once it has ended; minus the signal's number when a signal ended it."""
        try:
            await asyncio.wait_for(self._process.communicate(), timeout)
        except TimeoutError:
            self._process.kill()
            await self._process.communicate()
            raise AssertionError(f"the server did not end\n{self.log_tail()}") from None
        code = self._process.returncode
        assert code is not None
        return code

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; the exit code."""
        self.send_signal(number)
        return await self.ended()

    async def kill(self) -> None:
        """End it as a crash would."""
        await self.stop(signal.SIGKILL)

    def log_tail(self) -> str:
        """The end of what it logged, for the message of a failed test."""
        return self.log.read_text()[-4000:]


async def _first_line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


def _prefix() -> list[str]:
    setpriv = shutil.which("setpriv")
    guard = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
    return [*guard, sys.executable, "-m", "switchhook"]
