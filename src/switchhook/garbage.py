"""When does Python look for cycles among its objects?

Reference counts free what the server makes and drops; a collection only finds cycles, of which a
request or a delivery leaves none, and walks every object to find them. So the server collects
rarely, and never walks what it read at its start: 100,000 event subscriptions are 350,000 objects,
and a walk over them holds every event up.
"""

import gc

# New objects that outlive others before the youngest are looked at (Python: 700): more than the
# events in flight of a busy server, so that these are not looked at again and again.
_YOUNGEST = 20_000
# So many collections of one generation before the next older one (Python: 10).
_OLDER = 20


def pause() -> None:
    """A start makes very many objects and no garbage: do not look for it."""
    gc.disable()


def settle() -> None:
    """The start is over: keep what it made for good, and look for cycles from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNGEST, _OLDER, _OLDER)
    gc.enable()
