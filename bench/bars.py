"""Which bars are there? What each must reach, and what it should.

Most are ratios to a limit that is measured in the same run: nginx that answers 200 to everything,
wrk that posts to such an nginx, a loop of `os.fdatasync`, a bare POST. Some are plain figures:
their unit stands in `what`. A bar without `must` is told and not judged.
"""

import msgspec

from bench.model import Bar


def _most(number: str, what: str, must: float | None, ambition: float | None = None) -> Bar:
    """A figure that must not be exceeded."""
    return Bar(number=number, what=what, must=must, ambition=ambition, is_ceiling=True)


def _figure(number: str, what: str, must: float | None, ambition: float | None = None) -> Bar:
    """A plain one that must not be exceeded."""
    return msgspec.structs.replace(_most(number, what, must, ambition), is_plain=True)


_PUBLISH = (
    Bar("T1", "publish 1 event a request, parsed and authorized, no disk / nginx", 0.40, 0.60),
    Bar("T2", "publish 100 events a request, parsed and authorized, no disk / nginx", 0.19, 0.25),
    Bar("T3", "publish 1 event a request, durable / nginx", 0.28, 0.38),
    Bar("T4", "publish 100 events a request, durable / nginx", 0.08, 0.17),
    Bar("T5", "append to the log, 100 events a commit / fdatasync of as many bytes", 0.50, 0.80),
)

_DELIVER = (
    Bar("T6", "deliver each event to 10 webhooks / wrk to the same", 0.45, 0.70),
    Bar("T6 HTTPS", "the same over HTTPS / wrk over HTTPS", 0.40, 0.60),
    Bar("T7 1-event", "publish to delivered on one core, 1 event a request / floor", 0.30, 0.50),
    Bar("T7 100-event", "the same, 100 events a request / floor", 0.40, 0.60),
    Bar("T8", "the same, delivered in batches of 50 / floor of single events", 1.0, 1.5),
    _most("T9 p50", "publish to delivered at 500/s, p50 / 2 bare POSTs + fdatasync", 2.0, 1.4),
    _most("T9 p99", "the same, p99 / the sum of their p99s", 3.0, 2.0),
)

_SCALE = (
    Bar("T10 throughput", "throughput with 100,000 idle subscriptions / without", 0.85, 0.90),
    _most("T10 match", "time of an event that matches none, of 100,000 / of 10", 3.0, 2.5),
    _figure("T11 lost", "acknowledged events lost in 100 kills and torn tails", 0, 0),
    _most("T11 duplicates", "duplicates after a kill / (rate x 0.1 s + in flight)", 1.0, 1.0),
    Bar("T12", "append while 100 subscriptions lag behind / append alone", 0.90, 0.95),
    Bar("T13", "throughput of nine webhooks, the tenth is dead / ten good ones", 0.90, 0.95),
    Bar("T13 hostile", "the same, the tenth drips or floods its answers / ten good ones"),
    _figure("T13 rows", "rows for each event that waits for the dead webhook", 0, 0),
    Bar("T14", "publish to delivered, 100 events a request, disk + 5 ms / without", 0.80, 0.90),
    _figure("T15 RSS", "megabytes held at most, saturated, no subscriptions", 110, 80),
    _figure("T15 bytes", "kilobytes held for an idle subscription", 3.0, 1.5),
    Bar("T16", "publish to delivered / a tuned fastapi, sqlalchemy, httpx", 40, 150),
    Bar("T17", "publish to delivered with the history of attempts / without", 0.85, 0.90),
)

_STORE = (
    Bar("T5 preallocated", "as T5 / fdatasync over a file that was filled before", None),
    Bar("T5 sixteen", "as T5, 16 committers whose commits share syncs / the same loop", None),
    Bar("T5 small", "append one event a commit / fdatasync of as many bytes", None),
)

# How many there are where the rate, the memory and the start are looked at as they grow.
SUBSCRIPTIONS = (10, 1_000, 10_000, 100_000)
TOPICS = (1, 100, 10_000)
BACKLOGS = (100_000, 1_000_000, 10_000_000)
LOG_MEGABYTES = (100, 1_000, 2_000)

_GROWTH = (
    *(
        Bar(f"subscriptions {size:,}", f"throughput with {size:,} idle subscriptions / with 10")
        for size in SUBSCRIPTIONS[1:]
    ),
    *(Bar(f"topics {size:,}", f"throughput with {size:,} topics / with 1") for size in TOPICS[1:]),
    *(
        Bar(f"backlog {size:,}", f"rate of catching up with {size:,} events / live", 0.5)
        for size in BACKLOGS
    ),
    _figure("backlog MB", "megabytes held at most while catching up with 10,000,000 events", 200),
    *(
        _most(f"recovery {size:,} MB", f"ready after a kill, a log of {size:,} MB / none", 2.0)
        for size in LOG_MEGABYTES
    ),
    _most("recovery WAL", "ready after a kill, 256 MB of write-ahead log / none", None),
)

# What else takes events and posts them to webhooks, as far as Debian or PyPI have it.
PEERS = ("moto", "JetStream synced", "JetStream")
_PEERS = tuple(Bar(f"peer {name}", f"publish to delivered / {name}") for name in PEERS)

_MESSAGES = (
    Bar("SMS", "an SMS, accepted, reported, the report delivered / T3's publishes", 0.25),
    Bar("SMS growth", "an SMS after 100,000 others / after none", 0.85),
    Bar("chat message", "a message of two people, its event delivered / T3's publishes", None),
    Bar("chat growth", "a message of chat after 100,000 others / after none", 0.85),
)

_OTHER = (
    _figure("start", "seconds until a server on a new data folder is ready", 0.5),
    _most("start / Python", "the same / the bare start of Python with asyncio and ssl", None),
    _figure("idle", "megabytes held by a server that has nothing to do", 70),
    _figure("due gap 1", "seconds that the event loop stands still, 100,000 retries due", 0.05),
    _figure("due gap 10", "the same, of 10 subscriptions", 0.05),
    _figure("due commit", "seconds of a commit while 100,000 rows are resumed", 0.2),
    _figure("explain", "seconds to explain one of a million events, the worst", 2.0),
    _most("chat history", "an action in a thread of a million messages / of 10, the worst", 1.5),
    Bar("chat send", "messages a second, 64 clients and threads / publishes of 2 events", None),
    Bar("chat crowd", "events a second, a message to 250 participants / publishes of 250", None),
)

# By the chapters of the page.
GROUPS = {
    "publish": _PUBLISH + _STORE,
    "deliver": _DELIVER,
    "scale": _SCALE,
    "messages": _MESSAGES,
    "other": _OTHER,
    "growth": _GROWTH,
    "peers": _PEERS,
}
BARS = {each.number: each for group in GROUPS.values() for each in group}
