"""What do the commands of topics, domains and system topics have in common?"""

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec

from switchhook.cli.arm_client import ArmClient, Body, add_options
from switchhook.cli.tables import print_json, print_pairs, print_table
from switchhook.grid.resources.ids import EVENT_GRID
from switchhook.grid.resources.records import AUTO_CREATE, AUTO_DELETE


class GridResource(msgspec.Struct, frozen=True, kw_only=True):
    """A type of resource: what people and Azure call it, and which of its properties are shown.

    `shown` has the names of the lines and the properties; a list has the first of them as column.
    """

    noun: str
    type: str
    shown: dict[str, str]

    def path(self, client: ArmClient, name: str) -> str:
        """The id of one."""
        return client.grid_id(self.type, name)

    def add_action(
        self, actions: Any, name: str, help_: str, run: Any, *, named: bool = True
    ) -> argparse.ArgumentParser:
        """Add a command; most take the resource's name."""
        parser: argparse.ArgumentParser = actions.add_parser(name, help=help_)
        if named:
            parser.add_argument("name", help=f"the {self.noun}'s name")
        add_options(parser)
        parser.set_defaults(run=run)
        return parser

    def add_usual_actions(self, actions: Any) -> None:
        """Add list, show and delete."""
        noun = self.noun
        self.add_action(actions, "list", f"list the {noun}s", self._list, named=False)
        self.add_action(actions, "show", f"show a {noun}", self._show)
        self.add_action(
            actions, "delete", f"delete a {noun} and its event subscriptions", self._delete
        )

    def add_key_actions(self, actions: Any) -> None:
        """Add keys and regenerate-key."""
        self.add_action(actions, "keys", "show the access keys", self._keys)
        regenerate = self.add_action(
            actions, "regenerate-key", "replace an access key", self._regenerate_key
        )
        regenerate.add_argument("key", choices=["key1", "key2"])

    def create(self, arguments: argparse.Namespace, body: Body) -> int:
        """Create or replace one, and print it."""
        client = ArmClient.open(arguments.data)
        self._print(arguments, client.put(self.path(client, arguments.name), body))
        return 0

    def _show(self, arguments: argparse.Namespace) -> int:
        client = ArmClient.open(arguments.data)
        self._print(arguments, client.get(self.path(client, arguments.name)))
        return 0

    def _list(self, arguments: argparse.Namespace) -> int:
        client = ArmClient.open(arguments.data)
        found = list(client.list(client.subscription_path(f"{EVENT_GRID}/{self.type}")))
        if arguments.json:
            print_json(found)
            return 0
        label, member = next(iter(self.shown.items()))
        rows = [(each["name"], each["properties"][member]) for each in found]
        print_table(("NAME", label.upper()), rows)
        return 0

    def _delete(self, arguments: argparse.Namespace) -> int:
        client = ArmClient.open(arguments.data)
        return client.remove(self.path(client, arguments.name))

    def _keys(self, arguments: argparse.Namespace) -> int:
        client = ArmClient.open(arguments.data)
        path = f"{self.path(client, arguments.name)}/listKeys"
        _print_keys(arguments, client.post(path))
        return 0

    def _regenerate_key(self, arguments: argparse.Namespace) -> int:
        client = ArmClient.open(arguments.data)
        path = f"{self.path(client, arguments.name)}/regenerateKey"
        _print_keys(arguments, client.post(path, {"keyName": arguments.key}))
        return 0

    def _print(self, arguments: argparse.Namespace, found: Body) -> None:
        if arguments.json:
            print_json(found)
            return
        properties = found["properties"]
        print_pairs(
            {
                "name": found["name"],
                **{label: properties.get(member) for label, member in self.shown.items()},
                **_shaped(properties),
                "state": properties["provisioningState"],
                "location": found["location"],
                "id": found["id"],
            }
        )


def _shaped(properties: Body) -> Body:
    """What was asked for and is not as usual."""
    fields = (properties.get("inputSchemaMapping") or {}).get("properties") or {}
    rules = properties.get("inboundIpRules") or []
    access = properties.get("publicNetworkAccess")
    return {
        "mapping": ", ".join(_field(name, field) for name, field in fields.items() if field),
        "local authentication": "disabled" if properties.get("disableLocalAuth") else "",
        "public network access": "" if access == "Enabled" else access,
        "inbound addresses": ", ".join(rule["ipMask"] for rule in rules),
        "topics": ", ".join(_topics_kept(properties)),
    }


def _field(name: str, field: Body) -> str:
    source = field.get("sourceField")
    default = field.get("defaultValue")
    parts = (f"from {source}" if source else "", f"else {default}" if default else "")
    return " ".join(filter(None, (name, *parts)))


def _topics_kept(properties: Body) -> Iterator[str]:
    if properties.get(AUTO_CREATE) is False:
        yield "not created with their event subscriptions"
    if properties.get(AUTO_DELETE) is False:
        yield "not deleted with their event subscriptions"


def _print_keys(arguments: argparse.Namespace, keys: Body) -> None:
    if arguments.json:
        print_json(keys)
    else:
        print_pairs(keys)
