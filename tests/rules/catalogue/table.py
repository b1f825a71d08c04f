"""The committed table of the published samples, and where the samples and our own events lie."""

import os
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from switchhook.communication.catalogue.profiles import DEFAULT_PROFILE
from switchhook.communication.resources import EventSettings

_TESTS = Path(__file__).parents[2]
_PROJECT = _TESTS.parent

FIXTURES = _TESTS / "fixtures" / "events"
TABLE = _TESTS / "compat" / "sample_table.toml"
NOT_HERE = (
    "the published samples are not beside the project; set PUBLISHED_EVENT_SAMPLES to their folder"
)


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published sample: how its shape is emitted, or why it is not."""

    file: str
    type: str
    profile: str = ""
    switches: dict[str, Any] = {}
    content: str = ""
    not_emitted: str = ""

    @property
    def settings(self) -> EventSettings:
        """The settings that emit it."""
        return EventSettings(profile=self.profile, **self.switches)


def read_table() -> list[Row]:
    """The rows, in the order of their files' names."""
    with TABLE.open("rb") as file:
        return msgspec.convert(tomllib.load(file)["samples"], list[Row])


def find_samples() -> Path | None:
    """The folder of the published samples, None where they are not at hand."""
    beside = _PROJECT.parent / "shared" / "reference" / "communication-events" / "samples"
    folder = Path(os.environ.get("PUBLISHED_EVENT_SAMPLES") or beside)
    return folder if folder.is_dir() else None


def fixture_name(type_name: str, profile: str) -> str:
    """The file of our own event of a type in a profile."""
    short_name = type_name.rpartition(".")[2]
    return f"{short_name}.json" if profile == DEFAULT_PROFILE else f"{short_name}.{profile}.json"


def profile_of(file: str) -> str:
    """The profile of one of our own events, which uses no switches: by the table or its name."""
    listed = {row.file: row.profile for row in read_table() if row.profile}
    suffix = file.removesuffix(".json").partition(".")[2]
    return listed.get(file) or suffix or DEFAULT_PROFILE
