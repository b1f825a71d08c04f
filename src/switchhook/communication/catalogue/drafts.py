"""Types of the two unpublished drafts of 2020; their successors have other names.

The first draft left the data of the delivery report, the incoming call and the ended call open;
their members here are made in the style of its other two types.
"""

from switchhook.communication.catalogue.model import (
    EventType,
    Family,
    Field,
    Moment,
    Required,
    TimeForm,
    text,
    time,
)

_FIRST = "Microsoft.CommunicationServices."
_SECOND = "Microsoft.Communication."
_ALWAYS = Required.ALWAYS
_GUID = "5a1f0000-0000-4000-8000-0000000000"
_USER = _GUID + "d1"

_MADE_UP = "Its data was never written down."
_RECEIVED = text("receivedTimeStamp", _ALWAYS, Moment(2000))
_PARTIES = (text("from", _ALWAYS, _GUID + "d2"), text("to", _ALWAYS, _USER))


def _seconds(name: str) -> Field:
    return time(name, _ALWAYS, 1000, TimeForm.SECONDS)


FIRST_DRAFT = (
    EventType(
        name=_FIRST + "SMSReceived",
        family=Family.SMS,
        when="A text message comes in (draft of 2020-03).",
        subject="/phone_number/{dashedRecipient}",
        fields=(
            text("messageId", _ALWAYS, _GUID + "e1"),
            text("sender", _ALWAYS, "555-555-0123"),
            text("recepient", _ALWAYS, "555-555-0100", note="spelled so"),
            text("content", _ALWAYS, "Is table 7 free at noon?"),
            _RECEIVED,
        ),
    ),
    EventType(
        name=_FIRST + "SMSDeliveryReport",
        family=Family.SMS,
        when="The fate of a sent message is known (draft of 2020-03).",
        subject="/phone_number/{dashedSender}",
        note=_MADE_UP,
        fields=(
            text("messageId", _ALWAYS, _GUID + "e2"),
            text("sender", _ALWAYS, "555-555-0100"),
            text("recepient", _ALWAYS, "555-555-0123", note="spelled so"),
            text("deliveryStatus", _ALWAYS, "Success"),
            text("deliveryStatusDetails", _ALWAYS, "Message sent successfully"),
            _RECEIVED,
        ),
    ),
    EventType(
        name=_FIRST + "ChatReceived",
        family=Family.CHAT,
        when="A chat message arrives for a user (draft of 2020-03).",
        subject="/user/{userId}",
        subject_examples={"userId": _USER},
        fields=(
            text("id", _ALWAYS, _GUID + "e3"),
            text("messageType", _ALWAYS, "Text"),
            text("clientMessageId", _ALWAYS, _GUID + "e4"),
            text("priority", _ALWAYS, "Normal"),
            text("content", _ALWAYS, "The kitchen closes at ten."),
            text("senderDisplayName", _ALWAYS, "Alice"),
            _seconds("composedAt"),
            _seconds("arrivedAt"),
            text("composedBy", _ALWAYS, _GUID + "d2"),
        ),
    ),
    EventType(
        name=_FIRST + "IncomingCall",
        family=Family.CALLING,
        when="A call rings for a user (draft of 2020-03).",
        subject="/user/{userId}",
        note=_MADE_UP,
        fields=(
            text("id", _ALWAYS, _GUID + "e5"),
            text("callerDisplayName", _ALWAYS, "Alice"),
            *_PARTIES,
            _seconds("arrivedAt"),
        ),
    ),
    EventType(
        name=_FIRST + "CallEnded",
        family=Family.CALLING,
        when="The call of a user is over (draft of 2020-03).",
        subject="/user/{userId}",
        note=_MADE_UP,
        fields=(text("id", _ALWAYS, _GUID + "e5"), *_PARTIES, _seconds("endedAt")),
    ),
)


def _instant_message(verb: str, change: str = "") -> EventType:
    times = (
        (
            text("version", _ALWAYS, "1.0"),
            time("ComposeTime", _ALWAYS, 60_000, note="with a capital"),
            time(change, _ALWAYS, 500),
        )
        if change
        else ()
    )
    return EventType(
        name=f"{_SECOND}InstantMessage{verb}",
        family=Family.CHAT,
        when=f"A chat message is {verb.lower()} (draft of 2020-07).",
        subject="IM Event Test",
        fields=(
            text("messageBody", _ALWAYS, "The kitchen closes at ten."),
            *times,
            text("senderId", _ALWAYS, "alice"),
            text("senderDisplayName", _ALWAYS, "Alice"),
            text("recipientId", _ALWAYS, "bob"),
            text("transactionId", _ALWAYS, "transaction-1"),
            text("groupId", _ALWAYS, "group-1"),
            text("collapseId", _ALWAYS, "collapse-1"),
            text("messageId", _ALWAYS, _GUID + "e6"),
            text("messageType", _ALWAYS, "MIME"),
        ),
    )


SECOND_DRAFT = (
    _instant_message("Received"),
    _instant_message("Edited", "editTime"),
    _instant_message("Deleted", "deleteTime"),
)

TYPES = (*FIRST_DRAFT, *SECOND_DRAFT)
