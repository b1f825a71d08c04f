"""Which options name a source of events: a topic, a domain, a Communication Services resource?"""

import argparse

from switchhook.cli.arm_client import ArmClient
from switchhook.defaults import COMMUNICATION_NAME

_OPTIONS = ("topic", "domain", "communication", "scope")


def add_source(parser: argparse.ArgumentParser, default: str | None = COMMUNICATION_NAME) -> None:
    """Add the options; without any of them it is the Communication Services resource `default`."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--topic", metavar="NAME", help="a custom topic")
    source.add_argument("--domain", metavar="NAME[/TOPIC]", help="a domain, or one of its topics")
    source.add_argument(
        "--communication",
        metavar="NAME",
        default=default,
        help="a Communication Services resource" + " (default: %(default)s)" * bool(default),
    )
    source.add_argument("--scope", metavar="ID", help="the id of any source")


def add_communication(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a Communication Services resource; `--name` is another word."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--communication",
        default=COMMUNICATION_NAME,
        metavar="NAME",
        help="the Communication Services resource (default: %(default)s)",
    )
    either.add_argument(
        "--name", dest="communication", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )


def is_named(arguments: argparse.Namespace) -> bool:
    """Whether one of the options was given, or has a default."""
    return any(getattr(arguments, option) for option in _OPTIONS)


def scope_of(client: ArmClient, arguments: argparse.Namespace) -> str:
    """The id of the source, "" for none."""
    if arguments.scope:
        scope: str = arguments.scope.rstrip("/")
        return scope if scope.startswith("/") else f"/{scope}"
    if arguments.topic:
        return client.topic_id(arguments.topic)
    if arguments.domain:
        return client.domain_id(arguments.domain)
    return client.communication_id(arguments.communication) if arguments.communication else ""


def place_of(client: ArmClient, arguments: argparse.Namespace) -> str:
    """The source as the routes of events take it, which also know a topic by its name."""
    return arguments.topic or scope_of(client, arguments)
