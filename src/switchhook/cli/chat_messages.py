"""`switchhook chat send`, `edit`, `delete`, `history`: the messages of a thread."""

import argparse
from itertools import chain, islice
from typing import Any

from switchhook.cli.arm_client import Body
from switchhook.cli.chat_client import ChatUser, thread_path
from switchhook.cli.chat_lines import local_time, names_of, sender_of, text_of
from switchhook.cli.chat_thread import add_thread, open_thread, participants_of
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.errors import StartError

LARGEST_PAGE = 100


def add_parsers(actions: Any) -> list[argparse.ArgumentParser]:
    """Add the actions to `switchhook chat`; answers their parsers."""
    send = actions.add_parser("send", help="send a message")
    edit = actions.add_parser("edit", help="change a message of one's own")
    delete = actions.add_parser("delete", help="delete a message of one's own")
    history = actions.add_parser("history", help="print the last messages of a thread")
    parsers = [send, edit, delete, history]
    for parser in parsers:
        add_thread(parser)
    for parser in (edit, delete):
        parser.add_argument("message", metavar="MESSAGE", help="its id, as `history` prints it")
    for parser in (send, edit):
        parser.add_argument("text", metavar="TEXT", help="what it says")
    send.add_argument("--html", action="store_true", help="the text is HTML")
    history.add_argument(
        "--last", type=int, default=50, metavar="N", help="how many (default: %(default)s)"
    )
    for parser, run in zip(parsers, (_send, _edit, _delete, _history), strict=True):
        parser.set_defaults(run=run)
    return parsers


def send_message(user: ChatUser, thread_id: str, text: str, kind: str = "text") -> Body:
    """Send a message under the user's name; answers its id as the API does."""
    message: Body = {"content": text, "type": kind}
    if user.display_name is not None:
        message["senderDisplayName"] = user.display_name
    return user.post(thread_path(thread_id, "messages"), message)


def _send(arguments: argparse.Namespace) -> int:
    _check_text(arguments.text)
    user, thread_id = open_thread(arguments)
    kind = "html" if arguments.html else "text"
    answer = send_message(user, thread_id, arguments.text, kind)
    if arguments.json:
        print_json(answer)
    else:
        print_pairs(answer)
    return 0


def _edit(arguments: argparse.Namespace) -> int:
    _check_message(arguments.message)
    _check_text(arguments.text)
    user, thread_id = open_thread(arguments)
    path = thread_path(thread_id, "messages", arguments.message)
    user.patch(path, {"content": arguments.text})
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    _check_message(arguments.message)
    user, thread_id = open_thread(arguments)
    user.delete(thread_path(thread_id, "messages", arguments.message))
    return 0


def _history(arguments: argparse.Namespace) -> int:
    if arguments.last < 0:
        raise StartError(f"--last must be 0 or more, not {arguments.last}")
    user, thread_id = open_thread(arguments)
    size = max(1, min(arguments.last, LARGEST_PAGE))
    pages = user.pages(thread_path(thread_id, "messages"), maxPageSize=size)
    newest_first = list(islice(chain.from_iterable(pages), arguments.last))
    found = newest_first[::-1]
    if arguments.json:
        print_json(found)
        return 0
    names = names_of(participants_of(user, thread_id))
    rows = (
        (local_time(each["createdOn"]), each["id"], sender_of(each, names), text_of(each, names))
        for each in found
    )
    print_table(("TIME", "ID", "FROM", "MESSAGE"), rows)
    return 0


def _check_message(named: str) -> None:
    if not (named.isascii() and named.isdigit()):
        raise StartError(f"'{named}' is no id of a message; 'switchhook chat history' prints them")


def _check_text(text: str) -> None:
    if not text.strip():
        raise StartError("a message must not be empty")
