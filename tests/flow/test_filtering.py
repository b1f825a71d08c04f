"""Do advanced filters decide what is delivered, also of what is read again from the log?"""

from switchhook.grid.subscriptions import AdvancedFilter, Filter, FilterOperator
from tests.builders import a_subscription
from tests.flow.conftest import Flow


def of_region(name: str) -> Filter:
    """Orders of some value."""
    region = AdvancedFilter(operator=FilterOperator.STRING_IN, key="data.region", values=(name,))
    total = AdvancedFilter(
        operator=FilterOperator.NUMBER_GREATER_THAN, key="data.total", values=("5",)
    )
    return Filter(advanced=(region, total))


async def test_only_wanted_values_are_delivered(flow: Flow) -> None:
    """Every advanced filter must hold."""
    await flow.subscribe(filter=of_region("eu"))

    await flow.publish("cheap", data={"region": "EU", "total": 5})
    await flow.publish("abroad", data={"region": "US", "total": 6})
    await flow.publish("wanted", data={"region": "EU", "total": 5.01})
    await flow.publish("empty", data=None)
    await flow.engine.quiet()

    assert flow.transport.delivered_ids == ["wanted"]


async def test_update_of_an_advanced_filter_counts_from_then_on(flow: Flow) -> None:
    """Also when the events are read again after a restart."""
    flow.transport.answer = lambda request: None
    await flow.subscribe(filter=of_region("eu"))
    await flow.publish("old", data={"region": "EU", "total": 6})
    await flow.publish("never", data={"region": "US", "total": 6})
    await flow.put(a_subscription(version=2, filter=of_region("us")))
    await flow.publish("too-late", data={"region": "EU", "total": 6})
    await flow.publish("new", data={"region": "US", "total": 6})

    again = await flow.restarted()
    await again.engine.quiet()

    assert again.transport.delivered_ids == ["old", "new"]
