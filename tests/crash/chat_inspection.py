"""Is a thread what the books say, and what became of the actions that got no answer?"""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tests.crash.chat_books import Action, ChatBooks, Outcome, ThreadBook
from tests.crash.chat_client import Reading, WireMessage
from tests.crash.chat_events import Kind

_USER_KINDS = ("text", "html")


def settle(books: ChatBooks, thread: ThreadBook, reading: Reading) -> None:
    """Say of every action without an answer whether it was done, then compare the thread."""
    for action in list(thread.pending):
        message = _message_of(action, reading)
        if action.kind == Kind.SEND and message is not None:
            action.message_id = message.id
        was_done = _was_done(action, reading)
        books.found += was_done
        books.settle(action, Outcome.DONE if was_done else Outcome.NOTHING)
    books.problems += [f"thread {thread.topic!r}: {each}" for each in compare(thread, reading)]


def compare(thread: ThreadBook, reading: Reading) -> Iterable[str]:
    """What differs between a thread and its book, in words."""
    if thread.is_deleted or reading.is_gone:
        if thread.is_deleted != reading.is_gone:
            yield "it is gone" if reading.is_gone else "it was deleted, and is there"
        return
    if reading.topic != thread.topic:
        yield f"its topic is {reading.topic!r}"
    if reading.participants != thread.participants:
        difference = reading.participants.items() ^ thread.participants.items()
        yield f"its participants differ in {sorted(difference)}"
    yield from _compare_messages(thread, reading)
    yield from _compare_numbers(reading.messages)


def _compare_messages(thread: ThreadBook, reading: Reading) -> Iterable[str]:
    found = {each.id: _text(each) for each in reading.messages if each.type in _USER_KINDS}
    for message_id in thread.texts.keys() | found.keys():
        if message_id not in found:
            yield f"message {message_id} is lost: {thread.texts[message_id]!r}"
        elif message_id not in thread.texts:
            yield f"message {message_id} was never answered for: {found[message_id]!r}"
        elif found[message_id] != thread.texts[message_id]:
            yield f"message {message_id} is {found[message_id]!r}, {thread.texts[message_id]!r} was"
    edited = {each.id for each in reading.messages if each.edited_on is not None}
    if edited != thread.edited:
        yield f"edited messages differ: {sorted(edited ^ thread.edited)}"
    if (told := Counter(_told(reading.messages))) != thread.told:
        yield f"system messages differ: {dict(told - thread.told)}, {dict(thread.told - told)}"


def _compare_numbers(messages: list[WireMessage]) -> Iterable[str]:
    sequence = [int(each.sequence_id) for each in messages]
    if sequence != list(range(len(messages), 0, -1)):
        yield f"its sequence has gaps or repetitions: {sequence[:20]}"
    ids = [int(each.id) for each in messages]
    if any(newer <= older for newer, older in pairwise(ids)):
        yield f"its message ids do not rise: {ids[:20]}"


def _told(messages: list[WireMessage]) -> Iterable[tuple[str, str]]:
    for message in messages:
        if message.type in _USER_KINDS or message.content is None:
            continue
        if message.type == "topicUpdated":
            yield message.type, message.content.topic
        for each in message.content.participants:
            yield message.type, each.display_name


def _was_done(action: Action, reading: Reading) -> bool:
    if action.kind == Kind.DELETE_THREAD or reading.is_gone:
        return action.kind == Kind.DELETE_THREAD and reading.is_gone
    message = _message_of(action, reading)
    match action.kind:
        case Kind.SEND | Kind.EDIT:
            return message is not None and _text(message) == action.token
        case Kind.DELETE:
            return message is not None and message.deleted_on is not None
        case Kind.ADD:
            # Added in part counts as added: the comparison then names who is missing.
            return not action.names.keys().isdisjoint(reading.participants)
        case Kind.REMOVE:
            return action.names.keys().isdisjoint(reading.participants)
        case _:
            return reading.topic == action.token


def _message_of(action: Action, reading: Reading) -> WireMessage | None:
    """The message that an action is about; one that was sent is known by what it says."""
    if action.kind == Kind.SEND:
        return next((each for each in reading.messages if _text(each) == action.token), None)
    return next((each for each in reading.messages if each.id == action.message_id), None)


def _text(message: WireMessage) -> str | None:
    return None if message.deleted_on or message.content is None else message.content.message
