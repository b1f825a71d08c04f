"""The resource tables of the configuration file."""

from typing import Any

import pytest

from switchhook.config_tables import read_tables
from switchhook.errors import StartError


def test_entries_become_requests() -> None:
    """Names become ids, and members the bodies of requests."""
    tables = read_tables(
        {
            "topics": [{"name": "orders"}],
            "communication": [{"name": "contoso", "numbers": ["+15555550123"]}],
            "subscriptions": [
                {
                    "name": "audit",
                    "topic": "orders",
                    "endpoint": "http://localhost:9000",
                    "subjectBeginsWith": "/a",
                    "maxDeliveryAttempts": 3,
                    "validate": False,
                }
            ],
        }
    )
    (subscription,) = tables.subscriptions

    assert tables.topics[0].resource_id.endswith("/providers/Microsoft.EventGrid/topics/orders")
    assert tables.numbers[0].number == "+15555550123"
    assert subscription.source_id == tables.topics[0].resource_id
    assert subscription.validate is False
    assert subscription.body["properties"]["filter"] == {"subjectBeginsWith": "/a"}
    assert subscription.body["properties"]["retryPolicy"] == {"maxDeliveryAttempts": 3}


@pytest.mark.parametrize(
    ("tables", "named"),
    [
        ({"topics": [{}]}, "name"),
        ({"topics": [{"name": 7}]}, "name"),
        ({"topics": [{"name": "a", "colour": "red"}]}, "colour"),
        ({"subscriptions": [{"name": "a", "endpoints": "x"}]}, "endpoints"),
        ({"subscriptions": [{"name": "a", "topic": "t", "communication": "c"}]}, "both"),
        ({"subscriptions": [{"name": "a", "validate": "no"}]}, "validate"),
        ({"communication": [{"name": "a", "numbers": [1]}]}, "numbers"),
        ({"numbers": [{"communication": "a"}]}, "number"),
    ],
)
def test_wrong_entry_is_named(tables: dict[str, Any], named: str) -> None:
    """An unknown or missing key is a start-up error that names it."""
    with pytest.raises(StartError, match=named):
        read_tables(tables)
