"""The command `switchhook`: finds the module of a command group, runs it, tells what went wrong.

Exit codes: 0 done, 1 the server or the request failed, 2 the command or a setting is wrong.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from switchhook import __version__
from switchhook.errors import StartError, SwitchhookError
from switchhook.settings.read import suggestion

# Command to what it does. The module of the same name has `add_parser(subparsers)`, which sets
# `run`: a function from the parsed arguments to the exit code. Only the module of the command in
# hand is imported, because each one takes its share of the start-up time.
COMMANDS = {
    "serve": "run a server",
    "endpoints": "print where a running server answers, and its keys",
    "new-key": "make an access key",
    "topic": "custom topics",
    "domain": "domains and their topics",
    "system-topic": "system topics",
    "subscription": "event subscriptions",
    "replay": "deliver events of the log again",
    "dead-letters": "events that were given up: list, show, deliver again",
    "faults": "make deliveries fail on purpose",
    "communication": "Communication Services resources, their numbers and events",
    "sms": "SMS from the outside",
    "chat": "users, threads and messages of chat",
    "events": "event types, events on request, events as they are accepted",
    "explain": "tell why an event did not arrive",
    "clock": "the virtual clock of a server for tests",
    "wait-idle": "wait until nothing is in flight",
    "reset": "forget what has happened: events, messages, threads",
    "listen": "print events as they happen",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; answer its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        parsed = _parse(words)
        return int(parsed.run(parsed))
    except SwitchhookError as error:
        from switchhook.cli.listen_output import printable  # late, like the commands

        # It may quote what a webhook answered; the server's own messages have lines.
        text = "\n".join(map(printable, str(error).split("\n")))
        print(f"switchhook: {text}", file=sys.stderr)
        return 2 if isinstance(error, StartError) else 1
    except BrokenPipeError:
        # The reader (`head`, say) has enough; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def build_parser(commands: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, with the options of these commands and the names of all."""
    parser = argparse.ArgumentParser(
        prog="switchhook",
        description="Azure Communication Services and Event Grid on your own machine.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"switchhook {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, meaning in COMMANDS.items():
        if command in commands:
            module = importlib.import_module(f"switchhook.cli.{command.replace('-', '_')}")
            module.add_parser(subparsers)
        else:
            subparsers.add_parser(command, help=meaning, add_help=False)
    return parser


def _parse(words: list[str]) -> argparse.Namespace:
    command = next((word for word in words if not word.startswith("-")), "")
    if command and command not in COMMANDS:
        raise StartError(f"{command} is no command{suggestion(command, COMMANDS)}")
    parsed, unknown = build_parser([command]).parse_known_args(words)
    if unknown:
        parser = _parser_of(words, build_parser([command]))
        name = parser.prog.partition(" ")[2]
        hint = suggestion(unknown[0], _flags(parser)) if unknown[0].startswith("-") else ""
        raise StartError(f"{name} does not know {unknown[0]}{hint}; see {name} --help")
    return parsed


# argparse offers no public way to list what it knows.


def _parser_of(words: list[str], parser: Any) -> Any:
    """The parser of the action that the words name."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            named = next((word for word in words if word in action.choices), None)
            return parser if named is None else _parser_of(words, action.choices[named])
    return parser


def _flags(parser: Any) -> list[str]:
    return [flag for action in parser._actions for flag in action.option_strings]
