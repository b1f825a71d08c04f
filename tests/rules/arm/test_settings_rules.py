"""Delivery settings: what is read, shown and refused."""

from typing import Any

import msgspec
import pytest

from switchhook.clock import HOUR, MINUTE, SECOND
from switchhook.errors import RequestError
from switchhook.grid.resources.records import DeliverySettingsRecord
from switchhook.grid.resources.settings_rules import (
    from_duration,
    read_settings,
    render_settings,
    to_duration,
)
from switchhook.grid.subscriptions import TimeProfile


def test_defaults_are_those_of_azure() -> None:
    assert read_settings({}) == read_settings({"properties": {}}) == DeliverySettingsRecord()
    assert render_settings(DeliverySettingsRecord()) == {
        "validateEndpoint": True,
        "isPaused": False,
        "profile": None,
        "orderedBy": None,
        "deduplicationWindow": None,
        "marksReplays": True,
    }


def test_everything_is_read_and_shown() -> None:
    properties = {
        "validateEndpoint": False,
        "isPaused": True,
        "profile": "fast",
        "orderedBy": "data.orderId",
        "deduplicationWindow": "PT10M",
        "marksReplays": False,
    }
    found = read_settings({"properties": properties})

    assert found == DeliverySettingsRecord(
        validate_endpoint=False,
        is_paused=True,
        profile=TimeProfile.FAST,
        ordered_by="data.orderId",
        deduplication_window=10 * MINUTE,
        marks_replays=False,
    )
    assert render_settings(found) == properties


def test_read_only_members_may_be_sent_back() -> None:
    shown = {"lastValidationError": "x", "validationAttempts": 2, "warnings": ["w"]}

    assert read_settings({"name": "default", "properties": shown}) == DeliverySettingsRecord()


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"validateEndpoint": "no"}, "validateEndpoint"),
        ({"isPaused": 1}, "isPaused"),
        ({"marksReplays": []}, "marksReplays"),
        ({"profile": "slow"}, "profile"),
        ({"profile": 3}, "profile"),
        ({"orderedBy": "data..x"}, "orderedBy"),
        ({"orderedBy": "data.\n"}, "orderedBy"),
        ({"orderedBy": "x" * 513}, "orderedBy"),
        ({"deduplicationWindow": "10 minutes"}, "deduplicationWindow"),
        ({"deduplicationWindow": "PT24H0.000000001S"}, "deduplicationWindow"),
        ({"deduplicationWindow": "P2D"}, "deduplicationWindow"),
        ({"deduplicationWindow": "-PT1S"}, "deduplicationWindow"),
        ({"deduplicationWindow": 600}, "deduplicationWindow"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_refused_by_name(properties: dict[str, Any], name: str) -> None:
    with pytest.raises(RequestError, match=name) as raised:
        read_settings({"properties": properties})

    assert raised.value.status == 400


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("PT0S", 0),
        ("PT1S", SECOND),
        ("PT0.5S", SECOND // 2),
        ("PT10M", 10 * MINUTE),
        ("PT1H30M", 90 * MINUTE),
        ("P1D", 24 * HOUR),
        ("P1DT1S", 24 * HOUR + SECOND),
        ("PT90M", 90 * MINUTE),
        ("P", None),
        ("PT", None),
        ("P1DT", None),
        ("P1M", None),
        ("1S", None),
        ("PT1.S", None),
        ("", None),
    ],
)
def test_durations(text: str, span: int | None) -> None:
    """Days and smaller units; what is written is read again."""
    assert from_duration(text) == span
    if span is not None:
        assert from_duration(to_duration(span)) == span


def test_settings_of_earlier_releases_are_read() -> None:
    """They knew whether to validate, and nothing else."""
    stored = b'{"type":"deliverySettings","validate_endpoint":false}'

    found = msgspec.json.decode(stored, type=DeliverySettingsRecord)

    assert found == DeliverySettingsRecord(validate_endpoint=False)
