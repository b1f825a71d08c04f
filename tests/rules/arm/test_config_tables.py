"""The resource tables of the configuration file."""

from datetime import UTC, date, datetime, time
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
    assert subscription.settings == {"validateEndpoint": False}
    assert subscription.body["properties"]["filter"] == {"subjectBeginsWith": "/a"}
    assert subscription.body["properties"]["retryPolicy"] == {"maxDeliveryAttempts": 3}


def test_properties_of_topics_and_domains_become_bodies() -> None:
    """Ranges may be texts, and a mapping has no envelope."""
    fields = {"eventType": {"sourceField": "kind"}}
    common = {"inboundIpRules": ["10.0.0.0/8"], "inputSchemaMapping": fields}
    tables = read_tables(
        {
            "topics": [{"name": "orders", **common, "disableLocalAuth": True}],
            "domains": [
                {"name": "shops", "topics": ["a"], "autoCreateTopicWithFirstSubscription": False}
            ],
            "subscriptions": [
                {"name": "all", "domain": "shops", "endpoint": "http://localhost:9"},
                {"name": "one", "domain": "shops", "domainTopic": "a", "endpoint": "http://x"},
            ],
        }
    )
    (topic,), (domain,) = tables.topics, tables.domains

    assert topic.body["properties"] == {
        "inputSchemaMapping": {"inputSchemaMappingType": "Json", "properties": fields},
        "disableLocalAuth": True,
        "inboundIpRules": [{"ipMask": "10.0.0.0/8"}],
    }
    assert domain.resource_id.endswith("/providers/Microsoft.EventGrid/domains/shops")
    assert domain.topics == ("a",)
    assert domain.body["properties"] == {"autoCreateTopicWithFirstSubscription": False}
    assert [each.source_id for each in tables.subscriptions] == [
        domain.resource_id,
        f"{domain.resource_id}/topics/a",
    ]


def test_times_of_the_file_are_texts_wherever_they_stand() -> None:
    """As the rules of the bodies want them: none of these knows a date."""
    day = {"operatorType": date(2030, 1, 1), "key": "a", "values": [time(1, 2)]}
    entry = {"name": "one", "advancedFilters": [day], "labels": [datetime(2030, 1, 1, tzinfo=UTC)]}
    (subscription,) = read_tables({"subscriptions": [entry]}).subscriptions
    properties = subscription.body["properties"]

    assert properties["filter"]["advancedFilters"] == [
        {"operatorType": "2030-01-01", "key": "a", "values": ["01:02:00"]}
    ]
    assert properties["labels"] == ["2030-01-01T00:00:00+00:00"]


@pytest.mark.parametrize(
    ("tables", "named"),
    [
        ({"communication": [{"numbers": ["+15555550123"]}]}, "needs 'name'"),
        ({"topics": [{"name": "a", "autoCreateTopicWithFirstSubscription": True}]}, "autoCreate"),
        ({"domains": [{"name": "a", "topics": "b"}]}, "'topics' of .*'a'"),
        ({"domains": [{"name": "a", "colour": "red"}]}, "colour"),
        ({"subscriptions": [{"name": "a", "topic": "t", "domain": "d"}]}, "both"),
        ({"subscriptions": [{"name": "a", "domainTopic": "t"}]}, "domainTopic"),
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


@pytest.mark.parametrize(
    ("tables", "named"),
    [
        ({"topics": [{"name": "a"}, {"name": "A"}]}, r"\[\[topics\]\] 'A' is there twice"),
        ({"domains": [{"name": "a"}, {"name": "a"}]}, r"\[\[domains\]\] 'a' is there twice"),
        ({"communication": [{"name": "a"}, {"name": "a"}]}, "'a' is there twice"),
        ({"numbers": [{"number": "+15555550123"}] * 2}, "'.15555550123' is there twice"),
        (
            {"subscriptions": [{"name": "a", "topic": "t"}, {"name": "a", "topic": "T"}]},
            "'a' of '.*/topics/T' is there twice",
        ),
    ],
)
def test_resource_that_is_there_twice_is_refused(tables: dict[str, Any], named: str) -> None:
    """The last one would win, and nobody would know."""
    with pytest.raises(StartError, match=named):
        read_tables(tables)


def test_name_may_be_there_once_for_each_source() -> None:
    """Event subscriptions are named below their source."""
    sources: tuple[dict[str, str], ...] = (
        {"topic": "t"},
        {"topic": "u"},
        {"domain": "t"},
        {"domain": "t", "domainTopic": "t"},
        {},
    )
    tables = read_tables({"subscriptions": [{"name": "a", **source} for source in sources]})

    assert len(tables.subscriptions) == 5
