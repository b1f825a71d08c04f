"""Which deliveries share a request?"""

from collections import deque

from switchhook.grid.delivery import Delivery


def fill(batch: list[Delivery], source: deque[Delivery], size: int) -> int:
    """Take what can share a request with the first of a batch, whose headers say how often it was
    tried; answers the size of all its events, which is `size` so far."""
    first = batch[0]
    webhook, version = first.subscription.destination, first.subscription.version
    attempts, run, is_early = first.attempts, first.run, first.early_for is not None
    limit = webhook.preferred_batch_size_in_kilobytes << 10
    for _ in range(min(len(source), webhook.max_events_per_batch - 1)):
        other = source[0]
        if (
            other.attempts != attempts
            or other.run != run
            or (other.early_for is not None) != is_early
            or other.subscription.version != version
        ):
            break
        with_other = size + len(other.event.json)
        if with_other > limit:
            break
        size = with_other
        batch.append(source.popleft())
    return size
