"""Which events does a subscription that wants no duplicates get?"""

from switchhook.clock import MINUTE
from switchhook.grid.subscriptions import DeliverySettings
from tests.flow.conftest import Flow
from tests.scripted_transport import always

WINDOW = DeliverySettings(deduplication_window=10 * MINUTE)


async def _subscribe(flow: Flow) -> None:
    flow.engine.router.configure("s1", WINDOW)
    await flow.subscribe()
    await flow.engine.quiet()


async def test_event_with_the_id_of_a_recent_one_is_not_delivered(flow: Flow) -> None:
    await _subscribe(flow)
    await flow.publish("a", "a", "b")
    await flow.publish("a")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a", "b"]


async def test_window_ends(flow: Flow) -> None:
    """Ten minutes and a little after the last of that id, it counts as new."""
    await _subscribe(flow)
    await flow.publish("a")
    await flow.advance(minutes=10)
    await flow.publish("a")
    await flow.advance(minutes=11)
    await flow.publish("a")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a", "a"]


async def test_without_the_setting_every_event_is_delivered(flow: Flow) -> None:
    """Event Grid detects no duplicates."""
    await flow.subscribe()
    await flow.publish("a", "a")
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["a", "a"]


async def test_restart_finds_the_same_duplicates(flow: Flow) -> None:
    """They are a function of the log: events before the start count, and those it reads again."""
    await _subscribe(flow)
    flow.transport.answer = lambda _: None
    await flow.publish("a")
    await flow.engine.turn()
    await flow.publish("b", "a", "b")

    revived = await flow.restarted()
    revived.engine.router.configure("s1", WINDOW)
    await revived.engine.quiet()
    await revived.publish("a", "c")
    await revived.engine.quiet()

    assert revived.transport.delivered_ids == ["a", "b", "c"]


async def test_retry_is_not_a_duplicate(flow: Flow) -> None:
    await _subscribe(flow)
    flow.transport.answer = always(500)
    await flow.publish("a")
    await flow.engine.quiet()
    flow.transport.answer = always(200)
    await flow.advance(seconds=10)

    assert flow.transport.delivered_ids == ["a", "a"]
