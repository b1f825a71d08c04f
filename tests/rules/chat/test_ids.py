"""What does the id of a chat thread look like?"""

import pytest

from switchhook.communication.chat.ids import new_thread_id


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("GA", "19:" + "_" * 42 + "81@thread.v2"),
        ("docs-2024", "19:" + "_" * 42 + "81@thread.v2"),
        ("preview-2020-07", "19:" + "f" * 32 + "@thread.v2"),
        ("draft-2020-07", "19:" + "f" * 32 + "@thread.v2"),
        ("draft-2020-03", "19:" + "f" * 32 + "@thread.v2"),
    ],
)
def test_id_follows_the_profiles_documents(profile: str, expected: str) -> None:
    """44 characters of a URL today, the last one counting what was cut off; digits once."""
    assert new_thread_id(profile, lambda size: b"\xff" * size) == expected
