"""How do requests name a user?"""

from typing import Any

import msgspec
import pytest

from switchhook.communication.identifiers import (
    MAX_RAW_ID_LENGTH,
    Identifier,
    is_user_of,
    raw_id_of,
)
from switchhook.errors import RequestError
from tests.flow.sms.world import a_resource

TEAMS = "5a1f0000-0000-4000-8000-0000000000e2"


@pytest.mark.parametrize(
    ("members", "raw_id"),
    [
        ({"rawId": "8:acs:x", "communicationUser": {"id": "8:acs:y"}}, "8:acs:x"),
        ({"rawId": "", "communicationUser": {"id": "8:acs:y"}}, "8:acs:y"),
        ({"phoneNumber": {"value": "+14255550123"}}, "4:+14255550123"),
        ({"microsoftTeamsUser": {"userId": TEAMS}}, f"8:orgid:{TEAMS}"),
        ({"microsoftTeamsUser": {"userId": TEAMS, "cloud": "dod"}}, f"8:dod:{TEAMS}"),
        ({"microsoftTeamsUser": {"userId": TEAMS, "cloud": "gcch"}}, f"8:gcch:{TEAMS}"),
        ({"microsoftTeamsUser": {"userId": "v", "isAnonymous": True}}, "8:teamsvisitor:v"),
        ({"microsoftTeamsApp": {"appId": TEAMS}}, f"28:orgid:{TEAMS}"),
        ({"microsoftTeamsApp": {"appId": TEAMS, "cloud": "gcch"}}, f"28:gcch:{TEAMS}"),
        ({"rawId": "8:" + "x" * (MAX_RAW_ID_LENGTH - 2)}, "8:" + "x" * (MAX_RAW_ID_LENGTH - 2)),
    ],
)
def test_raw_id_counts_and_a_typed_member_is_enough(members: dict[str, Any], raw_id: str) -> None:
    """Every kind, in every cloud, up to the longest."""
    assert raw_id_of(msgspec.convert(members, Identifier)) == raw_id


@pytest.mark.parametrize(
    ("members", "words"),
    [({}, "names nobody"), ({"rawId": "x" * (MAX_RAW_ID_LENGTH + 1)}, "over 512")],
)
def test_nobody_is_a_bad_request(members: dict[str, Any], words: str) -> None:
    """Nor is an id that is too long."""
    with pytest.raises(RequestError, match=words) as refusal:
        raw_id_of(msgspec.convert(members, Identifier))

    assert refusal.value.status == 400


def test_users_of_a_resource_have_its_whole_id() -> None:
    """One that goes on is another's."""
    resource = a_resource()
    prefix = f"8:acs:{resource.immutable_id}"

    assert is_user_of(f"{prefix}_1", resource)
    assert not is_user_of(f"{prefix}0_1", resource)
    assert not is_user_of("8:acs:1_1", resource)
