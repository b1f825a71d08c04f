"""`switchhook endpoints`: the ready message of a running server, again."""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from switchhook.cli.banner import render, render_azure_exports, render_trust_exports, wants_color
from switchhook.cli.spans import to_seconds
from switchhook.endpoints import Endpoints, load, to_line
from switchhook.errors import ConnectError
from switchhook.settings import read_data_folder

_LOOKS_EVERY = 0.1  # seconds, while a server is awaited


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "endpoints",
        description="Print where the server on a data folder answers, with its keys.",
        allow_abbrev=False,
    )
    parser.add_argument("--data", metavar="DIR", help="the server's data folder")
    parser.add_argument("--config", metavar="FILE", help="the server's TOML file")
    parser.add_argument(
        "--wait",
        nargs="?",
        const="30s",
        default="0s",
        metavar="SPAN",
        help="wait for a server that is not ready yet (30s when no span is given; default: do not "
        "wait)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one line of JSON")
    form.add_argument(
        "--exports",
        action="store_true",
        help='lines that let a shell trust the server: eval "$(switchhook endpoints --exports)"',
    )
    form.add_argument(
        "--exports-azure",
        action="store_true",
        help="these, and connection string, keys and credentials: every Azure client of that "
        "shell then talks to this server",
    )
    parser.set_defaults(run=print_endpoints)


def print_endpoints(arguments: argparse.Namespace) -> int:
    """Print the endpoints of the server that runs on the data folder."""
    flags = {"data": arguments.data, "config": arguments.config}
    folder = read_data_folder(flags, os.environ, Path.cwd())
    endpoints = load_within(folder, to_seconds(arguments.wait, "--wait"))
    if arguments.json:
        print(to_line(endpoints))
    elif arguments.exports:
        print(render_trust_exports(endpoints))
        _say_how_it_is_found(folder)
    elif arguments.exports_azure:
        print(render_azure_exports(endpoints))
        _say_how_it_is_found(folder)
    else:
        print(render(endpoints, folder, is_colored=wants_color(sys.stdout, os.environ)))
    return 0


def load_within(
    folder: Path,
    seconds: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Endpoints:
    """The endpoints of the server on a data folder, as soon as it is ready: it writes them then.

    Raises:
        ConnectError: none was ready in that time.
    """
    end = monotonic() + seconds
    while True:
        try:
            return load(folder)
        except ConnectError:
            left = end - monotonic()
            if left <= 0:
                raise
            sleep(min(left, _LOOKS_EVERY))


def _say_how_it_is_found(folder: Path) -> None:
    """A hint and no export: the variable would also choose the folder of a later `serve`, before
    the TOML file, and contradict `--ephemeral`."""
    if read_data_folder({}, os.environ, Path.cwd()) == folder:
        return
    name = shlex.quote(str(folder))
    print(
        f"switchhook: other commands find this server with --data {name}, or after: "
        f"export SWITCHHOOK_DATA={name}",
        file=sys.stderr,
    )
