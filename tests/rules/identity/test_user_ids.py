"""How is a user named?"""

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest

from switchhook.clock import from_datetime
from switchhook.communication.identity.user_ids import (
    entra_user_id,
    is_foreign,
    is_own,
    new_user_id,
    teams_extension_user_id,
    teams_user_id,
)
from tests.flow.sms.world import a_resource

RESOURCE = a_resource()
TENANT = "5A1F0000-0000-4000-8000-0000000000E1"
OBJECT = "5a1f0000-0000-4000-8000-0000000000e2"
AT = datetime(2026, 3, 1, tzinfo=UTC)


def new_id(at: datetime) -> str:
    """The id of a user who is created then."""
    return new_user_id(RESOURCE, from_datetime(at), lambda count: bytes(range(count)))


def test_id_looks_as_on_the_service() -> None:
    """The resource, a counter, and what chance gives."""
    raw_id = new_id(AT)

    assert raw_id == f"8:acs:{RESOURCE.immutable_id}_000008cb-0001-0203-0405-060708090a0b"
    assert is_own(raw_id, RESOURCE)


def test_first_group_rises_and_never_breaks() -> None:
    """With time; before 2020 and in a far future it still has eight digits."""
    far = datetime(9999, 1, 1, tzinfo=UTC)
    instants = [datetime(1990, 1, 1, tzinfo=UTC), AT, AT + timedelta(days=1), far]
    ids = [new_id(each) for each in instants]
    groups = [raw_id.partition("_")[2].partition("-")[0] for raw_id in ids]

    assert all(re.fullmatch("[0-9a-f]{8}", group) for group in groups)
    assert all(one < two for one, two in itertools.pairwise(groups))


def test_entra_users_have_the_same_id_each_time() -> None:
    """In lower case, however tokens and paths write it; three parts make a Teams extension user."""
    own = f"8:acs:{RESOURCE.immutable_id}"

    assert entra_user_id(RESOURCE, TENANT, OBJECT) == f"{own}_wf_{TENANT.lower()}_{OBJECT}"
    assert teams_extension_user_id(RESOURCE, TENANT, OBJECT) == f"{own}_{TENANT.lower()}_{OBJECT}"
    assert teams_user_id(TENANT) == f"8:orgid:{TENANT.lower()}"


@pytest.mark.parametrize(
    ("raw_id", "is_theirs"),
    [
        (f"8:orgid:{OBJECT}", True),
        (f"8:dod:{OBJECT}", True),
        (f"8:gcch:{OBJECT}", True),
        ("8:teamsvisitor:abc", True),
        (f"28:orgid:{OBJECT}", True),
        (f"28:{OBJECT}", True),
        ("8:orgid:", False),
        ("8:orgid:" + "a" * 600, False),
        ("4:+14255550123", False),
        ("8:acs:somebody", False),
        ("", False),
    ],
)
def test_foreign_users_are_known_by_their_prefix(raw_id: str, *, is_theirs: bool) -> None:
    """Teams users and bots; phone numbers and users of other resources are none."""
    assert is_foreign(raw_id) is is_theirs
    assert not is_own(raw_id, RESOURCE)


def test_id_of_another_resource_is_not_own() -> None:
    """Nor one that is too long to look up."""
    other = a_resource(immutable_id="5a1f0000-0000-4000-8000-0000000000f1")

    assert not is_own(new_user_id(other, 0, bytes), RESOURCE)
    assert not is_own(f"8:acs:{RESOURCE.immutable_id}_" + "a" * 512, RESOURCE)
