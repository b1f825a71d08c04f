"""The handler of the chat example keeps what it promises: what is forbidden goes, nothing else."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from examples.stage import CODE, Stage, running_handler
from tests.examples.test_handlers import post

FOLDER = Path(__file__).parent.parent.parent / "examples/chat"
# Nothing listens there.
NOWHERE = "endpoint=https://localhost:1/;accesskey=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

pytestmark = pytest.mark.system

Chat = Callable[..., Any]


@pytest.fixture
def chat(stage: Stage) -> Chat:
    """Runs a command of `switchhook chat`; answers what it prints as JSON."""

    def run(*words: str) -> Any:
        command = [sys.executable, "-m", "switchhook", "chat", *words, "--json"]
        ended = subprocess.run(
            [*command, "--data", str(stage.folder)], check=True, stdout=subprocess.PIPE
        )
        return json.loads(ended.stdout) if ended.stdout else None

    return run


@pytest.fixture
def thread(chat: Chat) -> str:
    """The id of a thread of Alice and Bob."""
    words = ("thread", "create", "--topic", "Dinner", "--as", "alice", "--with", "bob")
    thread_id: str = chat(*words)["chatThread"]["id"]
    return thread_id


@pytest.fixture(scope="module")
def moderator(stage: Stage) -> Iterator[str]:
    """The URL of the handler, which forbids two words."""
    settings = {
        "COMMUNICATION_CONNECTION_STRING": stage.told["communication"]["connection_string"],
        "REQUESTS_CA_BUNDLE": stage.told["ca_bundle"],
        "FORBIDDEN_WORDS": "rutabaga, Steckr\u00fcbe",
    }
    with running_handler(FOLDER, settings, path="/chat") as url:
        yield url


def said(chat: Chat, thread: str) -> list[dict[str, Any]]:
    """What people wrote, oldest first."""
    return [each for each in chat("history", thread, "--as", "alice") if each["type"] == "text"]


def event(thread: str, message: dict[str, Any]) -> dict[str, Any]:
    """The event of a message, with the members that the handler reads."""
    return {
        "id": str(uuid4()),
        "eventType": "Microsoft.Communication.ChatMessageReceivedInThread",
        "data": {
            "messageBody": message["content"]["message"],
            "messageId": message["id"],
            "senderCommunicationIdentifier": message["senderCommunicationIdentifier"],
            "threadId": thread,
        },
    }


@pytest.mark.parametrize(
    ("text", "is_deleted"),
    [
        ("Rutabaga, of course!", True),
        ("<p>STECKR\u00dcBE</p>", True),
        ("Rutabagas are other words.", False),
        ("Soup?", False),
    ],
)
def test_forbidden_word_is_deleted(
    chat: Chat, thread: str, moderator: str, text: str, is_deleted: bool
) -> None:
    """Whole words, in any case; each delivery of the event is answered with 200."""
    chat("send", thread, text, "--as", "bob")
    (message,) = said(chat, thread)
    delivered = event(thread, message)

    for _ in range(2):
        assert post(moderator, [delivered]) == (200, b"")
    (after,) = said(chat, thread)
    assert ("deletedOn" in after) is is_deleted


def test_message_that_nobody_can_delete_is_let_go(chat: Chat, thread: str, moderator: str) -> None:
    """The sender has left the thread: a 5xx would bring the event again for a day."""
    chat("send", thread, "Rutabaga!", "--as", "bob")
    (message,) = said(chat, thread)
    chat("thread", "remove", thread, "bob", "--as", "alice")

    assert post(moderator, [event(thread, message)]) == (200, b"")
    assert "deletedOn" not in said(chat, thread)[0]


def test_resource_that_does_not_answer_is_a_503() -> None:
    """The event comes again; a message without a forbidden word needs no resource."""
    settings = {"COMMUNICATION_CONNECTION_STRING": NOWHERE, "FORBIDDEN_WORDS": "rutabaga"}
    message = {"id": "1", "senderCommunicationIdentifier": {"rawId": "8:acs:a_b"}}
    with running_handler(FOLDER, settings, path="/chat") as url:
        bad = event("19:x@thread.v2", {**message, "content": {"message": "rutabaga"}})
        good = event("19:x@thread.v2", {**message, "content": {"message": "soup"}})

        assert post(url, [bad])[0] == 503
        assert post(url, [good]) == (200, b"")


def test_handshake_is_answered(moderator: str) -> None:
    """With the code."""
    asked = [{"data": {"validationCode": "c0de"}}]
    answer = post(moderator, asked, {"aeg-event-type": "SubscriptionValidation"})

    assert answer == (200, b'{"validationResponse":"c0de"}')


@pytest.mark.parametrize("query", ["", "?code=", f"?code={CODE}x"])
def test_strangers_are_refused(moderator: str, query: str) -> None:
    """Anybody can post to a webhook; without its secret nothing happens."""
    assert post(moderator, [], query=query)[0] == 401
