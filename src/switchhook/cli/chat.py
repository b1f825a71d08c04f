"""`switchhook chat`: take part in chat from a terminal."""

from typing import Any

from switchhook.cli import chat_follow, chat_messages, chat_thread, chat_user
from switchhook.cli.arm_client import add_options
from switchhook.cli.chat_client import add_caller
from switchhook.cli.sources import add_communication


def add_parser(subparsers: Any) -> None:
    """Add the command group."""
    parser = subparsers.add_parser(
        "chat",
        help="users, threads and messages of chat",
        description="Take part in chat. A user is a name of yours, such as alice, which stands "
        "for one user of the resource from its first use on; or a raw id.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    chat_user.add_parser(actions)
    chat_thread.add_parser(actions)
    for each in (*chat_messages.add_parsers(actions), *chat_follow.add_parsers(actions)):
        add_caller(each)
        add_communication(each)
        add_options(each)
