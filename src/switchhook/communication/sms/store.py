"""What does SMS keep, and under which keys?

| collection | key | value |
| --- | --- | --- |
| `sms-messages` | `{topic}/{message id}` | `SmsMessage`, with its report once that is known |
| `sms-due` | `{due at:020}/{id}` | `ReportDue`, `ReportsDue` or `ExpiryDue`: what happens then |
| `sms-opt-outs` | `{topic}/{sender}/{recipient}` | `OptOut` |
| `sms-repeatability` | `{topic}/{repeatability request id}` | `SentOnce` |

`topic` is the incarnation of the resource's system topic: a resource deleted and created again
under its name inherits nothing. Opt-outs are kept by sender, recipient and country; a recipient's
number of E.164 begins with its country. Instants are nanoseconds since the epoch.
"""

from enum import StrEnum

import msgspec

from switchhook.clock import DAY
from switchhook.communication.records import key, read
from switchhook.grid.ports import Record, Records

MESSAGES = "sms-messages"
DUE = "sms-due"
OPT_OUTS = "sms-opt-outs"
REPEATABILITY = "sms-repeatability"

# What goes when a resource is deleted; what is due for it disappears by itself when its time comes.
KEPT = (OPT_OUTS, REPEATABILITY, MESSAGES)

# How long messages, their reports and repeatability ids are remembered (assumed).
RETENTION = 7 * DAY


class Direction(StrEnum):
    """Who sent a message."""

    OUTBOUND = "outbound"  # the application
    INBOUND = "inbound"  # a phone
    ANSWER = "answer"  # the service or the carrier, because of a keyword


class DeliveryAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of the carrier."""

    timestamp: int
    segments_succeeded: int
    segments_failed: int


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """The final result; `details` are without the number of the code."""

    code: int
    details: str
    received_at: int
    attempts: tuple[DeliveryAttempt, ...]


class SmsMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message, in or out."""

    message_id: str
    direction: Direction
    from_: str
    to: str
    message: str
    segments: int
    accepted_at: int
    enable_delivery_report: bool = False
    tag: str | None = None
    report: DeliveryReport | None = None


class ReportDue(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """The carrier reports this result of a message.

    The message and its `repeatability` record, if it has one, expire at `expires_at`: the first
    report has that done. 0 where a record of its own says so, as it does for what was sent before
    the first report did.
    """

    topic: str
    message_id: str
    code: int
    details: str
    attempts: tuple[DeliveryAttempt, ...]
    expires_at: int = 0
    repeatability: str = ""


class ReportsDue(msgspec.Struct, frozen=True, kw_only=True, tag="reports"):
    """The carrier reports these results together."""

    reports: tuple[ReportDue, ...]


class ExpiryDue(msgspec.Struct, frozen=True, kw_only=True, tag="expiry"):
    """These records have been kept long enough."""

    messages: tuple[str, ...]
    repeatability: tuple[str, ...] = ()


class OptOut(msgspec.Struct, frozen=True, kw_only=True):
    """The recipient wants no messages from the sender."""

    since: int


class SentOnce(msgspec.Struct, frozen=True, kw_only=True):
    """A repeatability id that was used; `fingerprint` tells whether a repetition is one."""

    message_id: str
    fingerprint: str


Due = ReportDue | ReportsDue | ExpiryDue

_due_decoder: msgspec.json.Decoder[Due] = msgspec.json.Decoder(Due)


def decode_due(record: Record) -> Due:
    """What is due."""
    return _due_decoder.decode(record.value)


class SmsRecords:
    """Reads what SMS keeps."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def message(self, topic: str, message_id: str) -> SmsMessage | None:
        """The message of that id."""
        return await read(self._records, MESSAGES, key(topic, message_id), SmsMessage)

    async def sent_once(self, repeatability_key: str) -> SentOnce | None:
        """What was sent under that repeatability key."""
        return await read(self._records, REPEATABILITY, repeatability_key, SentOnce)
