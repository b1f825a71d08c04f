"""A queue that has nothing to do holds nothing, and takes up work at any time."""

from tests.flow.conftest import Flow


async def test_queue_gives_its_containers_back_and_goes_on(flow: Flow) -> None:
    await flow.subscribe()
    queue = flow.engine.router.queues["s1"]
    await flow.publish("first")
    await flow.engine.quiet()
    assert isinstance(queue.in_flight, dict)

    await flow.engine.upkeep()
    rested = not isinstance(queue.in_flight, dict)
    await flow.publish("second")
    await flow.engine.quiet()

    assert rested
    assert flow.transport.delivered_ids == ["first", "second"]


async def test_queue_with_work_keeps_it_through_upkeep(flow: Flow) -> None:
    flow.transport.answer = lambda _: None
    await flow.subscribe()
    await flow.publish("first")
    queue = flow.engine.router.queues["s1"]

    await flow.engine.upkeep()

    assert len(queue.in_flight) == 1
    assert queue.is_unsettled(0)


async def test_older_version_stays_while_its_events_wait(flow: Flow) -> None:
    first = await flow.subscribe()
    queue = flow.engine.router.queues["s1"]
    queue.upgrade(first)

    assert queue.versions == (first,)
    assert queue.version(1) is first
    assert queue.version(2) is None
