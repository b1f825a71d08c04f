"""`switchhook wait-idle`: wait until nothing is due, in flight or queued in the running server."""

import argparse
from typing import Any

from switchhook.cli.arm_client import ArmClient, add_options
from switchhook.cli.spans import to_iso
from switchhook.cli.tables import print_json, print_pairs


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "wait-idle",
        help="wait until nothing is in flight",
        description="Wait until nothing is due now, in flight or queued and no replay has events "
        "still to hand over. Retries that wait for their time do not count. The exit code "
        "is 1 when the time is up before.",
    )
    parser.add_argument(
        "--timeout", default="30s", metavar="SPAN", help="1s to 10m (default: %(default)s)"
    )
    add_options(parser)
    parser.set_defaults(run=_wait)


def _wait(arguments: argparse.Namespace) -> int:
    body = {"timeout": to_iso(arguments.timeout, "--timeout")}
    client = ArmClient.open(arguments.data)
    answer = client.post("/providers/Switchhook.EventGrid/waitIdle", body, timeout=None)
    if arguments.json:
        print_json(answer)
    else:
        print_pairs(answer)
    return 0
