"""Which events does a filter select?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.grid.filters import matches, needs_ignored_slash, without_slash
from switchhook.grid.subscriptions import Filter

PHONE = "/phonenumber/15555550100"


@pytest.mark.parametrize(
    ("included", "event_type", "selected"),
    [
        (None, "Shop.OrderPlaced", True),
        (None, "", True),
        (("Shop.OrderPlaced",), "Shop.OrderPlaced", True),
        (("Shop.OrderSent", "Shop.OrderPlaced"), "Shop.OrderPlaced", True),
        (("Shop.OrderPlaced",), "Shop.OrderSent", False),
        (("Shop.OrderPlaced",), "shop.orderplaced", False),
        (("Shop.Order",), "Shop.OrderPlaced", False),
        ((), "Shop.OrderPlaced", False),
    ],
)
def test_event_types_match_exactly(
    included: tuple[str, ...] | None, event_type: str, selected: bool
) -> None:
    """None wants every type; otherwise one of the names, in its own case."""
    assert matches(Filter(included_event_types=included), event_type, "s") is selected


@pytest.mark.parametrize(
    ("begins", "ends", "case_sensitive", "subject", "selected"),
    [
        ("", "", False, "", True),
        ("", "", True, "any/thing", True),
        ("orders/", "", False, "orders/17", True),
        ("orders/", "", False, "ORDERS/17", True),
        ("ORDERS/", "", False, "orders/17", True),
        ("orders/", "", True, "orders/17", True),
        ("orders/", "", True, "Orders/17", False),
        ("orders/", "", False, "my/orders/17", False),
        ("orders/17/items", "", False, "orders/17", False),
        ("", ".jpg", False, "photos/a.JPG", True),
        ("", ".JPG", False, "photos/a.jpg", True),
        ("", ".jpg", True, "photos/a.JPG", False),
        ("", ".jpg", True, "photos/a.jpg", True),
        ("", ".jpg", False, "photos/a.jpg.bak", False),
        ("photos/", ".jpg", False, "photos/a.jpg", True),
        ("photos/", ".jpg", False, "photos/a.png", False),
        ("photos/", ".jpg", False, "videos/a.jpg", False),
        ("abc", "bcd", False, "abcd", True),  # the two may overlap
        ("orders/*", "", False, "orders/17", False),  # there are no wildcards
        ("orders", "", False, "/orders/17", False),  # every slash counts
        ("/orders", "", False, "orders/17", False),
        ("ÄRGER/", "", False, "ärger/1", True),
        ("ÄRGER/", "", True, "ärger/1", False),
        ("ΟΔΟΣ", "", False, "ΟΔΟΣΗΜΟ", True),  # a sigma at the end of a word has its own form
        ("", "ΟΔΟΣ", False, "/οδοσ", True),
    ],
)
def test_subjects_are_compared_at_both_ends(
    begins: str, ends: str, case_sensitive: bool, subject: str, selected: bool
) -> None:
    """Plain prefix and suffix, without regard to case unless asked for."""
    wanted = Filter(
        subject_begins_with=begins,
        subject_ends_with=ends,
        is_subject_case_sensitive=case_sensitive,
    )

    assert matches(wanted, "t", subject) is selected


@pytest.mark.parametrize("case_sensitive", [False, True])
@pytest.mark.parametrize(
    ("begins", "subject", "selected"),
    [
        ("phonenumber/1555", PHONE, True),
        ("/phonenumber/1555", PHONE, True),
        ("/phonenumber/1555", PHONE[1:], True),
        ("phonenumber/1555", PHONE[1:], True),
        ("phonenumber/1555", "/" + PHONE, False),  # one slash, not all of them
        ("phonenumber/1666", PHONE, False),
        ("", PHONE, True),
        ("/", PHONE, True),
        ("/", "", True),
    ],
)
def test_a_leading_slash_can_be_ignored(
    begins: str, subject: str, selected: bool, case_sensitive: bool
) -> None:
    """On Communication topics one leading slash counts on neither side."""
    wanted = Filter(subject_begins_with=begins, is_subject_case_sensitive=case_sensitive)

    assert matches(wanted, "t", subject, ignores_leading_slash=True) is selected


@pytest.mark.parametrize("ends", ["/phonenumber/15555550100", "0100"])
def test_the_ignored_slash_still_counts_at_the_end(ends: str) -> None:
    """Only the beginning is compared without it."""
    wanted = Filter(subject_ends_with=ends)

    assert matches(wanted, "t", PHONE, ignores_leading_slash=True)


def test_all_parts_of_a_filter_must_hold() -> None:
    """Each part alone can refuse."""
    wanted = Filter(included_event_types=("t",), subject_begins_with="a/", subject_ends_with="/z")

    assert matches(wanted, "t", "a/z")
    assert not matches(wanted, "u", "a/z")
    assert not matches(wanted, "t", "b/z")
    assert not matches(wanted, "t", "a/y")


def test_without_slash_takes_one_slash_and_only_on_request() -> None:
    """The rest of the subject is untouched."""
    assert without_slash("//a/", True) == "/a/"
    assert without_slash("//a/", False) == "//a/"
    assert without_slash("a/", True) == "a/"


@pytest.mark.parametrize(
    ("begins", "prefixes", "needed"),
    [
        ("phonenumber/1555", ("/phonenumber/",), True),
        ("PhoneNumber/1555", ("/phonenumber/",), True),
        ("phone", ("/phonenumber/",), True),
        ("/phonenumber/1555", ("/phonenumber/",), False),
        ("", ("/phonenumber/",), False),
        ("thread/", ("/phonenumber/",), False),
        ("thread/", ("thread/", "/phonenumber/"), False),
        ("sender/", ("/phonenumber/", "/Sender/"), True),
        ("phonenumber/", (), False),
    ],
)
def test_filter_that_needs_the_ignored_slash_is_told(
    begins: str, prefixes: tuple[str, ...], needed: bool
) -> None:
    """Such a subscription gets a warning: in Azure it may select nothing."""
    wanted = Filter(subject_begins_with=begins)

    assert needs_ignored_slash(wanted, prefixes) is needed


@given(st.text(), st.text(), st.text(), st.booleans(), st.booleans())
def test_every_subject_is_selected_by_its_own_ends(
    before: str, middle: str, after: str, case_sensitive: bool, ignores_leading_slash: bool
) -> None:
    """Whatever the characters: a text begins and ends with its own beginning and end."""
    wanted = Filter(
        subject_begins_with=before,
        subject_ends_with=after,
        is_subject_case_sensitive=case_sensitive,
    )
    subject = before + middle + after

    assert matches(wanted, "t", subject, ignores_leading_slash=ignores_leading_slash)
