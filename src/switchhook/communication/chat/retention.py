"""How is a thread's retention policy written?

`ChatRetentionPolicy` of the Chat OpenAPI (2024-03-07): replies and events carry the same shape.
"""

from typing import Any

from switchhook.communication.chat.bodies import RetentionPolicyBody
from switchhook.communication.chat.model import RetentionPolicy
from switchhook.communication.json_requests import bad_request

# The least and the most days (OpenAPI).
RETENTION_IN_DAYS = (30, 90)
BY_CREATION = "threadCreationDate"
NEVER = "none"


def parse_retention_policy(policy: RetentionPolicyBody | None) -> RetentionPolicy | None:
    """The policy that a request asks for; None where it names none.

    Raises:
        RequestError: 400.
    """
    if policy is None:
        return None
    if policy.kind not in (BY_CREATION, NEVER):
        raise bad_request(f"'retentionPolicy.kind' must be one of {BY_CREATION}, {NEVER}.")
    if policy.kind == NEVER:
        return RetentionPolicy()
    lowest, highest = RETENTION_IN_DAYS
    days = policy.delete_thread_after_days
    if days is None or not lowest <= days <= highest:
        raise bad_request(f"'retentionPolicy.deleteThreadAfterDays' must be {lowest} to {highest}.")
    return RetentionPolicy(delete_thread_after_days=days)


def render_retention_policy(policy: RetentionPolicy | None) -> dict[str, Any] | None:
    """The policy as replies and events carry it; None where none was ever set."""
    if policy is None:
        return None
    days = policy.delete_thread_after_days
    if days is None:
        return {"kind": NEVER}
    return {"kind": BY_CREATION, "deleteThreadAfterDays": days}
