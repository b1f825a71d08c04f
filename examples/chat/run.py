"""Two people talk, and a webhook deletes the message that has a forbidden word.

Starts all it needs and ends with 0 only if that message is gone and the others are there.

    python examples/chat/run.py
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from stage import Stage, running_handler, running_switchhook, wait_for  # noqa: E402

FORBIDDEN = "rutabaga"
TALK = (
    ("Alice", "What shall we cook tonight?"),
    ("Bob", "Rutabaga, of course!"),
    ("Alice", "Or soup 🍲?"),
)
MODERATED = ("ChatMessageReceivedInThread", "ChatMessageEditedInThread")


def main() -> int:
    """Play it through; answer the process's exit code."""
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(running_switchhook())
        connection_string = stage.told["communication"]["connection_string"]
        # requests reads this variable, so that the SDK trusts the server without a change.
        trust = {"REQUESTS_CA_BUNDLE": stage.told["ca_bundle"]}
        settings = {"COMMUNICATION_CONNECTION_STRING": connection_string, **trust}
        handler = running_handler(HERE, {**settings, "FORBIDDEN_WORDS": FORBIDDEN}, path="/chat")
        stage.subscribe("moderator", stack.enter_context(handler), types=MODERATED)
        os.environ |= trust
        return talk(stage)


def talk(stage: Stage) -> int:
    """Let the two talk while the moderator is held, then let it go."""
    threads = open_thread(stage)
    stage.switchhook("subscription", "pause", "moderator")
    for name, text in TALK:
        threads[name].send_message(text, sender_display_name=name)
    print("before the moderator looks:")
    show(threads["Alice"])
    stage.switchhook("subscription", "resume", "moderator")
    wait_for(lambda: None in contents(threads["Alice"]) or None)
    print("after it has looked:")
    after = show(threads["Alice"])
    return 0 if after == [TALK[0][1], None, TALK[2][1]] else 1


def open_thread(stage: Stage) -> dict[str, Any]:
    """A thread of Alice and Bob: the client of each."""
    from azure.communication.chat import (
        ChatClient,
        ChatParticipant,
        CommunicationTokenCredential,
    )
    from azure.communication.identity import CommunicationIdentityClient, CommunicationTokenScope

    communication = stage.told["communication"]
    identity = CommunicationIdentityClient.from_connection_string(
        communication["connection_string"]
    )
    users, chats = {}, {}
    for name in ("Alice", "Bob"):
        users[name], issued = identity.create_user_and_token([CommunicationTokenScope.CHAT])
        credential = CommunicationTokenCredential(issued.token)
        chats[name] = ChatClient(communication["endpoint"], credential)
    bob = ChatParticipant(identifier=users["Bob"], display_name="Bob")
    created = chats["Alice"].create_chat_thread("Dinner", thread_participants=[bob])
    return {
        name: chat.get_chat_thread_client(created.chat_thread.id) for name, chat in chats.items()
    }


def contents(thread: Any) -> list[str | None]:
    """What the messages of people say, oldest first; None for one that is deleted."""
    texts = [each for each in thread.list_messages() if each.type == "text"]
    return [None if each.deleted_on else each.content.message for each in reversed(texts)]


def show(thread: Any) -> list[str | None]:
    """The same, printed."""
    found = contents(thread)
    for (name, _), text in zip(TALK, found, strict=True):
        print(f"  {name}: {text or '(deleted)'}")
    return found


if __name__ == "__main__":
    sys.exit(main())
