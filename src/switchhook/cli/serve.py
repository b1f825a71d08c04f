"""`switchhook serve`: settings in, a running server, a ready message out."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from switchhook import garbage, logs, server
from switchhook.cli.banner import render, wants_color
from switchhook.endpoints import Endpoints, forget, save, to_line
from switchhook.settings import Settings, read_settings
from switchhook.settings.model import Option, options


def add_parser(subparsers: Any) -> None:
    """Declare the command, with one flag for each option that may be one."""
    parser = subparsers.add_parser(
        "serve",
        description="Run a server until Ctrl-C. Each option can also be a variable "
        "(SWITCHHOOK_HTTP_PORT) or a line of the TOML file (http_port = 8080).",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config", metavar="FILE", help="TOML file; default: switchhook.toml, if there is one"
    )
    for option in options():
        if option.about.is_flag:
            _add_flag(parser, option)
    parser.set_defaults(run=serve)


def serve(arguments: argparse.Namespace) -> int:
    """Serve until the process is asked to stop."""
    settings = read_settings(vars(arguments), os.environ, Path.cwd())
    logs.configure(settings.log_level)
    garbage.pause()
    with _folder(settings) as data, asyncio.Runner(loop_factory=_loop_factory()) as runner:

        def announce(endpoints: Endpoints) -> None:
            garbage.settle()
            save(data, endpoints)
            _print_while_read(_ready_message(settings, data, endpoints))

        try:
            runner.run(server.serve(replace(settings, data=data), announce))
        finally:
            forget(data)
    return 0


def _print_while_read(text: str) -> None:
    """Print, if anybody reads it: a reader that has left does not end a server."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # What could not be written must not come up again when the interpreter flushes.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _add_flag(parser: argparse.ArgumentParser, option: Option) -> None:
    # Percent signs would be argparse's own; values stay text for the settings' own checks.
    text = f"{option.about.meaning} Default: {option.default.replace('`', '')}.".replace("%", "%%")
    kind = option.about.kind
    if not kind.placeholder:
        parser.add_argument(option.flag, action="store_const", const=True, help=text)
    else:
        action = "append" if kind.is_many else "store"
        parser.add_argument(option.flag, action=action, metavar=kind.placeholder, help=text)


@contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    if settings.ephemeral:
        with tempfile.TemporaryDirectory(prefix="switchhook-") as name:
            yield Path(name)
    else:
        yield settings.data.absolute()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # late: a platform that has none runs on the standard loop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _ready_message(settings: Settings, data: Path, endpoints: Endpoints) -> str:
    if settings.json:
        return to_line(endpoints)
    return render(endpoints, data, is_colored=wants_color(sys.stdout, os.environ))
