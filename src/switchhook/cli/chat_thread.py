"""`switchhook chat thread`: threads and who takes part in them."""

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from switchhook.cli.arm_client import Body, add_options
from switchhook.cli.chat_client import (
    ChatUser,
    add_caller,
    existing_user,
    is_raw_id,
    thread_path,
)
from switchhook.cli.chat_lines import local_time, raw_id_of
from switchhook.cli.listen_output import printable
from switchhook.cli.sources import add_communication
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
        add_communication(parser)
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
    return user, _thread_id(user, arguments.caller, arguments.thread)


def participants_of(user: ChatUser, thread_id: str) -> list[Body]:
    """Who takes part in a thread."""
    pages = user.pages(thread_path(thread_id, "participants"))
    return [each for page in pages for each in page]


def _thread_id(user: ChatUser, caller: str, named: str) -> str:
    if named.startswith("19:"):
        return named
    all_of_them = [each for page in user.pages("") for each in page if each["topic"] == named]
    found = [str(each["id"]) for each in all_of_them if not each.get("deletedOn")]
    if not found:
        ending = "; it was deleted" if all_of_them else ""
        raise StartError(f"'{caller}' has no thread with the topic '{named}'{ending}")
    if len(found) > 1:
        ids = "".join(f"\n  {each}" for each in found)
        raise StartError(
            f"'{caller}' has {len(found)} threads with the topic '{named}': use an id{ids}"
        )
    return found[0]


def _create(arguments: argparse.Namespace) -> int:
    if not arguments.topic.strip():
        raise StartError("--topic must not be empty: threads are known by it")
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
            (each["id"], local_time(each.get("lastMessageReceivedOn", "")), _titled(each))
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
    refused = answer.get("invalidParticipants", ())
    if arguments.json:
        print_json(answer)
    else:
        _tell_added(arguments.users, people, refused)
    return _tell_refused(refused)


def _remove(arguments: argparse.Namespace) -> int:
    user, thread_id = open_thread(arguments)
    removed = {"rawId": existing_user(arguments, arguments.user)}
    user.post(thread_path(thread_id, "participants", ":remove"), removed)
    if not arguments.json:
        print(printable(f"removed: {arguments.user}"))
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


def _titled(thread: Body) -> str:
    """The topic of a thread of a list, and that it is no more, where that is so."""
    deleted_on = thread.get("deletedOn")
    ending = f" (deleted {local_time(deleted_on)})" if deleted_on else ""
    return f"{thread['topic']}{ending}"


def _tell_added(names: Iterable[str], people: Iterable[Body], refused: Iterable[Body]) -> None:
    others = {error.get("target") for error in refused}
    added = [
        name
        for name, each in zip(names, people, strict=True)
        if each["communicationIdentifier"]["rawId"] not in others
    ]
    if added:
        print(printable(f"added: {', '.join(added)}"))


def _tell_refused(errors: Iterable[Body]) -> int:
    """Say who was not added; the exit code."""
    code = 0
    for error in errors:
        code = 1
        text = f"not added: {error.get('target', '')}: {error.get('message', '')}"
        print(printable(text), file=sys.stderr)
    return code
