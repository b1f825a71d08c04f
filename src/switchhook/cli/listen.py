"""`switchhook listen`: see events as they happen, without writing a webhook."""

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TextIO

from switchhook.cli.arm_client import CLOCK, ArmClient
from switchhook.cli.listen_answers import Answers, Rehearsal
from switchhook.cli.listen_forward import Forwarder, is_target
from switchhook.cli.listen_output import printer, wants_colour
from switchhook.cli.listen_receiver import HOST, Receiver
from switchhook.cli.listen_subscription import (
    LIFETIME,
    VIRTUAL_LIFETIME,
    Body,
    KeptSubscription,
    Wanted,
)
from switchhook.defaults import COMMUNICATION_NAME
from switchhook.errors import RequestError

_DESCRIPTION = (
    "Creates an event subscription to a receiver of its own, prints every event, and removes the "
    "event subscription at the end. On a terminal events are printed for people, elsewhere as "
    "lines of JSON."
)


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "listen",
        help="print events as they happen",
        description=_DESCRIPTION,
        allow_abbrev=False,
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--topic", metavar="NAME", help="listen to a custom topic")
    source.add_argument(
        "--communication",
        metavar="NAME",
        default=COMMUNICATION_NAME,
        help="listen to a Communication Services resource (default: %(default)s)",
    )
    parser.add_argument(
        "--type",
        nargs="+",
        action="extend",
        metavar="TYPE",
        help="only these event types; repeatable",
    )
    parser.add_argument("--subject-begins-with", metavar="TEXT", help="only such subjects")
    parser.add_argument("--subject-ends-with", metavar="TEXT", help="only such subjects")
    parser.add_argument(
        "--name", help="the event subscription's name (default: a new one beginning with 'listen-')"
    )
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument(
        "--respond",
        type=_status,
        default=200,
        metavar="STATUS",
        help="answer deliveries with this status, to rehearse failure (default: %(default)s)",
    )
    answer.add_argument(
        "--forward",
        type=_target,
        metavar="URL",
        help="pass deliveries on to a webhook, and answer as it does",
    )
    parser.add_argument(
        "--delay", type=_seconds, default=0.0, metavar="SECONDS", help="wait before answering"
    )
    parser.add_argument("--data", metavar="DIR", help="the data folder of the server")
    parser.add_argument("--json", action="store_true", help="print lines of JSON on a terminal too")
    parser.set_defaults(run=lambda options: run(options, sys.stdout))


def run(options: argparse.Namespace, out: TextIO) -> int:
    """Listen until Ctrl-C or SIGTERM; the exit code.

    Raises:
        ConnectError: no server runs.
        RequestError: the server refuses the event subscription.
    """
    with contextlib.suppress(KeyboardInterrupt):  # where the loop takes no signal handlers
        asyncio.run(_listen(options, out))
    return 0


async def _listen(options: argparse.Namespace, out: TextIO) -> None:
    stop = asyncio.Event()
    path = f"/{secrets.token_urlsafe(16)}"
    answers = Answers(
        path=path,
        show=_show(options, out, stop),
        rehearsal=Rehearsal(status=options.respond, delay=options.delay),
        forward=Forwarder(options.forward, _say) if options.forward else None,
    )
    async with Receiver(answers) as receiver:
        url = f"http://{HOST}:{receiver.port}{path}"
        client = ArmClient.open(options.data)
        wanted = _wanted(options, client, url)
        kept = KeptSubscription(
            wanted,
            connect=lambda: ArmClient.open(options.data),
            note=_say,
            lifetime=_lifetime(client),
        )
        _stop_on_signals(stop)
        await _create(kept)
        try:
            _say(f"listening to {wanted.scope.rpartition('/')[2]} as {wanted.name}; Ctrl-C ends it")
            await kept.keep(stop)
        finally:
            await kept.delete()


def _lifetime(client: ArmClient) -> timedelta:
    # A day that a test skips must not end the event subscription before it can be renewed.
    is_virtual = client.get(CLOCK)["properties"]["kind"] == "Virtual"
    return VIRTUAL_LIFETIME if is_virtual else LIFETIME


async def _create(kept: KeptSubscription) -> None:
    try:
        await kept.create()
    except RequestError:
        await kept.delete()  # one that failed its handshake exists all the same
        raise


def _show(
    options: argparse.Namespace, out: TextIO, stop: asyncio.Event
) -> Callable[[Body, int], None]:
    write = printer(out, as_json=options.json or not out.isatty(), colour=wants_colour(out))

    def show(event: Body, attempts: int) -> None:
        try:
            write(event, attempts)
        except BrokenPipeError:
            # Whoever read our output has left. What Python has not written yet goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
            stop.set()

    return show


def _wanted(options: argparse.Namespace, client: ArmClient, url: str) -> Wanted:
    """What to subscribe to.

    Raises:
        RequestError: the chosen name is taken.
    """
    scope = (
        client.topic_id(options.topic)
        if options.topic
        else client.communication_id(options.communication)
    )
    filter_ = {
        "includedEventTypes": options.type,
        "subjectBeginsWith": options.subject_begins_with,
        "subjectEndsWith": options.subject_ends_with,
    }
    wanted = Wanted(
        scope=scope,
        name=options.name or f"listen-{secrets.token_hex(4)}",
        endpoint_url=url,
        filter={name: value for name, value in filter_.items() if value},
    )
    if options.name and _exists(client, wanted.path):
        raise RequestError(
            409, "Conflict", f"an event subscription '{options.name}' exists: choose another --name"
        )
    return wanted


def _exists(client: ArmClient, path: str) -> bool:
    try:
        client.get(path)
    except RequestError as error:
        if error.status != 404:
            raise
        return False
    return True


def _stop_on_signals(stop: asyncio.Event) -> None:
    """The first Ctrl-C or SIGTERM ends in good order, a second one at once."""
    loop = asyncio.get_running_loop()

    def stop_once(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as an exception
            loop.add_signal_handler(number, stop_once, number)


def _status(text: str) -> int:
    if not text.isdecimal() or not 200 <= int(text) <= 599:
        raise argparse.ArgumentTypeError("must be an HTTP status from 200 to 599")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("must be a number of seconds from 0 to 3600")
    return seconds


def _target(text: str) -> str:
    if not is_target(text):
        raise argparse.ArgumentTypeError("must be an http or https URL")
    return text


def _say(text: str) -> None:
    """Speak to people; standard output is for events."""
    print(text, file=sys.stderr, flush=True)
