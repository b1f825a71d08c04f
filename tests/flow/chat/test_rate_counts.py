"""Each operation counts for the rate limits as what it is, once, in its thread."""

from switchhook.clock import VirtualClock
from switchhook.communication.chat.permissions import Action
from switchhook.communication.chat.rate_limits import RateLimits
from switchhook.communication.chat.requests import (
    CreateThread,
    PageRequest,
    SendMessage,
    SkipRequest,
    UpdateMessage,
    UpdateThread,
)
from switchhook.communication.identity.caller import Caller
from tests.flow.chat.world import a_world


class Counts(RateLimits):
    """Limits that note what was counted."""

    def __init__(self) -> None:
        super().__init__(VirtualClock(), ())
        self.seen: list[tuple[Action, str]] = []

    def check(self, caller: Caller, action: Action, thread_id: str = "") -> None:
        """See RateLimits."""
        self.seen.append((action, thread_id))


async def test_every_operation_counts_as_itself() -> None:
    """Connecting apart, which has no limit."""
    counts = Counts()
    world = a_world(limits=counts)
    engine, alice, bob = world.engine, world.caller("alice"), world.id_of("bob")
    page, skip = PageRequest(), SkipRequest()

    thread, _ = await engine.create_thread(alice, CreateThread(topic="t"), None)
    id_ = thread.id
    await engine.threads(alice, page)
    await engine.thread(alice, id_)
    await engine.update_thread(alice, id_, UpdateThread(topic="u"))
    await engine.add_participants(alice, id_, world.new("bob"))
    await engine.participants(alice, id_, skip)
    message = await engine.send_message(alice, id_, SendMessage(content="x"))
    await engine.messages(alice, id_, page)
    await engine.message(alice, id_, message.id)
    await engine.update_message(alice, id_, message.id, UpdateMessage(content="y"))
    await engine.send_read_receipt(alice, id_, message.id)
    await engine.read_receipts(alice, id_, skip)
    await engine.send_typing(alice, id_, None)
    await engine.delete_message(alice, id_, message.id)
    await engine.remove_participant(alice, id_, bob)
    await engine.delete_thread(alice, id_)

    assert counts.seen == [
        (Action.CREATE_THREAD, ""),
        (Action.LIST_THREADS, ""),
        (Action.GET_THREAD, id_),
        (Action.UPDATE_THREAD, id_),
        (Action.ADD_PARTICIPANTS, id_),
        (Action.LIST_PARTICIPANTS, id_),
        (Action.SEND_MESSAGE, id_),
        (Action.LIST_MESSAGES, id_),
        (Action.GET_MESSAGE, id_),
        (Action.UPDATE_MESSAGE, id_),
        (Action.SEND_READ_RECEIPT, id_),
        (Action.LIST_READ_RECEIPTS, id_),
        (Action.SEND_TYPING, id_),
        (Action.DELETE_MESSAGE, id_),
        (Action.REMOVE_PARTICIPANT, id_),
        (Action.DELETE_THREAD, id_),
    ]
    assert {action for action, _ in counts.seen} == set(Action) - {Action.CONNECT}
