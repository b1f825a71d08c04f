"""Bodies of event subscriptions: what is read, kept and refused."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchhook.clock import SECOND, VirtualClock
from switchhook.errors import RequestError
from switchhook.grid.resources.destination_rules import check_endpoint_url
from switchhook.grid.resources.subscription_rules import (
    SubscriptionRules,
    read_definition,
    slash_warning,
    update_definition,
)
from switchhook.grid.subscriptions import Filter, RetryPolicy

NOW = VirtualClock().now()
RULES = SubscriptionRules(now=NOW, event_types=None)
URL = "https://example.com/hook?code=secret"
DESTINATION = {"endpointType": "WebHook", "properties": {"endpointUrl": URL}}


def body(**properties: Any) -> dict[str, Any]:
    return {"properties": {"destination": DESTINATION, **properties}}


def test_defaults_are_filled_in() -> None:
    """A destination is enough."""
    definition = read_definition(body(), RULES)

    assert definition.destination.endpoint_url == URL
    assert definition.filter == Filter()
    assert definition.retry_policy == RetryPolicy()
    assert (definition.labels, definition.expires_at) == (None, None)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [("maxDeliveryAttempts", 1, 30), ("eventTimeToLiveInMinutes", 1, 1440)],
)
def test_retry_policy_has_the_limits_and_defaults_of_azure(
    name: str, lowest: int, highest: int
) -> None:
    """The highest is the default (delivery-and-retry.md)."""

    def read(**policy: int) -> RetryPolicy:
        return read_definition(body(retryPolicy=policy), RULES).retry_policy

    assert read() == read(**{name: highest}) == RetryPolicy()
    assert read(**{name: lowest}) != RetryPolicy()
    for beyond in (lowest - 1, highest + 1):
        with pytest.raises(RequestError, match=name):
            read(**{name: beyond})


def test_everything_supported_is_read() -> None:
    """Each member of the body arrives in the definition."""
    definition = read_definition(
        body(
            filter={
                "subjectBeginsWith": "/a",
                "subjectEndsWith": "z",
                "includedEventTypes": ["T"],
                "isSubjectCaseSensitive": True,
                "advancedFilters": [],
            },
            retryPolicy={"maxDeliveryAttempts": 5.0, "eventTimeToLiveInMinutes": 60},
            labels=["x"],
            expirationTimeUtc="2030-01-01T01:00:00.5000000+01:00",
            eventDeliverySchema="eventgridschema",
            deadLetterDestination=None,
        ),
        RULES,
    )

    assert definition.filter == Filter(
        subject_begins_with="/a",
        subject_ends_with="z",
        included_event_types=("T",),
        is_subject_case_sensitive=True,
    )
    assert definition.retry_policy.max_delivery_attempts == 5
    assert definition.labels == ("x",)
    assert definition.expires_at == 1_893_456_000 * SECOND + SECOND // 2


def test_all_alone_means_every_type() -> None:
    """Older clients write `All`."""
    definition = read_definition(body(filter={"includedEventTypes": ["all"]}), RULES)

    assert definition.filter.included_event_types is None


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"deadLetterDestination": {"endpointType": "StorageBlob"}}, "deadLetterDestination"),
        ({"deliveryWithResourceIdentity": {"identity": {}}}, "deliveryWithResourceIdentity"),
        ({"eventDeliverySchema": "CloudEventSchemaV0_1"}, "eventDeliverySchema"),
        ({"eventDeliverySchema": 7}, "eventDeliverySchema"),
        ({"filter": {"advancedFilters": [{"operatorType": "StringIn"}]}}, "advancedFilters"),
        ({"filter": {"enableAdvancedFilteringOnArrays": 1}}, "enableAdvancedFilteringOnArrays"),
        ({"filter": {"subjectBeginsWith": 7}}, "subjectBeginsWith"),
        ({"filter": {"includedEventTypes": "T"}}, "includedEventTypes"),
        ({"filter": {"includedEventTypes": [None]}}, "includedEventTypes"),
        ({"filter": []}, "filter"),
        ({"retryPolicy": {"maxDeliveryAttempts": 31}}, "maxDeliveryAttempts"),
        ({"retryPolicy": {"maxDeliveryAttempts": 1.5}}, "maxDeliveryAttempts"),
        ({"retryPolicy": {"maxDeliveryAttempts": True}}, "maxDeliveryAttempts"),
        ({"retryPolicy": {"eventTimeToLiveInMinutes": 0}}, "eventTimeToLiveInMinutes"),
        ({"retryPolicy": {"eventTimeToLiveInMinutes": 1e400}}, "eventTimeToLiveInMinutes"),
        ({"labels": "x"}, "labels"),
        ({"expirationTimeUtc": "tomorrow"}, "expirationTimeUtc"),
        ({"expirationTimeUtc": "2020-01-01T00:00:00Z"}, "Invalid expiration time."),
        ({"colour": "red"}, "colour"),
        ({"destination": {"endpointType": "EventHub"}}, "EventHub"),
        ({"destination": {"endpointType": "WebHook", "extra": 1}}, "extra"),
        ({"destination": None}, "destination"),
    ],
)
def test_what_is_wrong_is_refused_by_name(properties: dict[str, Any], name: str) -> None:
    """400 InvalidRequest names the property."""
    with pytest.raises(RequestError, match=name) as raised:
        read_definition(body(**properties), RULES)

    assert (raised.value.status, raised.value.code) == (400, "InvalidRequest")


def test_system_topic_knows_its_types() -> None:
    """A type that the source never publishes is an error."""
    rules = SubscriptionRules(now=NOW, event_types=frozenset({"A"}))

    with pytest.raises(RequestError, match="'B'"):
        read_definition(body(filter={"includedEventTypes": ["A", "B"]}), rules)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://h/p",
        "https://",
        "https://h:99999/",
        "https://h:0/",
        "https://u:p@h/",
        "https://h/#f",
        "https://h/ x",
        "https://h/\r\nX: y",
        "https://[::1/",
        "https://hä/",
        "http://example.com/",
        "https://h/" + "x" * 3000,
    ],
)
def test_url_that_cannot_be_a_webhook_is_refused(url: str) -> None:
    """The text is Event Grid's."""
    with pytest.raises(RequestError, match="Supplied URL is invalid"):
        check_endpoint_url(url, allow_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://localhost:7071/api",
        "http://127.0.0.2/",
        "http://[::1]:80/",
        "http://a.localhost/",
    ],
)
def test_https_anywhere_and_http_on_loopback_are_webhooks(url: str) -> None:
    """Http to loopback is for development."""
    check_endpoint_url(url, allow_http=False)
    check_endpoint_url("http://example.com/", allow_http=True)


def test_update_keeps_what_it_does_not_name() -> None:
    """A webhook sent back without its hidden URL keeps it; a filter is replaced as a whole."""
    before = read_definition(
        body(labels=["x"], filter={"subjectBeginsWith": "a", "subjectEndsWith": "z"}), RULES
    )

    after = update_definition(
        before,
        {
            "destination": {"endpointType": "WebHook", "properties": {"endpointUrl": None}},
            "filter": {"subjectBeginsWith": "b"},
        },
        RULES,
    )

    assert after.destination == before.destination
    assert after.filter == Filter(subject_begins_with="b")
    assert after.labels == ("x",)
    assert update_definition(before, {"destination": {"endpointType": "WebHook"}}, RULES) == before


def test_update_with_properties_is_refused() -> None:
    """The body of a PATCH is flat."""
    with pytest.raises(RequestError, match="properties"):
        update_definition(read_definition(body(), RULES), body(), RULES)


@pytest.mark.parametrize(
    ("prefix", "warns"),
    [
        ("phonenumber/1555", True),
        ("PhoneNumber", True),
        ("/phonenumber/1555", False),
        ("thread/", False),
        ("", False),
    ],
)
def test_warning_for_a_prefix_that_needs_the_ignored_slash(prefix: str, *, warns: bool) -> None:
    """Only a prefix of slashed subjects without its slash is warned of."""
    warning = slash_warning(Filter(subject_begins_with=prefix), ("phonenumber",))

    assert (warning is not None) == warns


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "destination",
        "deliveryWithResourceIdentity",
        "filter",
        "labels",
        "retryPolicy",
        "expirationTimeUtc",
        "eventDeliverySchema",
        "deadLetterDestination",
        "deadLetterWithResourceIdentity",
    ]
)


# A busy machine generates slowly; that says nothing of the rules.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(MEMBERS, JSON))
def test_any_json_is_read_or_refused(properties: dict[str, Any]) -> None:
    """No body of a client is an error of ours."""
    with contextlib.suppress(RequestError):
        msgspec.json.encode(read_definition(body(**properties), RULES))


DESTINATION_MEMBERS = st.sampled_from(
    [
        "maxEventsPerBatch",
        "preferredBatchSizeInKilobytes",
        "azureActiveDirectoryTenantId",
        "azureActiveDirectoryApplicationIdOrUri",
        "minimumTlsVersionAllowed",
    ]
)
MAPPINGS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text(max_size=5) | JSON,
            "type": st.sampled_from(["Static", "dynamic"]) | JSON,
            "properties": st.dictionaries(
                st.sampled_from(["value", "isSecret", "sourceField"]), JSON, max_size=2
            )
            | JSON,
        }
    )
    | JSON,
    max_size=3,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(DESTINATION_MEMBERS, JSON), MAPPINGS | JSON)
def test_any_webhook_is_read_or_refused(properties: dict[str, Any], mappings: Any) -> None:
    """What is accepted makes headers that are one line each."""
    webhook = {**properties, "endpointUrl": URL, "deliveryAttributeMappings": mappings}
    with contextlib.suppress(RequestError):
        destination = {"endpointType": "WebHook", "properties": webhook}
        definition = read_definition(body(destination=destination), RULES)

        for attribute in definition.destination.attributes:
            assert attribute.name.isascii()
            assert (attribute.name + attribute.value).isprintable()
