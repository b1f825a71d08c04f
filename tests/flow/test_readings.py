"""What a scrape reads of the server, where there is much to read."""

from switchhook.grid.readings import MAX_LOG_READS, SubscriptionReading, folded, read_now
from tests.flow.conftest import Flow
from tests.scripted_transport import always


def a_reading(name: str, oldest: int | None, waiting: int = 1) -> SubscriptionReading:
    """A subscription with something to do."""
    return SubscriptionReading(
        labels={"EventSubscriptionName": name},
        oldest_published_at=oldest,
        waiting=waiting,
        in_flight=2,
        is_parked=name == "parked",
    )


def test_readings_beyond_the_limit_are_one() -> None:
    """The oldest backlogs keep their names; nothing of the others is lost but the names."""
    readings = [a_reading("idle", None, 0), a_reading("b", 7), a_reading("parked", 9)]
    first, others = folded([*readings, a_reading("a", 5)], 1)

    assert first == a_reading("a", 5)
    assert others.labels == {"resource": "other"}
    assert (others.oldest_published_at, others.waiting, others.in_flight) == (7, 2, 6)
    assert others.is_parked


def test_readings_within_the_limit_stand_for_themselves() -> None:
    """Nothing is made up for others that there are not."""
    assert list(folded([a_reading("b", 7), a_reading("a", 5)], 2)) == [
        a_reading("a", 5),
        a_reading("b", 7),
    ]
    assert list(folded([], 2)) == []


async def test_many_positions_are_read_in_few_steps(flow: Flow) -> None:
    """Where not every position is looked up, an age is overstated rather than understated."""
    flow.transport.answer = always(404)
    count = 2 * MAX_LOG_READS + 1
    expected = {}
    for number in range(count):
        name = f"hook-{number}"
        await flow.subscribe(incarnation=name, name=name)
        expected[name] = flow.clock.now()
        await flow.publish(*(f"{number}-{n}" for n in range(10)))
        await flow.engine.quiet()  # ten failures park every subscription, each at its own place
        await flow.advance(seconds=1)
    readings = await read_now(store=flow.store, router=flow.engine.router, clock=flow.clock)

    found = {each.labels["EventSubscriptionName"]: each for each in readings.subscriptions}
    assert found.keys() == expected.keys()
    for name, published_at in expected.items():
        oldest = found[name].oldest_published_at
        assert oldest is not None
        assert oldest <= published_at
