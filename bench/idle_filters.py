"""What do many subscriptions ask for that want nothing of a load?

They ask for some of twenty event types or for any, below prefixes that no event of a benchmark has,
three in ten of them with a suffix, and up to two advanced filters.
"""

import random
from collections.abc import Iterator

from switchhook.grid.subscriptions import AdvancedFilter, Filter, FilterOperator

# Those of what benchmarks publish are among them.
EVENT_TYPES = (
    "Microsoft.Storage.BlobCreated",
    *(f"Shop.Order{number:02}" for number in range(19)),
)
_PREFIXES_A_TENANT = 20
_ADVANCED = (
    AdvancedFilter(operator=FilterOperator.STRING_IN, key="data.region", values=("north", "south")),
    AdvancedFilter(operator=FilterOperator.NUMBER_GREATER_THAN, key="data.total", values=("100",)),
    AdvancedFilter(operator=FilterOperator.STRING_CONTAINS, key="subject", values=("express",)),
    AdvancedFilter(operator=FilterOperator.BOOL_EQUALS, key="data.gift", values=("true",)),
    AdvancedFilter(operator=FilterOperator.STRING_BEGINS_WITH, key="data.note", values=("vip",)),
)


def idle_filters(count: int, seed: int = 1) -> Iterator[Filter]:
    """So many filters, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - repeatable is what it has to be
    for number in range(count):
        tenant, place = divmod(number, _PREFIXES_A_TENANT)
        types = chance.sample(EVENT_TYPES, chance.randint(1, 3))
        yield Filter(
            subject_begins_with=f"/tenants/{tenant:05}/places/{place:02}/",
            subject_ends_with=".json" if chance.random() < 0.3 else "",
            included_event_types=None if chance.random() < 0.25 else tuple(types),
            advanced=tuple(chance.sample(_ADVANCED, chance.randint(0, 2))),
        )
