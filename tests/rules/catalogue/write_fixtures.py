"""Write the example events that a type or profile still lacks; files that exist stay as they are.

`python -m tests.rules.catalogue.write_fixtures`
"""

import json
from pathlib import Path
from typing import Any

from switchhook import defaults
from switchhook.clock import to_text
from switchhook.communication.catalogue import (
    profiles,
    render_event,
    sample_subject_values,
    sample_values,
    types_of,
)
from switchhook.communication.catalogue.examples import EXAMPLE_INSTANT
from switchhook.communication.resources import EventSettings
from tests.rules.catalogue.table import FIXTURES, fixture_name

RESOURCE_ID = (
    f"/subscriptions/{defaults.SUBSCRIPTION_ID}/resourceGroups/{defaults.RESOURCE_GROUP}"
    f"/providers/Microsoft.Communication/CommunicationServices/{defaults.COMMUNICATION_NAME}"
)
EVENT_ID = "5a1f0000-0000-4000-8000-00000000e7e7"


def write_fixture(path: Path, type_name: str, profile: str, values: dict[str, Any]) -> None:
    """Write the event that these values make."""
    event = render_event(
        type_name,
        resource_id=RESOURCE_ID,
        settings=EventSettings(profile=profile),
        values=values,
        subject_values=sample_subject_values(type_name),
        event_id=EVENT_ID,
        event_time=to_text(EXAMPLE_INSTANT),
    )
    path.write_text(json.dumps([event], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_missing() -> None:
    """Write each (profile, type) without a file."""
    for profile in profiles():
        for event_type in types_of(profile.name):
            path = FIXTURES / fixture_name(event_type.name, profile.name)
            if not path.exists():
                values = sample_values(event_type.name, profile.name)
                write_fixture(path, event_type.name, profile.name, values)


if __name__ == "__main__":
    write_missing()
