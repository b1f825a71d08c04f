"""By which bytes are events found?"""

import pytest

from switchhook.grid.ports import hash_of_id, hashes_of_ids


@pytest.mark.parametrize("ids", [[], ["a"], ["a", "größe", ""], ["a", "\ud800"], ["\ud800"]])
def test_hashes_of_many_ids_are_those_of_each(ids: list[str]) -> None:
    """Also where an id is no text that can be encoded."""
    assert hashes_of_ids(ids) == b"".join(map(hash_of_id, ids))
