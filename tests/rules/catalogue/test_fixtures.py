"""Our own events state the shape of every type in every profile, so that a clone stands alone."""

import pytest

from switchhook.communication.catalogue import profiles, types_of, validate
from switchhook.communication.catalogue.shapes import shape_of
from switchhook.communication.resources import EventSettings
from tests.rules.catalogue.reading import assert_same, load_event, read_values, render_again
from tests.rules.catalogue.table import FIXTURES, fixture_name, profile_of, read_table

FILES = sorted(path.name for path in FIXTURES.glob("*.json"))
CLAIMS = [
    (profile.name, event_type.name)
    for profile in profiles()
    for event_type in types_of(profile.name)
]


@pytest.mark.parametrize("file", FILES)
def test_event_is_emitted_exactly(file: str) -> None:
    """Names, order, nesting, types, values, subject and envelope come out as in the file."""
    event = load_event(FIXTURES / file)
    settings = EventSettings(profile=profile_of(file))

    again = render_again(event, settings)

    assert_same(event, again, shape_of(event["eventType"], settings))


@pytest.mark.parametrize(("profile", "type_name"), CLAIMS)
def test_each_type_of_each_profile_has_an_event(profile: str, type_name: str) -> None:
    """What the catalogue claims is written down."""
    event = load_event(FIXTURES / fixture_name(type_name, profile))

    assert event["eventType"] == type_name


def test_each_emitted_sample_has_an_event() -> None:
    """The table and our own events name the same files."""
    emitted = {row.file for row in read_table() if not row.not_emitted}

    assert emitted <= set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_values_are_valid(file: str) -> None:
    """Our own events hold only what the field tables allow."""
    event = load_event(FIXTURES / file)
    profile = profile_of(file)
    shape = shape_of(event["eventType"], EventSettings(profile=profile))

    validate(event["eventType"], read_values(shape.members, event["data"]), profile)
