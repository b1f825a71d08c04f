"""Write the pages of `docs/reference` that are made from the code: settings, commands, rules.

`tests/docs` fails when a page is older than what it is made from.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from switchhook.cli.main import COMMANDS
from switchhook.settings.model import RESOURCE_TABLES, options
from tools import rules_table

REFERENCE = Path(__file__).parent.parent / "docs/reference"
_WIDTH = "80"  # argparse fills lines to the width of the terminal


def main() -> int:
    """Write every generated page."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    return 0


def pages() -> dict[str, str]:
    """File name to content, of every generated page."""
    return {
        "settings.md": "\n".join([*_settings(), ""]),
        "commands.md": "\n".join([*_commands(), ""]),
        "event-grid-rules.md": "\n".join([*rules_table.page(), ""]),
    }


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Generated from `switchhook.settings.Settings`; `make reference` writes it again."
    yield ""
    yield "Each setting is read from the first of these that has it:"
    yield ""
    yield "1. the flag of `switchhook serve`: `--http-port 8080`;"
    yield "2. the variable: `SWITCHHOOK_HTTP_PORT=8080` (an empty one counts as absent);"
    yield "3. the TOML file: `http_port = 8080`. It is the file that `--config` or"
    yield "   `SWITCHHOOK_CONFIG` names, else `switchhook.toml` in the current folder, if there is"
    yield "   one. Paths in it are relative to it;"
    yield "4. the default."
    yield ""
    yield "A flag, variable or key that is unknown, and a value that is not allowed, stop the start"
    yield "with a message that names it. Keys have no flag: other users of the machine could read"
    yield "it in the list of processes."
    yield ""
    tables = ", ".join(f"`[[{name}]]`" for name in RESOURCE_TABLES)
    yield f"Beside the settings the TOML file may hold the tables of resources: {tables}."
    for option in options():
        default = option.default if "`" in option.default else f"`{option.default}`"
        yield ""
        yield f"## `{option.name}`"
        yield ""
        yield option.about.meaning
        yield ""
        if option.about.is_flag:
            value = f" {option.about.kind.placeholder}" if option.about.kind.placeholder else ""
            yield f"- flag: `{option.flag}{value}`"
        yield f"- variable: `{option.variable}`"
        yield f"- default: {default if option.default != 'none' else 'none'}"


def _commands() -> Iterator[str]:
    os.environ["COLUMNS"] = _WIDTH
    yield "# Commands"
    yield ""
    yield "Generated from `--help`; `make reference` writes it again."
    yield ""
    yield "Exit codes: 0 done, 1 the server or the request failed, 2 the command or a setting is"
    yield "wrong."
    for command in COMMANDS:
        parser = argparse.ArgumentParser(prog="switchhook")
        subparsers = parser.add_subparsers()
        module = importlib.import_module(f"switchhook.cli.{command.replace('-', '_')}")
        module.add_parser(subparsers)
        yield from _command(f"switchhook {command}", subparsers.choices[command], "##")


def _command(name: str, parser: argparse.ArgumentParser, heading: str) -> Iterator[str]:
    yield ""
    yield f"{heading} `{name}`"
    yield ""
    yield "```text"
    yield parser.format_help().rstrip()
    yield "```"
    for action in parser._actions:
        # argparse has no public way to ask for the subcommands.
        if isinstance(action, argparse._SubParsersAction):
            for each, nested in action.choices.items():
                yield from _command(f"{name} {each}", nested, "###")


if __name__ == "__main__":
    sys.exit(main())
