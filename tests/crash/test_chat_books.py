"""The bookkeeping of chat: it must see a lost, a halved and an invented action."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tests.crash.chat_books import (
    Action,
    ChatBooks,
    Outcome,
    ThreadBook,
    judge_chat,
)
from tests.crash.chat_client import Reading, WireContent, WireMessage, WireParticipant
from tests.crash.chat_client import WireIdentifier as Named
from tests.crash.chat_events import PREFIX, Kind
from tests.crash.chat_inspection import settle

ANNE, BEN, CLEO = "8:acs:anne", "8:acs:ben", "8:acs:cleo"
THREAD = "19:t@thread.v2"


def created() -> tuple[ChatBooks, ThreadBook]:
    """Books in which Anne created a thread with Ben; all of its events arrived."""
    books = ChatBooks()
    creation = Action(
        kind=Kind.CREATE,
        by=ANNE,
        token="topic",
        recipients=frozenset({BEN}),
        names={BEN: "Ben"},
        thread_id="",
    )
    books.begin(creation)
    creation.thread_id = THREAD
    thread = books.create(creation, run=1)
    arrive(books, "ChatThreadCreated", "c1", properties={"topic": "topic"})
    arrive(books, "ChatThreadCreatedWithUser", "c2", to=BEN, properties={"topic": "topic"})
    return books, thread


def arrive(books: ChatBooks, name: str, event_id: str, *, to: str = "", **members: Any) -> None:
    """An event of the thread arrived."""
    recipient = {"recipientCommunicationIdentifier": {"rawId": to}} if to else {}
    data = {"threadId": THREAD} | members | recipient
    books.arrive(event_id, PREFIX + name, json.dumps(data).encode())


def sent(books: ChatBooks, *, is_answered: bool = True) -> Action:
    """Anne sends a message."""
    action = Action(
        kind=Kind.SEND, by=ANNE, token="hello", recipients=frozenset({BEN}), thread_id=THREAD
    )
    books.begin(action)
    if is_answered:
        action.message_id = "3"
        books.settle(action, Outcome.DONE)
    return action


def arrive_message(books: ChatBooks, levels: Iterable[str] = (ANNE, BEN)) -> None:
    """The message's events arrived: that of the thread (Anne's) and Ben's copy."""
    said = {"messageId": "3", "messageBody": "hello"}
    for level in levels:
        if level == ANNE:
            arrive(books, "ChatMessageReceivedInThread", "m1", **said)
        else:
            arrive(books, "ChatMessageReceived", f"m-{level}", to=level, **said)


def system(number: int, kind: str, *, topic: str = "", names: Iterable[str] = ()) -> WireMessage:
    """A message that the service wrote."""
    users = [WireParticipant(Named(name), name) for name in names]
    content = WireContent(topic=topic, participants=users)
    return WireMessage(str(number), kind, str(number), str(number), content)


def text(number: int, said: str | None) -> WireMessage:
    """A message of a user; deleted when it says nothing."""
    message = WireMessage(str(number), "text", str(number), str(number))
    if said is None:
        message.deleted_on = "2026-01-01T00:00:00Z"
    else:
        message.content = WireContent(message=said)
    return message


def reading(*messages: WireMessage, topic: str = "topic", ben: bool = True) -> Reading:
    """The thread as the API shows it, with further messages."""
    history = [system(1, "participantAdded", names=("Ben", "")), system(2, "topicUpdated")]
    assert history[1].content is not None
    history[1].content.topic = "topic"
    participants = {ANNE: ""} | ({BEN: "Ben"} if ben else {})
    return Reading(
        is_gone=False,
        topic=topic,
        participants=participants,
        messages=[*history, *messages][::-1],
    )


def test_state_and_events_that_agree_are_no_problem() -> None:
    books, thread = created()
    sent(books)
    arrive_message(books)

    settle(books, thread, reading(text(3, "hello")))

    assert judge_chat(books) == []
    assert books.missing() == []


@pytest.mark.parametrize(
    ("levels", "lost"),
    [
        ((), "2 events never delivered: [\"send 'hello' to the thread\", \"send 'hello' to 8:acs"),
        ((BEN,), "1 events never delivered: [\"send 'hello' to the thread\"]"),
        ((ANNE,), "1 events never delivered: [\"send 'hello' to 8:acs:ben\"]"),
    ],
)
def test_lost_events_are_seen(levels: tuple[str, ...], lost: str) -> None:
    """All of a message's events, its copy for the thread alone, that for a participant alone."""
    books, thread = created()
    sent(books)
    arrive_message(books, levels)

    settle(books, thread, reading(text(3, "hello")))

    assert [each for each in judge_chat(books) if lost in each]


def test_lost_message_is_seen() -> None:
    """Events without state: the answer and the events say more than the history."""
    books, thread = created()
    sent(books)
    arrive_message(books)

    settle(books, thread, reading())

    assert judge_chat(books) == ["thread 'topic': message 3 is lost: 'hello'"]


def test_message_without_an_answer_is_there_with_its_events_or_not_at_all() -> None:
    books, thread = created()
    action = sent(books, is_answered=False)
    arrive_message(books)

    settle(books, thread, reading(text(3, "hello")))

    assert (action.outcome, action.message_id) == (Outcome.DONE, "3")
    assert judge_chat(books) == []


def test_events_of_a_message_that_is_not_there_are_seen() -> None:
    """It had no answer, so it may be absent; its events must be absent too."""
    books, thread = created()
    action = sent(books, is_answered=False)
    arrive_message(books, (BEN,))

    settle(books, thread, reading())

    assert action.outcome == Outcome.NOTHING
    assert judge_chat(books) == [
        "chat: 1 wrong events: [\"send 'hello': 1 events of what did not happen\"]"
    ]


def test_message_without_an_answer_and_without_events_is_seen() -> None:
    """State without events."""
    books, thread = created()
    sent(books, is_answered=False)

    settle(books, thread, reading(text(3, "hello")))

    assert "chat: 2 events never delivered" in judge_chat(books)[0]


def test_second_set_of_events_and_a_copy_for_a_stranger_are_seen() -> None:
    books, thread = created()
    sent(books)
    arrive_message(books, (ANNE, BEN, CLEO))
    arrive(books, "ChatMessageReceivedInThread", "m9", messageId="3", messageBody="hello")

    settle(books, thread, reading(text(3, "hello")))

    (problem,) = judge_chat(books)
    assert "events for ['8:acs:cleo']" in problem
    assert "two events for one recipient" in problem


def test_events_that_name_another_message_or_that_nobody_asked_for_are_seen() -> None:
    books, thread = created()
    sent(books)
    arrive_message(books)
    arrive(books, "ChatMessageReceivedInThread", "m1", messageId="4", messageBody="hello")
    arrive(books, "ChatMessageReceivedInThread", "m5", messageId="5", messageBody="boo")

    settle(books, thread, reading(text(3, "hello")))

    (problem,) = judge_chat(books)
    assert f"happened in {THREAD}/3" in problem
    assert "send 'boo' was never asked" in problem


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ((text(4, "hello"),), "message 3 is lost"),
        ((text(3, "hello"), text(5, "who?")), "its sequence has gaps or repetitions: [5, 3, 2, 1]"),
        ((text(3, "hello"), text(3, "hello")), "its message ids do not rise"),
        ((text(3, "hello"), text(4, "who?")), "message 4 was never answered for: 'who?'"),
        ((text(3, None),), "message 3 is None, 'hello' was"),
        ((text(3, "hello"), system(4, "topicUpdated", topic="x")), "system messages differ"),
    ],
)
def test_wrong_histories_are_seen(messages: tuple[WireMessage, ...], problem: str) -> None:
    books, thread = created()
    sent(books)

    settle(books, thread, reading(*messages))

    assert [each for each in books.problems if problem in each], books.problems


def test_wrong_topics_participants_and_threads_are_seen() -> None:
    books, thread = created()

    settle(books, thread, reading(topic="other", ben=False))
    settle(books, thread, Reading(is_gone=True))

    assert books.problems == [
        "thread 'topic': its topic is 'other'",
        "thread 'topic': its participants differ in [('8:acs:ben', 'Ben')]",
        "thread 'topic': it is gone",
    ]


def test_removal_without_an_answer_is_known_by_the_participants() -> None:
    """What is half there is seen: the user has left, and the history does not tell of it."""
    books, thread = created()
    action = Action(
        kind=Kind.REMOVE,
        by=ANNE,
        token="",
        recipients=frozenset({BEN}),
        thread_id=THREAD,
        names={BEN: "Ben"},
    )
    books.begin(action)

    settle(books, thread, reading(ben=False))

    assert action.outcome == Outcome.DONE
    assert books.problems == [
        "thread 'topic': system messages differ: {}, {('participantRemoved', 'Ben'): 1}"
    ]


def test_action_that_did_not_happen_may_be_asked_for_again() -> None:
    books, thread = created()
    sent(books, is_answered=False)
    settle(books, thread, reading())
    sent(books)
    arrive_message(books)

    settle(books, thread, reading(text(3, "hello")))

    assert judge_chat(books) == []
