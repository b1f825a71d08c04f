"""Under which collections and keys does the router find its own records at a start?"""

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


def version_key(incarnation: str, version: int) -> str:
    """The key of a version; those of one incarnation are neighbours, in order."""
    return f"{incarnation}/{version:08}"
