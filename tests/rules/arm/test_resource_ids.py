"""ARM paths in all the spellings that clients use."""

import pytest

from switchhook.grid.resources.ids import (
    collapse,
    key_of,
    parse_path,
    parse_scope,
    with_lower_case_provider,
)

TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/T"


@pytest.mark.parametrize(
    ("path", "pattern", "name", "parent"),
    [
        (TOPIC, "microsoft.eventgrid/topics/*", "T", "/subscriptions/s/resourceGroups/g"),
        (TOPIC.replace("topics/T", "/topics//T/"), "microsoft.eventgrid/topics/*", "T", None),
        (f"{TOPIC}/listKeys", "microsoft.eventgrid/topics/*/listkeys", "T", TOPIC),
        (
            f"{TOPIC}/eventSubscriptions/e",
            "microsoft.eventgrid/topics/*/eventsubscriptions/*",
            "e",
            TOPIC,
        ),
        (
            f"{TOPIC}/providers/Microsoft.EventGrid/eventSubscriptions/e",
            "microsoft.eventgrid/eventsubscriptions/*",
            "e",
            TOPIC,
        ),
        (
            "/subscriptions/s/PROVIDERS/Microsoft.EventGrid/topics",
            "microsoft.eventgrid/topics",
            "",
            "/subscriptions/s",
        ),
    ],
)
def test_path_is_split_at_its_last_provider(
    path: str, pattern: str, name: str, parent: str | None
) -> None:
    """Case, doubled and trailing slashes do not matter; extension resources keep their scope."""
    parsed = parse_path(path)

    assert parsed is not None
    assert (parsed.pattern, parsed.name) == (pattern, name)
    assert parent is None or parsed.parent() == parent
    assert parsed.text().lower() == collapse(path).lower()


@pytest.mark.parametrize("path", ["/", "/subscriptions", "/subscriptions/s/resourceGroups/g"])
def test_path_without_provider_is_none(path: str) -> None:
    """Groups and subscriptions are not resources of a provider."""
    assert parse_path(path) is None


def test_spellings_share_a_key() -> None:
    """Ids are compared without regard to case and doubled slashes."""
    assert key_of(TOPIC) == key_of(TOPIC.upper().replace("/TOPICS", "//TOPICS/"))


def test_scope_names_subscription_and_group() -> None:
    """What a short id lacks is empty."""
    assert (parse_scope(TOPIC).subscription, parse_scope(TOPIC).group) == ("s", "g")
    assert parse_scope("/subscriptions/s").group == ""
    assert parse_scope("/subscriptions").subscription == ""
    assert parse_scope("/providers/x").subscription == ""


def test_foreign_source_is_shown_in_lower_case() -> None:
    """Only the provider's part changes."""
    group = "/subscriptions/S/resourceGroups/G"
    acs = f"{group}/providers/Microsoft.Communication/CommunicationServices/N"

    shown = with_lower_case_provider(acs)

    assert shown == f"{group}/providers/microsoft.communication/communicationservices/N"
