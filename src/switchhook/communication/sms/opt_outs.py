"""Who wants no messages, and how does the opt-out API change that?"""

from collections.abc import Iterable
from enum import StrEnum

from switchhook.communication.json_requests import bad_request
from switchhook.communication.records import key, put, under
from switchhook.communication.resources import CommunicationResource
from switchhook.communication.sms.requests import (
    INVALID_RECIPIENT,
    OptOutRequest,
    OptOutResult,
    find_sender,
    is_phone_number,
    keeps_opt_outs,
)
from switchhook.communication.sms.store import OPT_OUTS, OptOut
from switchhook.grid.ports import Change, Delete, Put, Records


class OptOutAction(StrEnum):
    """The verbs of `/sms/optouts`."""

    ADD = "add"
    REMOVE = "remove"
    CHECK = "check"


def opt_out_change(topic: str, sender: str, recipient: str, now: int, *, blocks: bool) -> Change:
    """The change that puts a recipient on the sender's list, or takes it off."""
    record_key = key(topic, sender, recipient)
    if blocks:
        return put(OPT_OUTS, record_key, OptOut(since=now))
    return Delete(OPT_OUTS, record_key)


class OptOuts:
    """Reads the lists of senders; most have none, which is known once it has been looked up."""

    def __init__(self, records: Records) -> None:
        self._records = records
        # Whether somebody may be on the list of a sender, by what the keys of its list begin with.
        self._may_have: dict[str, bool] = {}

    def note(self, changes: Iterable[Change]) -> None:
        """These changes are about to be made: their senders may have lists from now on."""
        for change in changes:
            if isinstance(change, Put | Delete) and change.collection == OPT_OUTS:
                self._may_have[change.key.rpartition("/")[0]] = True

    async def contain(self, topic: str, sender: str, recipient: str) -> bool:
        """Whether the recipient wants no messages from the sender."""
        listed = key(topic, sender)
        may_have = self._may_have.get(listed)
        if may_have is None:
            found = bool(await under(self._records, OPT_OUTS, listed, 1))
            may_have = self._may_have.setdefault(listed, found)
        return may_have and await self._records.get(OPT_OUTS, key(listed, recipient)) is not None


async def plan_opt_outs(
    resource: CommunicationResource,
    action: OptOutAction,
    request: OptOutRequest,
    *,
    opt_outs: OptOuts,
    now: int,
) -> tuple[list[OptOutResult], list[Change]]:
    """The reply to an opt-out request, and what must be durable before it is given.

    Raises:
        RequestError: 401 for a sender that the resource does not own, 400 for one without a list.
    """
    sender = find_sender(resource, request.from_)
    if not keeps_opt_outs(sender):
        raise bad_request("An alphanumeric sender has no opt-out list: nobody can reply to it.")
    results: list[OptOutResult] = []
    changes: list[Change] = []
    for recipient in request.recipients:
        to = recipient.to
        if not is_phone_number(to):
            result = OptOutResult(to=to, http_status_code=400, error_message=INVALID_RECIPIENT)
        elif action is OptOutAction.CHECK:
            is_opted_out = await opt_outs.contain(resource.topic, sender.value, to)
            result = OptOutResult(to=to, is_opted_out=is_opted_out)
        else:
            result = OptOutResult(to=to)
            blocks = action is OptOutAction.ADD
            change = opt_out_change(resource.topic, sender.value, to, now, blocks=blocks)
            changes.append(change)
        results.append(result)
    return results, changes
