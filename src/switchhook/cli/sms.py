"""`switchhook sms`: play the outside world's part in SMS."""

import argparse
from typing import Any

from switchhook.cli.arm_client import ArmClient, add_options
from switchhook.cli.sources import add_communication
from switchhook.cli.tables import print_json, print_pairs


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser("sms", help="SMS from the outside")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    receive = actions.add_parser("receive", help="a message arrives at one of our numbers")
    receive.add_argument("--from", dest="sender", required=True, metavar="NUMBER")
    receive.add_argument("--to", required=True, metavar="NUMBER", help="a number of the resource")
    receive.add_argument("text", help="the message")
    add_communication(receive)
    add_options(receive)
    receive.set_defaults(run=_receive)


def _receive(arguments: argparse.Namespace) -> int:
    client = ArmClient.open(arguments.data)
    resource = client.communication_id(arguments.communication)
    message = {"from": arguments.sender, "to": arguments.to, "message": arguments.text}
    answer = client.post(f"{resource}/providers/Switchhook.Communication/receiveSms", message)
    if arguments.json:
        print_json(answer)
    else:
        print_pairs(answer)
    return 0
