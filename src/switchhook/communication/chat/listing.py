"""Which page of a thread's messages, or of a user's threads, comes next?

A page costs as much as it shows, however long the list is. What comes new between two pages is in
front of both: nothing is skipped or shown twice.
"""

import re

from switchhook.clock import MILLISECOND
from switchhook.communication.chat.history import milliseconds
from switchhook.communication.chat.messages import is_visible
from switchhook.communication.chat.model import Message, Participant
from switchhook.communication.chat.requests import PageRequest
from switchhook.communication.chat.state import ThreadItem
from switchhook.communication.chat.store import ChatRecords, member_prefix, thread_of_member
from switchhook.communication.chat.threads import TELLS_OF_DELETED
from switchhook.communication.json_requests import bad_request
from switchhook.errors import RequestError

# How many threads or messages one request looks at, at most, while it searches for those that its
# `startTime` lets through: its page is shorter then.
LOOKED_AT = 1000
_CHUNK = 100


async def message_page(
    records: ChatRecords, topic: str, thread_id: str, participant: Participant, page: PageRequest
) -> tuple[list[Message], str]:
    """Messages that a participant sees, newest first, and the next page's token ("": none).

    The token is the id of the last message that was looked at.
    """
    oldest = max(page.start_time, participant.share_history_time)
    before = _message_id(page.token)
    found: list[Message] = []
    looked_at = 0
    while len(found) <= page.size and looked_at < LOOKED_AT:
        wanted = page.size + 1 - len(found)
        # Ids are never less than their messages' milliseconds; where the clock was set back, they
        # are more.
        read = await records.messages(
            topic, thread_id, first=milliseconds(oldest), before=before, limit=wanted
        )
        found += [
            each
            for each in read
            if each.created_at >= page.start_time and is_visible(participant, each)
        ]
        looked_at += len(read)
        if len(read) < wanted:
            return found, ""
        before = read[-1].id
    if len(found) > page.size:
        before = found[page.size - 1].id
    return found[: page.size], str(before)


async def thread_page(
    records: ChatRecords, topic: str, raw_id: str, page: PageRequest
) -> tuple[list[ThreadItem], str]:
    """A user's threads, those created last first, and the next page's token ("": none).

    Threads without activity since `start_time` are left out: neither created nor written to since
    (assumed). The token names the last thread that was looked at.
    """
    prefix = member_prefix(topic, raw_id)
    before = prefix + _membership(page.token) if page.token else ""
    found: list[ThreadItem] = []
    for _ in range(0, LOOKED_AT, _CHUNK):
        limit = min(_CHUNK, page.size - len(found) + 1)
        members = await records.memberships(topic, raw_id, before=before, limit=limit)
        for member in members:
            if len(found) == page.size:
                return found, _token(before.removeprefix(prefix))
            before = member.key
            stored = await records.thread(topic, thread_of_member(member))
            if stored is not None:
                item = ThreadItem(
                    thread=stored.state.thread, last_message_at=stored.state.head.last_message_at
                )
                if _is_told(item) and _last_activity(item) >= page.start_time:
                    found.append(item)
        if len(members) < limit:
            return found, ""
    return found, _token(before.removeprefix(prefix))


def _is_told(item: ThreadItem) -> bool:
    return TELLS_OF_DELETED or item.thread.deleted_at is None


def _last_activity(item: ThreadItem) -> int:
    return max(item.thread.version * MILLISECOND, item.last_message_at or 0)


# `{created at, ms:016}/{thread id}` is what tells a user's records of threads apart. In a token the
# id is without what all ids have in common, and `~` stands for the slash: no character of it needs
# to be escaped in a URL.
_PREFIX, _SUFFIX = "19:", "@thread.v2"
_THREAD_TOKEN = re.compile(r"(\d{1,16})~([\w-]+)", re.ASCII)
_MESSAGE_TOKEN = re.compile(r"\d{1,16}", re.ASCII)


def _token(membership: str) -> str:
    created_at, _, thread_id = membership.partition("/")
    return f"{int(created_at)}~{thread_id.removeprefix(_PREFIX).removesuffix(_SUFFIX)}"


def _membership(token: str) -> str:
    match = _THREAD_TOKEN.fullmatch(token)
    if match is None:
        raise _foreign_token()
    return f"{int(match[1]):016}/{_PREFIX}{match[2]}{_SUFFIX}"


def _message_id(token: str) -> int | None:
    if not token:
        return None
    if _MESSAGE_TOKEN.fullmatch(token) is None:
        raise _foreign_token()
    return int(token)


def _foreign_token() -> RequestError:
    return bad_request("The continuation token is not one of this list.")
