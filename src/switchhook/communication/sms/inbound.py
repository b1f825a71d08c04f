"""What happens when a phone sends a message to one of the resource's numbers?"""

import msgspec

from switchhook.communication.due_work import due_key
from switchhook.communication.json_requests import bad_request, decode
from switchhook.communication.records import key, put
from switchhook.communication.resources import CommunicationResource, NumberKind, OwnedNumber
from switchhook.communication.sms import events
from switchhook.communication.sms.keywords import KeywordAnswers, react
from switchhook.communication.sms.opt_outs import opt_out_change
from switchhook.communication.sms.requests import can_send, find_number
from switchhook.communication.sms.segments import count_segments
from switchhook.communication.sms.store import (
    DUE,
    MESSAGES,
    RETENTION,
    Direction,
    ExpiryDue,
    SmsMessage,
)
from switchhook.grid.ports import Batch, Change
from switchhook.grid.publish import batch_of
from switchhook.guids import NewGuid

# A concatenated message counts its segments in one byte (3GPP TS 23.040, 9.2.3.24.1).
MAX_SEGMENTS = 255


class ReceiveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `receiveSms`: a message as a phone sends it."""

    from_: str = msgspec.field(name="from")
    to: str
    message: str


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """What an inbound message changes: all of it becomes durable together."""

    message_id: str
    changes: tuple[Change, ...]
    batch: Batch
    first_due: int


_decoder = msgspec.json.Decoder(ReceiveRequest)


def parse_receive(body: bytes) -> ReceiveRequest:
    """The request in `body`.

    Raises:
        RequestError: 400.
    """
    return decode(body, _decoder)


def find_recipient(resource: CommunicationResource, to: str) -> OwnedNumber:
    """The resource's own number that a phone wrote to.

    Raises:
        RequestError: 400.
    """
    number = find_number(resource, to)
    if number is None:
        raise bad_request(f"The resource '{resource.name}' does not own the number '{to[:32]}'.")
    if number.kind is NumberKind.ALPHANUMERIC:
        raise bad_request(f"'{to}' is an alphanumeric sender: it cannot receive messages.")
    return number


def plan_inbound(
    resource: CommunicationResource,
    request: ReceiveRequest,
    *,
    answers: KeywordAnswers,
    now: int,
    new_guid: NewGuid,
) -> Inbound:
    """SMSReceived for the whole message, keywords included; then what a keyword sets off.

    Automatic answers are kept as messages, and never have a delivery report.

    Raises:
        RequestError: 400.
    """
    number = find_recipient(resource, request.to)
    if not can_send(request.from_):
        raise bad_request("'from' must be a phone number in the E.164 format or a short code.")
    if not request.message:
        raise bad_request("'message' must not be empty.")
    segments = count_segments(request.message)
    if segments > MAX_SEGMENTS:
        raise bad_request(f"'message' must have 1 to {MAX_SEGMENTS} segments; it has {segments}.")
    received = SmsMessage(
        message_id=events.new_message_id(resource, events.INCOMING, now, new_guid()),
        direction=Direction.INBOUND,
        from_=request.from_,
        to=request.to,
        message=request.message,
        segments=segments,
        accepted_at=now,
    )
    kept = [received]
    changes: list[Change] = []
    reaction = react(number.kind, request.message, answers)
    if reaction.blocks is not None:
        changes.append(
            opt_out_change(resource.topic, request.to, request.from_, now, blocks=reaction.blocks)
        )
    if reaction.answer is not None:
        kept.append(_answer(resource, request, reaction.answer, now, new_guid()))
    keys = tuple(key(resource.topic, message.message_id) for message in kept)
    changes += [put(MESSAGES, *pair) for pair in zip(keys, kept, strict=True)]
    expires_at = now + RETENTION
    changes.append(put(DUE, due_key(expires_at, str(new_guid())), ExpiryDue(messages=keys)))
    event = events.received_event(resource, received, str(new_guid()))
    return Inbound(
        message_id=received.message_id,
        changes=tuple(changes),
        batch=batch_of(resource.topic, [event], now),
        first_due=expires_at,
    )


def _answer(
    resource: CommunicationResource, request: ReceiveRequest, text: str, now: int, guid: object
) -> SmsMessage:
    return SmsMessage(
        message_id=events.new_message_id(resource, events.OUTGOING, now, guid),
        direction=Direction.ANSWER,
        from_=request.to,
        to=request.from_,
        message=text,
        segments=count_segments(text),
        accepted_at=now,
    )
