"""Under which collections and keys does the router find its own records at a start?"""

from collections.abc import AsyncIterator

from switchhook.grid.ports import Record, Records

# Incarnation to `Topic`.
TOPICS = "topics"
# `version_key` to `EventSubscription`; the record's position is where the version begins.
SUBSCRIPTION_VERSIONS = "subscription-versions"
# `GivenUp.key` to `GivenUp`, and to the event.
GIVEN_UP = "given-up"
GIVEN_UP_EVENTS = "given-up-events"
# `Replay.key` to `Replay`; and the number of the last run, as text.
REPLAYS = "replays"
REPLAY_RUNS = "replay-runs"

# Records that are in memory at a time while very many are read.
_PAGE = 500


async def read_all(records: Records, collection: str) -> AsyncIterator[Record]:
    """Every record of a collection that nobody writes to meanwhile, in order."""
    start = ""
    while page := await records.scan(collection, start=start, limit=_PAGE):
        for record in page:
            yield record
        start = page[-1].key + "\0"  # the first key that can follow


def version_key(incarnation: str, version: int) -> str:
    """The key of a version; those of one incarnation are neighbours, in order."""
    return f"{incarnation}/{version:08}"
