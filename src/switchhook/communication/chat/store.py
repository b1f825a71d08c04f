"""What does chat keep, and under which keys?

| collection | key | value |
| --- | --- | --- |
| `chat-threads` | `{topic}/{thread id}` | `Thread`, with its participants |
| `chat-heads` | `{topic}/{thread id}` | `Head`; every write to a thread rewrites it |
| `chat-messages` | `{topic}/{thread id}/{message id:016}` | `Message` |
| `chat-receipts` | `{topic}/{thread id}/{raw id}` | `ReadReceipt` |
| `chat-members` | `{topic}/{raw id}/{created at:016}/{thread id}` | `{}`: the user is in it |
| `chat-repeatability` | `{topic}/{raw id}/{hash of the repeatability id}` | `CreatedOnce` |
| `chat-due` | `{due at:020}/{what}` | `Due`: what has to happen at that instant |

`topic` is the incarnation of the resource's system topic. The revision of a head counts the writes
to its thread: each of them expects the one before.
"""

import hashlib
from collections.abc import AsyncIterator

import msgspec

from switchhook.clock import DAY
from switchhook.communication.chat.history import milliseconds
from switchhook.communication.chat.model import Head, Message, ReadReceipt, Thread
from switchhook.communication.chat.state import ThreadState
from switchhook.communication.records import end_of, key, read, under
from switchhook.grid.ports import Delete, Record, Records

THREADS = "chat-threads"
HEADS = "chat-heads"
MESSAGES = "chat-messages"
RECEIPTS = "chat-receipts"
MEMBERS = "chat-members"
REPEATABILITY = "chat-repeatability"
DUE = "chat-due"

# What goes when a resource is deleted, beside what is due for it.
KEPT = (HEADS, THREADS, MEMBERS, MESSAGES, RECEIPTS, REPEATABILITY)

# How long a repeatability id is remembered (assumed).
REPEATABILITY_RETENTION = 7 * DAY
# How long a deleted thread is told of by its `deletedOn` (assumed).
TOMBSTONE_RETENTION = 30 * DAY


class CreatedOnce(msgspec.Struct, frozen=True, kw_only=True):
    """The thread that was created under a repeatability id, and who could not take part."""

    thread_id: str
    rejected: tuple[str, ...] = ()


class RetentionDue(msgspec.Struct, frozen=True, kw_only=True, tag="retention"):
    """The thread's retention policy, as it was once set, deletes it."""

    topic: str
    thread_id: str


class PurgeDue(msgspec.Struct, frozen=True, kw_only=True, tag="purge"):
    """The content of a deleted thread goes."""

    topic: str
    thread_id: str


class TombstoneDue(msgspec.Struct, frozen=True, kw_only=True, tag="tombstone"):
    """A deleted thread is forgotten."""

    topic: str
    thread_id: str


class UserGone(msgspec.Struct, frozen=True, kw_only=True, tag="user-gone"):
    """A deleted user leaves all threads; after the last look no request can add it any more.

    `position` is the log's end at the deletion, None where this record was written with it. Users
    of Entra come back under their id: what they joined since then they do not leave.
    """

    topic: str
    raw_id: str
    is_last_look: bool = False
    position: int | None = None


class RepeatabilityDue(msgspec.Struct, frozen=True, kw_only=True, tag="repeatability"):
    """A repeatability id has been remembered long enough; `key` is that of its record."""

    key: str


Due = RetentionDue | PurgeDue | TombstoneDue | UserGone | RepeatabilityDue


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A thread as the store has it, and how often it was written."""

    state: ThreadState
    revision: int


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message and the revision of its record."""

    message: Message
    revision: int


class StoredReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A read receipt and the revision of its record."""

    receipt: ReadReceipt
    revision: int


_thread = msgspec.json.Decoder(Thread)
_head = msgspec.json.Decoder(Head)
_message = msgspec.json.Decoder(Message)
_receipt = msgspec.json.Decoder(ReadReceipt)
_due: msgspec.json.Decoder[Due] = msgspec.json.Decoder(Due)


def message_key(topic: str, thread_id: str, message_id: int) -> str:
    """The key of a message: those of a thread are in the order of their ids."""
    return f"{topic}/{thread_id}/{message_id:016}"


def member_prefix(topic: str, raw_id: str) -> str:
    """What the keys of a user's parts in threads begin with.

    Whoever is of another directory may have any id: no id must begin like another one's keys.
    """
    return f"{topic}/{raw_id.replace('%', '%25').replace('/', '%2F')}/"


def member_key(topic: str, raw_id: str, thread: Thread) -> str:
    """The key of a user's part in a thread: a user's threads are in the order of their creation."""
    return f"{member_prefix(topic, raw_id)}{milliseconds(thread.created_at):016}/{thread.id}"


def repeatability_key(topic: str, raw_id: str, repeatability_id: str) -> str:
    """The key of a repeatability id, of whatever length; letter case does not count (assumed)."""
    text = repeatability_id.lower().encode("utf-8", "surrogatepass")
    return key(topic, raw_id, hashlib.sha256(text).hexdigest())


def decode_due(record: Record) -> Due:
    """What is due."""
    return _due.decode(record.value)


def thread_of_member(record: Record) -> str:
    """The id of the thread that a record of `chat-members` names."""
    return record.key.rpartition("/")[2]


def _topic_of_due(due: Due) -> str:
    return due.key.partition("/")[0] if isinstance(due, RepeatabilityDue) else due.topic


class ChatRecords:
    """Reads what chat keeps."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def thread(self, topic: str, thread_id: str) -> Stored | None:
        """The thread of that id, deleted ones included.

        The head is read first: whoever writes expects its revision, and so finds out if anything
        was written between the two reads.
        """
        if not thread_id.isascii():
            return None
        thread_key = key(topic, thread_id)
        head = await self._records.get(HEADS, thread_key)
        thread = await self._records.get(THREADS, thread_key)
        if head is None or thread is None:
            return None
        state = ThreadState(thread=_thread.decode(thread.value), head=_head.decode(head.value))
        return Stored(state=state, revision=head.revision)

    async def message(self, topic: str, thread_id: str, message_id: int) -> StoredMessage | None:
        """A message of a thread."""
        record = await self._records.get(MESSAGES, message_key(topic, thread_id, message_id))
        if record is None:
            return None
        return StoredMessage(message=_message.decode(record.value), revision=record.revision)

    async def messages(
        self, topic: str, thread_id: str, *, first: int, before: int | None, limit: int
    ) -> list[Message]:
        """Messages with ids from `first` to under `before`, newest first."""
        end = message_key(topic, thread_id, before) if before else end_of(key(topic, thread_id))
        records = await self._records.scan(
            MESSAGES,
            start=message_key(topic, thread_id, first),
            end=end,
            limit=limit,
            reverse=True,
        )
        return [_message.decode(record.value) for record in records]

    async def receipt(self, topic: str, thread_id: str, raw_id: str) -> StoredReceipt | None:
        """The read receipt of a participant."""
        record = await self._records.get(RECEIPTS, key(topic, thread_id, raw_id))
        if record is None:
            return None
        return StoredReceipt(receipt=_receipt.decode(record.value), revision=record.revision)

    async def receipts(self, topic: str, thread_id: str) -> list[ReadReceipt]:
        """The read receipts of a thread: at most one for each participant."""
        found = await under(self._records, RECEIPTS, key(topic, thread_id))
        return [_receipt.decode(each.value) for each in found]

    async def memberships(
        self, topic: str, raw_id: str, *, before: str = "", limit: int
    ) -> list[Record]:
        """Records of a user's threads, newest first, with keys under `before`."""
        start = member_prefix(topic, raw_id)
        end = before or end_of(start[:-1])
        return await self._records.scan(MEMBERS, start=start, end=end, limit=limit, reverse=True)

    async def created_once(self, repeatability_key: str) -> CreatedOnce | None:
        """What was created under that repeatability key."""
        return await read(self._records, REPEATABILITY, repeatability_key, CreatedOnce)

    async def content(self, topic: str, thread_id: str, limit: int) -> list[Delete]:
        """Deletions of at most `limit` messages and receipts of a thread."""
        found = await under(self._records, MESSAGES, key(topic, thread_id), limit)
        found += await under(self._records, RECEIPTS, key(topic, thread_id), limit - len(found))
        return [Delete(record.collection, record.key) for record in found]

    async def due_of(self, topic: str, limit: int) -> AsyncIterator[list[Delete]]:
        """Deletions of what is due for a resource; at most `limit` records are read at a time."""
        start = ""
        while records := await self._records.scan(DUE, start=start, limit=limit):
            yield [
                Delete(DUE, each.key)
                for each in records
                if _topic_of_due(decode_due(each)) == topic
            ]
            start = f"{records[-1].key}\0"
