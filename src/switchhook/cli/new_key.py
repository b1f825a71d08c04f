"""`switchhook new-key`: an access key of one's own."""

import argparse
import base64
import secrets
from typing import Any

_BYTES = 32  # what HMAC-SHA256 can use


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "new-key",
        description="Print a new random access key, for SWITCHHOOK_COMMUNICATION_KEY or "
        "SWITCHHOOK_TOPIC_KEY.",
    )
    parser.set_defaults(run=print_key)


def print_key(_: argparse.Namespace) -> int:
    """Print a key that nobody else has."""
    print(base64.b64encode(secrets.token_bytes(_BYTES)).decode())
    return 0
