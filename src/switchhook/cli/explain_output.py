"""How is an explanation shown to people?"""

from collections.abc import Iterator
from typing import Any

from switchhook.cli.listen_output import printable

Body = dict[str, Any]

_GOOD, _BAD, _OPEN, _FAINT, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
_NAMED = {
    "Matched": "matched",
    "NotMatched": "did not want it",
    "CreatedLater": "came later",
    "NotInForce": "is not in force",
    "Unknown": "is not known any more",
    "Queued": "waiting for its first attempt",
    "InFlight": "being delivered right now",
    "WaitingForRetry": "waiting for another attempt",
    "WaitingForDeadLetter": "given up, dead letter not written yet",
    "Delivered": "delivered",
    "Finished": "finished",
    "DeadLettered": "dead-lettered",
    "Dropped": "dropped",
    "Duplicate": "left out as a duplicate",
}
_STYLES = {
    "Delivered": _GOOD,
    "Matched": _GOOD,
    "Queued": _OPEN,
    "InFlight": _OPEN,
    "WaitingForRetry": _OPEN,
}


def to_text(explanation: Body, *, colour: bool) -> str:
    """The event, and below it each event subscription with what became of its delivery."""
    lines = [*_event(explanation), "", *_subscriptions(explanation, colour=colour)]
    return "\n".join(printable(line) if not colour else line for line in lines)


def _event(explanation: Body) -> Iterator[str]:
    domain_topic = explanation["domainTopic"]
    topic = explanation["topicName"] + (f"/{domain_topic}" if domain_topic else "")
    pairs = {
        "event": explanation["id"],
        "type": explanation["eventType"],
        "subject": explanation["subject"],
        "topic": topic or "of a topic that is deleted",
        "received": _received(explanation),
    }
    for name, value in pairs.items():
        if value:
            yield f"{name.ljust(9)} {printable(str(value))}"


def _received(explanation: Body) -> str:
    at = explanation["publishedAt"]
    if at is None:
        return "not published: this is a rehearsal"
    return f"{_time(at)}, position {explanation['position']}"


def _subscriptions(explanation: Body, *, colour: bool) -> Iterator[str]:
    told = explanation["subscriptions"]
    if not told:
        yield "No event subscription has the events of this topic: create one first."
    for each in told:
        yield from _subscription(each, colour=colour)


def _subscription(told: Body, *, colour: bool) -> Iterator[str]:
    name = printable(told["name"] or f"(deleted, {told['incarnation']})")
    first = [each for each in told["deliveries"] if not each["run"]]
    state = first[0]["stage"] if first else told["verdict"]
    yield f"{name}: {_styled(state, colour)}"
    if not first or told["verdict"] == "Unknown" or not told["isCurrentVersion"]:
        yield f"    {printable(told['text'])}"
    for delivery in told["deliveries"]:
        if delivery["run"]:
            yield f"    replay {delivery['run']}: {_styled(delivery['stage'], colour)}"
        yield f"    {printable(delivery['text'])}"
        for attempt in delivery["attempts"]:
            yield from _attempt(attempt, colour=colour)


def _attempt(attempt: Body, *, colour: bool) -> Iterator[str]:
    status = attempt["httpStatusCode"]
    answer = " ".join(str(part) for part in (status, attempt["outcome"]) if part is not None)
    early = ", before its time, to ask after the endpoint" if attempt["isEarly"] else ""
    following = f", next at {_time(attempt['nextAttemptAt'])}" if attempt["nextAttemptAt"] else ""
    yield (
        f"      {attempt['number']}. {_time(attempt['startedAt'])}  {printable(answer)}"
        f"  {attempt['durationInMs']} ms{early}{following}"
    )
    for text in (attempt["detail"], attempt["responseExcerpt"]):
        if text:
            shown = printable(text)
            yield f"         {_FAINT}{shown}{_PLAIN}" if colour else f"         {shown}"


def _styled(state: str, colour: bool) -> str:
    text = _NAMED.get(state, state)
    return f"{_STYLES.get(state, _BAD)}{text}{_PLAIN}" if colour else text


def _time(text: str) -> str:
    """A time of the server's, to the millisecond."""
    return f"{text[:23]}Z"
