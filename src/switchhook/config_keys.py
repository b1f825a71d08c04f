"""Which access keys may entries of the configuration file have?"""

from collections.abc import Iterable, Mapping
from typing import Any

from switchhook.errors import StartError
from switchhook.settings import is_development_key, kinds

KEY = "key"


def read_key(entry: Mapping[str, Any], table: str, default: str = "") -> str:
    """The access key of an entry, "" for none; `default` names the resource whose key is a setting.

    Raises:
        StartError: it is no key, or not one that an entry may have; does not show it.
    """
    if KEY not in entry:
        return ""
    where = f"'{KEY}' of [[{table}]] '{entry['name']}'"
    if default and entry["name"].lower() == default:
        setting = "topic_key" if table == "topics" else "communication_key"
        raise StartError(f"{where}: the key of '{default}' is the setting {setting}")
    try:
        key = str(kinds.KEY.parse(entry[KEY]))
    except ValueError as error:
        raise StartError(f"{where} is not {error}") from error
    if is_development_key(key):
        raise StartError(f"{where} is a development key, which is public and another resource's")
    return key


def refuse_shared_keys(entries: Iterable[tuple[str, str]]) -> None:
    """A signature is all that tells which Communication Services resource is meant."""
    owners: dict[str, str] = {}
    for name, key in entries:
        if key and owners.setdefault(key, name) != name:
            raise StartError(
                f"[[communication]] '{owners[key]}' and '{name}' have the same 'key': "
                "each needs one of its own"
            )
