"""The catalogue emits what the published samples show, given their values."""

from pathlib import Path

import pytest

from switchhook.communication.catalogue.shapes import shape_of
from switchhook.communication.resources import EventSettings
from tests.rules.catalogue.reading import (
    assert_same,
    load_event,
    render_again,
    shape_in_words,
)
from tests.rules.catalogue.table import FIXTURES, NOT_HERE, Row, find_samples, read_table

ROWS = read_table()
EMITTED = [row for row in ROWS if not row.not_emitted]


@pytest.fixture(scope="module")
def samples() -> Path:
    """The folder of the published samples."""
    folder = find_samples()
    if folder is None:
        pytest.skip(NOT_HERE)
    return folder


def test_table_lists_every_sample(samples: Path) -> None:
    """Each published file has one row, and each row its file."""
    files = sorted(path.name for path in samples.glob("*.json"))

    assert [row.file for row in ROWS] == files


def test_each_row_says_how_or_why_not() -> None:
    """A row has a profile or a reason, never both."""
    assert all(bool(row.profile) != bool(row.not_emitted) for row in ROWS)


def test_articles_are_never_left_out() -> None:
    """Only examples of the specification are not emitted."""
    reasons = [row.not_emitted for row in ROWS if row.not_emitted]

    assert all(reason.startswith("specification-only: ") for reason in reasons)


@pytest.mark.parametrize("row", EMITTED, ids=lambda row: row.file)
def test_sample_is_emitted_exactly(row: Row, samples: Path) -> None:
    """Names, order, nesting, types, values, subject and envelope are those of the sample."""
    event = load_event(samples / row.file)

    again = render_again(event, row.settings)

    assert event["eventType"] == row.type
    assert_same(event, again, shape_of(row.type, row.settings))


@pytest.mark.parametrize("row", EMITTED, ids=lambda row: row.file)
def test_own_event_has_the_shape_of_the_sample(row: Row, samples: Path) -> None:
    """The project's own event of the same name states the sample's shape, but for user's maps."""
    sample = load_event(samples / row.file)
    own = load_event(FIXTURES / row.file)
    own = render_again(own, EventSettings(profile=row.profile), under=row.settings)

    assert _shape(own) == _shape(sample)


def _shape(event: dict[str, object]) -> object:
    return shape_in_words(_without_maps(event))


_MAPS = (
    *("labels", "tags", "jobLabels", "jobTags", "labelsAddedOrChanged"),
    *("metadata", "properties", "sipHeaders", "voipHeaders"),
)


def _without_maps(value: object) -> object:
    """Maps hold the user's own names; items of an array count by the first."""
    if isinstance(value, dict):
        return {name: {} if name in _MAPS else _without_maps(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_maps(item) for item in value[:1]]
    return value
