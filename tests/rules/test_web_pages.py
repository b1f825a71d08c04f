"""Which web pages may use which keys?"""

import pytest

from switchhook import defaults
from switchhook.errors import RequestError
from switchhook.http.web_pages import check_page

PUBLIC, OWN = defaults.COMMUNICATION_KEYS[0], "b3du" * 16


@pytest.mark.parametrize("origin", ["https://shop.example", "http://[", "null", "", "//"])
@pytest.mark.parametrize("keys", [(PUBLIC,), (OWN, PUBLIC), (PUBLIC, OWN)])
def test_page_from_elsewhere_must_not_use_a_public_key(origin: str, keys: tuple[str, ...]) -> None:
    """One of them is enough to let it in: any of them is enough to keep it out."""
    with pytest.raises(RequestError) as refusal:
        check_page(origin, keys)

    assert (refusal.value.status, refusal.value.code) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("origin", "keys"),
    [
        (None, (PUBLIC,)),
        ("http://localhost:3000", (PUBLIC,)),
        ("http://[::1]:5173", (PUBLIC,)),
        ("https://shop.example", (OWN, OWN)),
    ],
)
def test_everybody_else_may(origin: str | None, keys: tuple[str, ...]) -> None:
    """Programs, pages of this machine, and whoever was given a key."""
    check_page(origin, keys)
