"""Which topic does a key open, and how is one refused?"""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.errors import RequestError
from switchhook.grid.access_keys import TopicDirectory, check, opens
from switchhook.grid.endpoint_names import EndpointName
from switchhook.grid.topics import Topic, TopicKind
from tests.builders import a_topic

HOST = "localhost:8443"
UNAUTHORIZED = "The request authorization key is not authorized for LOCALHOST:8443."
NOT_BASE64 = (
    " This is due to the reason: The input is not a valid Base-64 string as it contains a non-base "
    "64 character, more than two padding characters, or an illegal character among the padding "
    "characters."
)


def _key(letter: str) -> str:
    return base64.b64encode(letter.encode() * 32).decode()


def _refusal(key: str, topic: Topic | None) -> RequestError:
    with pytest.raises(RequestError) as raised:
        check(key, topic, HOST)
    return raised.value


@pytest.mark.parametrize("letter", ["a", "b"])
def test_each_of_the_two_keys_opens_its_topic(letter: str) -> None:
    """Both are valid at any time."""
    topic = a_topic()

    assert opens(_key(letter), topic)
    assert check(_key(letter), topic, HOST) is topic


def test_empty_key_is_a_bad_request() -> None:
    """It is not even a wrong one."""
    refusal = _refusal("", a_topic())

    assert (refusal.status, refusal.code, refusal.details_code) == (
        400,
        "BadRequest",
        "InvalidSas",
    )
    assert refusal.message == "Request must have a value for aeg-sas-key."


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (_key("c"), ""),
        (_key("a").lower(), ""),
        (_key("a")[:-4], ""),
        ("not base64!", NOT_BASE64),
        ("abc", NOT_BASE64),
        ("a===", NOT_BASE64),
        (_key("a") + " ", NOT_BASE64),
        ("schlüssel", NOT_BASE64),
    ],
)
def test_wrong_key_is_unauthorized(key: str, reason: str) -> None:
    """The host stands in upper case; a key that is not base64 is told so."""
    refusal = _refusal(key, a_topic())

    assert (refusal.status, refusal.code, refusal.details_code) == (401, *["Unauthorized"] * 2)
    assert refusal.message == UNAUTHORIZED + reason


def test_key_that_opens_no_topic_is_worded_as_a_wrong_one() -> None:
    """Whether a topic was found by the key is not told apart."""
    assert _refusal(_key("a"), None).message == UNAUTHORIZED


def test_topic_without_keys_is_opened_by_none() -> None:
    """A system topic has none."""
    assert not opens(_key("a"), a_topic(keys=None))


@given(st.text())
def test_any_text_is_a_key_or_a_refusal(key: str) -> None:
    """Nothing but `RequestError` comes out, whatever the client sends."""
    assert _refusal(key, a_topic()).status in (400, 401)


# --- the directory -----------------------------------------------------------------------------


def _directory(*topics: Topic) -> TopicDirectory:
    directory = TopicDirectory()
    for topic in topics:
        directory.put(topic)
    return directory


def _other(**members: str) -> Topic:
    return a_topic(incarnation="t2", name="invoices", keys=(_key("c"), _key("d")), **members)


def test_topics_are_found_by_name_in_any_case() -> None:
    """Names are unique whatever their case."""
    orders = a_topic()

    assert _directory(orders).by_name("ORDERS") == orders
    assert _directory(orders).by_name("order") is None


def test_topics_are_found_by_either_key() -> None:
    """Each key leads to its own topic only."""
    orders, invoices = a_topic(), _other()
    directory = _directory(orders, invoices)

    assert [directory.by_key(_key(letter)) for letter in "abcde"] == [
        orders,
        orders,
        invoices,
        invoices,
        None,
    ]


def test_key_of_two_topics_names_neither() -> None:
    """Until one of them is gone."""
    orders = a_topic()
    twin = a_topic(incarnation="t2", name="invoices")
    directory = _directory(orders, twin)

    ambiguous = directory.by_key(_key("a"))
    directory.remove("t2")

    assert ambiguous is None
    assert directory.by_key(_key("a")) == orders


def test_topic_whose_two_keys_are_the_same_can_come_and_go() -> None:
    """The one key names it once."""
    twin_keys = a_topic(keys=(_key("a"), _key("a")))
    directory = _directory(twin_keys)

    found = directory.by_key(_key("a"))
    directory.remove("t1")

    assert found == twin_keys
    assert directory.by_key(_key("a")) is None


def test_regenerated_key_no_longer_opens() -> None:
    """`put` replaces the topic with its keys."""
    directory = _directory(a_topic())

    directory.put(a_topic(keys=(_key("e"), _key("b"))))

    assert directory.by_key(_key("a")) is None
    assert directory.by_key(_key("b")) == directory.by_key(_key("e")) is not None


def test_removed_topic_is_found_no_more() -> None:
    """To remove what is not there is no mistake."""
    directory = _directory(a_topic())

    directory.remove("t1")
    directory.remove("t1")

    assert directory.by_name("orders") is None
    assert directory.by_key(_key("a")) is None


def test_name_taken_over_by_another_incarnation_stays_with_it() -> None:
    """The late removal of the old one leaves the new one alone."""
    directory = _directory(a_topic())
    again = a_topic(incarnation="t2", keys=(_key("c"), _key("d")))
    directory.put(again)

    directory.remove("t1")

    assert directory.by_name("orders") == again


def test_domain_and_topic_of_one_name_are_told_apart() -> None:
    """By the kind that an address says; a host that says none means the topic first."""
    orders, domain = a_topic(), _domain()
    directory = _directory(orders, domain)
    either = EndpointName("Orders", None)

    assert directory.at(EndpointName("orders", TopicKind.DOMAIN)) == domain
    assert directory.at(EndpointName("orders", TopicKind.CUSTOM)) == orders
    assert directory.at(either) == orders
    directory.remove(orders.incarnation)
    assert directory.at(either) == domain
    assert directory.at(EndpointName("orders", TopicKind.CUSTOM)) is None
    assert directory.by_key(_key("c")) == domain


def _domain() -> Topic:
    return a_topic(incarnation="t2", kind=TopicKind.DOMAIN, keys=(_key("c"), _key("d")))


def test_system_topic_cannot_be_published_to() -> None:
    """It has no endpoint: neither name nor key leads to it."""
    directory = _directory(a_topic(kind=TopicKind.SYSTEM, keys=None))

    assert directory.by_name("orders") is None
    assert directory.by_key(_key("a")) is None
