"""What do the rules of a thread read, and what does an action come to?"""

import msgspec

from switchhook.communication.chat.happenings import Happening
from switchhook.communication.chat.model import Head, Message, ReadReceipt, Thread


class ThreadState(msgspec.Struct, frozen=True, kw_only=True):
    """One thread as it is now."""

    thread: Thread
    head: Head


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The next state of a thread, and what is written and told on the way there.

    `state` may be the same object as before; `messages` and `receipts` are new or rewritten ones,
    system messages included. All of it becomes durable together, or nothing.
    """

    state: ThreadState
    messages: tuple[Message, ...] = ()
    receipts: tuple[ReadReceipt, ...] = ()
    happening: Happening | None = None


class ThreadItem(msgspec.Struct, frozen=True, kw_only=True):
    """A thread in the list of a user's threads; `last_message_at` is None before the first."""

    thread: Thread
    last_message_at: int | None
