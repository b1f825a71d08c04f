"""What is this machine itself, and what only looks so?"""

import pytest

from switchhook.loopback import is_loopback_address, is_loopback_host


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("::ffff:10.0.0.1", False),
        ("::", False),
        ("fe80::1%lo", False),
        ("localhost", False),
    ],
)
def test_loopback_is_127_and_colon_colon_1(address: str, expected: bool) -> None:
    """Nothing else is this machine alone."""
    assert is_loopback_address(address) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LocalHost.", True),
        ("a.localhost", True),
        ("[::1]", True),
        ("127.0.0.1", True),
        ("[::ffff:127.0.0.1]", True),
        ("localhost.example", False),
        ("notlocalhost", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_host_of_a_url(host: str, expected: bool) -> None:
    """RFC 6761 keeps names below `localhost` on the machine."""
    assert is_loopback_host(host) is expected
