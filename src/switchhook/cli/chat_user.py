"""`switchhook chat user`: users of a resource and their tokens."""

import argparse
from typing import Any

from switchhook.cli.arm_client import add_options
from switchhook.cli.chat_client import (
    CHAT_SCOPE,
    DataPlane,
    existing_user,
    is_raw_id,
    users_of,
)
from switchhook.cli.chat_lines import local_time
from switchhook.cli.sources import add_communication
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.errors import StartError

_USER = "a name of yours such as alice, or a raw id"


def add_parser(actions: Any) -> None:
    """Add the group to `switchhook chat`."""
    group = actions.add_parser("user", help="users and their tokens")
    users = group.add_subparsers(required=True, metavar="ACTION")
    create = users.add_parser(
        "create",
        help="create a user",
        description="Create a user, or show the one of that name: other commands then take the "
        "name for the user. They create users of new names themselves.",
    )
    create.add_argument("user", nargs="?", metavar="NAME", help="a name of yours such as alice")
    create.set_defaults(run=_create)
    users.add_parser("list", help="list the users").set_defaults(run=_list)
    token = users.add_parser("token", help="issue an access token and print it")
    token.add_argument(
        "--scope",
        nargs="+",
        action="extend",
        help=f"what it allows, such as chat or voip (default: {CHAT_SCOPE})",
    )
    token.add_argument(
        "--minutes", type=int, metavar="N", help="how long it is good: 60 to 1440 (default: 1440)"
    )
    token.set_defaults(run=_token)
    revoke = users.add_parser("revoke", help="make all tokens of a user worthless")
    revoke.set_defaults(run=_revoke)
    delete = users.add_parser("delete", help="delete a user, who then leaves all threads")
    delete.set_defaults(run=_delete)
    for parser in (token, revoke, delete):
        parser.add_argument("user", metavar="USER", help=_USER)
    for parser in users.choices.values():
        add_communication(parser)
        add_options(parser)


def _create(arguments: argparse.Namespace) -> int:
    name: str | None = arguments.user
    if name is not None and (not name.strip() or is_raw_id(name)):
        raise StartError(
            f"'{name}' is no name for a user: it must not be empty, nor hold the ':' of raw ids, "
            "which the server gives"
        )
    answer = DataPlane.open(arguments).create_user(arguments.user)
    if arguments.json:
        print_json(answer)
    else:
        print_pairs({"name": arguments.user, "id": answer["identity"]["id"]})
    return 0


def _list(arguments: argparse.Namespace) -> int:
    found = users_of(arguments)
    if arguments.json:
        print_json(found)
        return 0
    rows = []
    for each in found:
        own = each["properties"]
        issued = local_time(own["lastTokenIssuedOn"] or "")
        rows.append((own["customId"] or "", each["name"], local_time(own["createdOn"]), issued))
    print_table(("NAME", "ID", "CREATED", "LAST TOKEN"), rows)
    return 0


def _token(arguments: argparse.Namespace) -> int:
    plane = DataPlane.open(arguments)
    scopes = arguments.scope or [CHAT_SCOPE]
    answer = plane.token(plane.user_id(arguments.user), scopes, arguments.minutes)
    if arguments.json:
        print_json(answer)
    else:
        print(answer["token"])
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    raw_id = existing_user(arguments, arguments.user)
    DataPlane.open(arguments).revoke_tokens(raw_id)
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    raw_id = existing_user(arguments, arguments.user)
    DataPlane.open(arguments).delete_user(raw_id)
    return 0
