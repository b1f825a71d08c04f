"""Where do settings come from? A flag, else a variable, else the TOML file, else the default."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from switchhook.errors import StartError
from switchhook.settings import kinds
from switchhook.settings.model import RESOURCE_TABLES, Option, Settings, options
from switchhook.settings.rules import check

CONFIG_FLAG = "--config"
CONFIG_VARIABLE = "SWITCHHOOK_CONFIG"
CONFIG_FILE = "switchhook.toml"


class _Given(NamedTuple):
    """A value that someone wrote, and where."""

    origin: str
    value: object


def read_settings(
    flags: Mapping[str, object], environment: Mapping[str, str], folder: Path
) -> Settings:
    """The settings of this start.

    `flags` has option names (`http_port`, and `config`) and what followed each flag; `folder` is
    where `switchhook.toml` is looked for.

    Raises:
        StartError: an option is unknown or wrong; names it, its source and what is allowed.
    """
    variables = _variables(environment)
    file = _config_file(flags, environment, folder)
    table = _load(file) if file else {}
    given = {
        option.name: found
        for option in options()
        if (found := _find(option, flags, variables, file, table)) is not None
    }
    values: dict[str, Any] = {
        option.name: _parse(option, given[option.name])
        for option in options()
        if option.name in given
    }
    settings = Settings(**values, resources=dict(_resources(file, table)))
    check(settings, given)
    return settings


def read_data_folder(
    flags: Mapping[str, object], environment: Mapping[str, str], folder: Path
) -> Path:
    """The data folder alone, for commands that look for a server and do not start one.

    Raises:
        StartError: as `read_settings`.
    """
    variables = _variables(environment)
    file = _config_file(flags, environment, folder)
    option = next(each for each in options() if each.name == "data")
    given = _find(option, flags, variables, file, _load(file) if file else {})
    data = Settings().data if given is None else Path(str(_parse(option, given)))
    return data.absolute()


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean ...?)`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    known = {option.variable for option in options()} | {CONFIG_VARIABLE}
    ours = {name: value for name, value in environment.items() if name.startswith("SWITCHHOOK_")}
    for name in ours:
        if name not in known:
            raise StartError(f"the variable {name} is no setting{suggestion(name, known)}")
    # An empty variable is how compose files and CI systems say "not set".
    return {name: value for name, value in ours.items() if value}


def _config_file(
    flags: Mapping[str, object], environment: Mapping[str, str], folder: Path
) -> Path | None:
    for origin, value in (
        (CONFIG_FLAG, flags.get("config")),
        (CONFIG_VARIABLE, environment.get(CONFIG_VARIABLE)),
    ):
        if value:
            return folder / Path(str(_checked(origin, value, kinds.FILE)))
    file = folder / CONFIG_FILE
    return file if file.is_file() else None


def _load(file: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartError(f"{file} is not TOML: {error}") from error
    known = {*(option.name for option in options()), *RESOURCE_TABLES}
    for name in table:
        if name not in known:
            raise StartError(f"{name} in {file} is no setting{suggestion(name, known)}")
    return table


def _find(
    option: Option,
    flags: Mapping[str, object],
    variables: Mapping[str, str],
    file: Path | None,
    table: Mapping[str, Any],
) -> _Given | None:
    if flags.get(option.name) is not None:
        return _Given(option.flag, flags[option.name])
    if option.variable in variables:
        return _Given(option.variable, variables[option.variable])
    if file and option.name in table:
        value = table[option.name]
        if option.about.kind in (kinds.FOLDER, kinds.FILE) and isinstance(value, str):
            value = str(file.parent / Path(value).expanduser())
        return _Given(f"{option.name} in {file}", value)
    return None


def _parse(option: Option, given: _Given) -> object:
    return _checked(given.origin, given.value, option.about.kind)


def _checked(origin: str, value: object, kind: kinds.Kind) -> object:
    try:
        return kind.parse(value)
    except ValueError as error:
        shown = "what was given" if kind.is_secret else repr(value)
        raise StartError(f"{origin}: {shown} is not {error}") from error


def _resources(
    file: Path | None, table: Mapping[str, Any]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name in RESOURCE_TABLES:
        entries = table.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise StartError(f"{name} in {file} must be tables, each begun with [[{name}]]")
        if entries:
            yield name, entries
