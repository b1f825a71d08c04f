"""What does one send request change, and what is its reply?

The changes of a plan become durable in one commit, before the reply.
"""

import hashlib

import msgspec
from msgspec import UNSET

from switchhook.communication.carriers.ports import Carrier, Submission
from switchhook.communication.due_work import due_key
from switchhook.communication.records import key, put
from switchhook.communication.resources import CommunicationResource, OwnedNumber
from switchhook.communication.sms import events
from switchhook.communication.sms.opt_outs import OptOuts
from switchhook.communication.sms.reports import blocked_fate, due_reports
from switchhook.communication.sms.requests import (
    INVALID_RECIPIENT,
    SendRequest,
    SendResult,
    SmsRecipient,
    SmsSendOptions,
    is_phone_number,
    keeps_opt_outs,
)
from switchhook.communication.sms.segments import count_segments
from switchhook.communication.sms.store import (
    DUE,
    MESSAGES,
    REPEATABILITY,
    RETENTION,
    Direction,
    ExpiryDue,
    ReportDue,
    SentOnce,
    SmsMessage,
    SmsRecords,
)
from switchhook.grid.ports import Change
from switchhook.guids import NewGuid

ACCEPTED = "accepted"
REJECTED = "rejected"
# The status of a repetition that differs from its original is not documented (assumed).
REPETITION_DIFFERS = 409


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """A valid request to send from one of the resource's numbers."""

    resource: CommunicationResource
    number: OwnedNumber
    request: SendRequest
    options: SmsSendOptions
    now: int


class SendPlan(msgspec.Struct, eq=False):
    """What a send comes to.

    `reports` are due at their instants. `unreported` are the messages that will have one, `silent`
    the keys of all others, each with that of its repeatability record or "".
    """

    results: list[SendResult] = []
    changes: list[Change] = []
    silent: dict[str, str] = {}
    unreported: dict[str, SmsMessage] = {}
    sent_once: dict[str, SentOnce] = {}
    reports: list[tuple[int, ReportDue]] = []
    expires_at: int | None = None


class Planner:
    """Plans sends: reads, but writes nothing."""

    def __init__(
        self, *, records: SmsRecords, opt_outs: OptOuts, carrier: Carrier, new_guid: NewGuid
    ) -> None:
        self._records = records
        self._opt_outs = opt_outs
        self._carrier = carrier
        self._new_guid = new_guid

    async def plan(self, send: Send, *, looks_up_repetitions: bool) -> SendPlan:
        """The plan of a send; its commit conflicts where it overlooked a repetition."""
        plan = SendPlan()
        for recipient in send.request.sms_recipients:
            plan.results.append(await self._result(plan, send, recipient, looks_up_repetitions))
        for once_key, once in plan.sent_once.items():
            plan.changes.append(put(REPEATABILITY, once_key, once, expected=0))
        if plan.silent:
            expiry = ExpiryDue(
                messages=tuple(plan.silent), repeatability=tuple(filter(None, plan.silent.values()))
            )
            plan.expires_at = send.now + RETENTION
            # One of its messages names it: their ids are of this send alone.
            plan.changes.append(put(DUE, due_key(plan.expires_at, expiry.messages[0]), expiry))
        return plan

    async def _result(
        self, plan: SendPlan, send: Send, recipient: SmsRecipient, looks_up_repetitions: bool
    ) -> SendResult:
        if not is_phone_number(recipient.to):
            return _refusal(recipient, 400, INVALID_RECIPIENT)
        if not recipient.repeatability_request_id:
            return SendResult(to=recipient.to, message_id=await self._send(plan, send, recipient))
        once_key = key(send.resource.topic, recipient.repeatability_request_id.lower())
        fingerprint = _fingerprint(send, recipient)
        once = plan.sent_once.get(once_key)
        if once is None and looks_up_repetitions:
            once = await self._records.sent_once(once_key)
        if once is None:
            message_id = await self._send(plan, send, recipient, once_key)
            once = SentOnce(message_id=message_id, fingerprint=fingerprint)
            plan.sent_once[once_key] = once
        elif once.fingerprint != fingerprint:
            message = "The repeatabilityRequestId was used before for a different message."
            return _refusal(recipient, REPETITION_DIFFERS, message)
        return SendResult(
            to=recipient.to, message_id=once.message_id, repeatability_result=ACCEPTED
        )

    async def _send(
        self, plan: SendPlan, send: Send, recipient: SmsRecipient, once_key: str = ""
    ) -> str:
        message = self._message(send, recipient)
        topic = send.resource.topic
        message_key = f"{topic}/{message.message_id}"
        plan.changes.append(put(MESSAGES, message_key, message))
        is_blocked = keeps_opt_outs(send.number) and await self._opt_outs.contain(
            topic, message.from_, message.to
        )
        if is_blocked:
            fate = blocked_fate(message.segments)
        else:
            submission = Submission(from_=message.from_, to=message.to, segments=message.segments)
            fate = self._carrier.submit(submission)
        reports = due_reports(
            topic,
            message,
            fate,
            is_blocked=is_blocked,
            timeout_in_seconds=send.options.delivery_report_timeout_in_seconds,
            repeatability=once_key,
        )
        plan.reports += reports
        if reports:
            plan.unreported[message_key] = message
        else:
            plan.silent[message_key] = once_key
        return message.message_id

    def _message(self, send: Send, recipient: SmsRecipient) -> SmsMessage:
        guid = self._new_guid()
        return SmsMessage(
            message_id=events.new_message_id(send.resource, events.OUTGOING, send.now, guid),
            direction=Direction.OUTBOUND,
            from_=send.number.value,
            to=recipient.to,
            message=send.request.message,
            segments=count_segments(send.request.message),
            accepted_at=send.now,
            enable_delivery_report=send.options.enable_delivery_report,
            tag=send.options.tag,
        )


def _refusal(recipient: SmsRecipient, status: int, message: str) -> SendResult:
    return SendResult(
        to=recipient.to,
        http_status_code=status,
        repeatability_result=REJECTED if recipient.repeatability_request_id else UNSET,
        successful=False,
        error_message=message,
    )


def _fingerprint(send: Send, recipient: SmsRecipient) -> str:
    """What must be the same when a send is repeated under its id."""
    request = send.request
    body = msgspec.json.encode((request.from_, recipient.to, request.message, send.options))
    return hashlib.sha256(body).hexdigest()
