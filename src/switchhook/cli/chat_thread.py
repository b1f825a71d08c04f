"""`switchhook chat thread`: threads and who takes part in them."""

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from switchhook.cli.arm_client import Body, add_options
from switchhook.cli.chat_client import ChatUser, add_caller, add_resource, is_raw_id, thread_path
from switchhook.cli.chat_lines import local_time, raw_id_of
from switchhook.cli.listen_output import printable
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.errors import StartError

_USERS = "names of yours such as bob, or raw ids"


def add_parser(actions: Any) -> None:
    """Add the group to `switchhook chat`."""
    group = actions.add_parser("thread", help="threads and their participants")
    threads = group.add_subparsers(required=True, metavar="ACTION")
    create = threads.add_parser("create", help="create a thread")
    create.add_argument("--topic", required=True, metavar="TEXT")
    create.add_argument(
        "--with", dest="users", nargs="+", action="extend", metavar="USER", help=_USERS
    )
    create.set_defaults(run=_create, users=[])
    threads.add_parser("list", help="list the user's threads").set_defaults(run=_list)
    show = threads.add_parser("show", help="show a thread and its participants")
    show.set_defaults(run=_show)
    add = threads.add_parser("add", help="add users to a thread")
    add.set_defaults(run=_add)
    remove = threads.add_parser("remove", help="remove a user from a thread, or leave it")
    remove.set_defaults(run=_remove)
    delete = threads.add_parser("delete", help="delete a thread")
    delete.set_defaults(run=_delete)
    for parser in (show, add, remove, delete):
        add_thread(parser)
    add.add_argument("users", nargs="+", metavar="USER", help=_USERS)
    remove.add_argument("user", metavar="USER")
    for parser in threads.choices.values():
        add_caller(parser)
        add_resource(parser)
        add_options(parser)


def add_thread(parser: argparse.ArgumentParser) -> None:
    """The argument that names a thread."""
    parser.add_argument(
        "thread",
        metavar="THREAD",
        help="its id, or its topic if no other thread of the user has it",
    )


def open_thread(arguments: argparse.Namespace) -> tuple[ChatUser, str]:
    """The user whom `--as` names, and the id of the thread that is meant.

    Raises:
        StartError: none of the user's threads has that topic, or several have.
    """
    user = ChatUser.open(arguments)
    return user, _thread_id(user, arguments.thread)


def participants_of(user: ChatUser, thread_id: str) -> list[Body]:
    """Who takes part in a thread."""
    pages = user.pages(thread_path(thread_id, "participants"))
    return [each for page in pages for each in page]


def _thread_id(user: ChatUser, named: str) -> str:
    if named.startswith("19:"):
        return named
    found = [each["id"] for page in user.pages("") for each in page if each.get("topic") == named]
    if not found:
        raise StartError(f"the user has no thread with the topic '{named}'")
    if len(found) > 1:
        raise StartError(f"the user has {len(found)} threads with the topic '{named}': use an id")
    return str(found[0])


def _create(arguments: argparse.Namespace) -> int:
    user = ChatUser.open(arguments)
    own = _participant(user.raw_id, user.display_name)
    people = [own, *(_named(user, each) for each in arguments.users)]
    answer = user.post("", {"topic": arguments.topic, "participants": people})
    if arguments.json:
        print_json(answer)
    else:
        thread = answer["chatThread"]
        print_pairs({"id": thread["id"], "topic": thread["topic"]})
    return _tell_refused(answer.get("invalidParticipants", ()))


def _list(arguments: argparse.Namespace) -> int:
    found = [each for page in ChatUser.open(arguments).pages("") for each in page]
    if arguments.json:
        print_json(found)
    else:
        rows = (
            (each["id"], local_time(each.get("lastMessageReceivedOn", "")), each["topic"])
            for each in found
        )
        print_table(("ID", "LAST MESSAGE", "TOPIC"), rows)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    user, thread_id = open_thread(arguments)
    thread = user.get(thread_path(thread_id))
    people = participants_of(user, thread_id)
    if arguments.json:
        print_json({**thread, "participants": people})
        return 0
    print_pairs(
        {
            "id": thread["id"],
            "topic": thread["topic"],
            "created": local_time(thread["createdOn"]),
            "created by": raw_id_of(thread.get("createdByCommunicationIdentifier")),
        }
    )
    print()
    rows = (
        (each.get("displayName", ""), raw_id_of(each["communicationIdentifier"])) for each in people
    )
    print_table(("NAME", "PARTICIPANT"), rows)
    return 0


def _add(arguments: argparse.Namespace) -> int:
    user, thread_id = open_thread(arguments)
    people = [_named(user, each) for each in arguments.users]
    answer = user.post(thread_path(thread_id, "participants", ":add"), {"participants": people})
    if arguments.json:
        print_json(answer)
    return _tell_refused(answer.get("invalidParticipants", ()))


def _remove(arguments: argparse.Namespace) -> int:
    user, thread_id = open_thread(arguments)
    removed = {"rawId": user.plane.user_id(arguments.user)}
    user.post(thread_path(thread_id, "participants", ":remove"), removed)
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    user, thread_id = open_thread(arguments)
    user.delete(thread_path(thread_id))
    return 0


def _named(user: ChatUser, named: str) -> Body:
    return _participant(user.plane.user_id(named), None if is_raw_id(named) else named)


def _participant(raw_id: str, display_name: str | None) -> Body:
    """Our names are the display names, so that people read them in every client."""
    named = {} if display_name is None else {"displayName": display_name}
    return {"communicationIdentifier": {"rawId": raw_id}, **named}


def _tell_refused(errors: Iterable[Body]) -> int:
    """Say who was not added; the exit code."""
    code = 0
    for error in errors:
        code = 1
        text = f"not added: {error.get('target', '')}: {error.get('message', '')}"
        print(printable(text), file=sys.stderr)
    return code
