"""What does SMS keep, and under which keys?

| collection | key | value |
| --- | --- | --- |
| `sms-messages` | `{topic}/{message id}` | `SmsMessage`, with its report once that is known |
| `sms-due` | `{due at:020}/{id}` | `ReportDue` or `ExpiryDue`: what has to happen at that instant |
| `sms-opt-outs` | `{topic}/{sender}/{recipient}` | `OptOut` |
| `sms-repeatability` | `{topic}/{repeatability request id}` | `SentOnce` |

`topic` is the incarnation of the resource's system topic: a resource deleted and created again
under its name inherits nothing. Opt-outs are kept by sender, recipient and country; a recipient's
number of E.164 begins with its country. Instants are nanoseconds since the epoch.
"""

from enum import StrEnum
from typing import TypeVar

import msgspec

from switchhook.clock import DAY
from switchhook.grid.ports import Delete, Put, Record, Records

MESSAGES = "sms-messages"
DUE = "sms-due"
OPT_OUTS = "sms-opt-outs"
REPEATABILITY = "sms-repeatability"

# How long messages, their reports and repeatability ids are remembered (assumed).
RETENTION = 7 * DAY

T = TypeVar("T")


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
    """The carrier reports this result of a message."""

    topic: str
    message_id: str
    code: int
    details: str
    attempts: tuple[DeliveryAttempt, ...]


class ExpiryDue(msgspec.Struct, frozen=True, kw_only=True, tag="expiry"):
    """These records of one request have been kept long enough."""

    messages: tuple[str, ...]
    repeatability: tuple[str, ...] = ()


class OptOut(msgspec.Struct, frozen=True, kw_only=True):
    """The recipient wants no messages from the sender."""

    since: int


class SentOnce(msgspec.Struct, frozen=True, kw_only=True):
    """A repeatability id that was used; `fingerprint` tells whether a repetition is one."""

    message_id: str
    fingerprint: str


_due_decoder: msgspec.json.Decoder[ReportDue | ExpiryDue] = msgspec.json.Decoder(
    ReportDue | ExpiryDue
)
_encoder = msgspec.json.Encoder()


def key(topic: str, *parts: str) -> str:
    """The key of a resource's record."""
    return "/".join((topic, *parts))


def put(collection: str, key: str, value: msgspec.Struct, expected: int | None = None) -> Put:
    """The change that writes a record."""
    return Put(collection, key, _encoder.encode(value), expected)


def decode_due(record: Record) -> ReportDue | ExpiryDue:
    """What is due."""
    return _due_decoder.decode(record.value)


class SmsRecords:
    """Reads what SMS keeps."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def message(self, topic: str, message_id: str) -> SmsMessage | None:
        """The message of that id."""
        return await self._get(MESSAGES, key(topic, message_id), SmsMessage)

    async def is_opted_out(self, topic: str, sender: str, recipient: str) -> bool:
        """Whether the recipient wants no messages from the sender."""
        return await self._records.get(OPT_OUTS, key(topic, sender, recipient)) is not None

    async def sent_once(self, repeatability_key: str) -> SentOnce | None:
        """What was sent under that repeatability key."""
        return await self._get(REPEATABILITY, repeatability_key, SentOnce)

    async def deletions(self, topic: str, limit: int) -> list[Delete]:
        """Deletions of at most `limit` records of a resource that is gone.

        What is due for it disappears by itself when its time comes.
        """
        found: list[Record] = []
        for collection in (OPT_OUTS, REPEATABILITY, MESSAGES):
            left = limit - len(found)
            if left:
                # "0" is the character after "/".
                found += await self._records.scan(
                    collection, start=f"{topic}/", end=f"{topic}0", limit=left
                )
        return [Delete(record.collection, record.key) for record in found]

    async def _get(self, collection: str, key: str, type_: type[T]) -> T | None:
        record = await self._records.get(collection, key)
        return None if record is None else msgspec.json.decode(record.value, type=type_)
