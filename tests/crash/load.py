"""The load: many publishers, each with one request on the way at any time."""

import asyncio
import itertools
import time
from urllib.parse import urlsplit

import msgspec

from tests.crash.books import Books
from tests.crash.http_client import Answer, Connection, build_request
from tests.system.server_process import Ready
from tests.wire import signed_headers

# Two kinds of work at once: direct publishes, and SMS sends with delivery reports.
EVENT_PUBLISHERS = 96
SMS_SENDERS = 16
SUBJECT = "crash/"
# The events of some publishers go to further subscriptions, those of a few to one that refuses
# them. Each publisher has a subject of its own, and waits for each answer: its events are in order.
SOME = f"{SUBJECT}some/"
REFUSED = f"{SOME}refused-"
SOME_PUBLISHERS, REFUSED_PUBLISHERS = 12, 3
# Every so many events of a few others is so large that the store keeps its group in a file.
LARGE_PUBLISHERS, LARGE_EVERY, LARGE_BYTES = range(12, 16), 20, 600_000
_SMS = "/sms?api-version=2026-01-23"
# Its last four digits name no fate of the simulated carrier: the message is delivered.
_RECIPIENT = "+14255550100"


async def exchange(books: Books, connection: Connection, request: bytes) -> Answer | None:
    """The answer; None when the connection is lost and nobody knows what became of it."""
    books.in_flight += 1
    try:
        answer = await connection.exchange(request)
    except ConnectionError:
        return None
    finally:
        books.in_flight -= 1
    books.acknowledged.add(time.monotonic())
    return answer


class Load:
    """Publishers for one run of the server; what they learn goes into the books."""

    def __init__(self, books: Books, ready: Ready, run: int) -> None:
        self._books = books
        self._ready = ready
        self._ids = (f"event-{run}-{number}" for number in itertools.count(1))
        self._is_ending = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect all publishers, then let them go."""
        endpoint = self._ready.http_endpoint
        connections = [
            await Connection.open(endpoint) for _ in range(EVENT_PUBLISHERS + SMS_SENDERS)
        ]
        now = time.monotonic()
        self._books.acknowledged.restart(now)
        self._books.delivered.restart(now)
        self._tasks = [
            asyncio.create_task(
                self._publish(connection, _subject(number), has_large=number in LARGE_PUBLISHERS)
                if number < EVENT_PUBLISHERS
                else self._send(connection)
            )
            for number, connection in enumerate(connections)
        ]

    async def end(self) -> None:
        """Let every publisher wait for its last answer, or lose its connection."""
        self._is_ending = True
        await asyncio.gather(*self._tasks)

    async def _publish(self, connection: Connection, subject: str, *, has_large: bool) -> None:
        path = urlsplit(self._ready.topic.endpoint).path
        headers = {"aeg-sas-key": self._ready.topic.key}
        for number in itertools.count():
            if self._is_ending:
                break
            event_id = next(self._ids)
            self._books.sent_events.add(event_id)
            note = LARGE_BYTES if has_large and number % LARGE_EVERY == 0 else 0
            event = _event(event_id, subject, "x" * note)
            request = build_request("POST", path, connection.host, headers, event)
            answer = await exchange(self._books, connection, request)
            if answer is None:
                return
            if answer.status == 200:
                self._books.acknowledge(event_id, subject)
            else:
                self._books.refusals.append(f"{answer.status} {answer.body!r}")
        connection.close()

    async def _send(self, connection: Connection) -> None:
        communication = self._ready.communication
        body = _message(communication.numbers[0])
        while not self._is_ending:
            key, host = communication.access_key, connection.host
            headers = signed_headers("POST", _SMS, body, key, host, time.time())
            answer = await exchange(
                self._books, connection, build_request("POST", _SMS, host, headers, body)
            )
            if answer is None:
                return
            if answer.status == 202:
                self._books.messages.update(_message_ids(answer))
            else:
                self._books.refusals.append(f"{answer.status} {answer.body!r}")
        connection.close()


def _subject(publisher: int) -> str:
    if publisher < REFUSED_PUBLISHERS:
        return f"{REFUSED}{publisher}"
    return f"{SOME}{publisher}" if publisher < SOME_PUBLISHERS else f"{SUBJECT}orders"


def _event(event_id: str, subject: str, note: str) -> bytes:
    return (
        b'[{"id":"%s","subject":"%s","eventType":"Shop.OrderPlaced",'
        b'"eventTime":"2026-01-01T00:00:00Z","data":{"total":12.5,"note":"%s"},'
        b'"dataVersion":"1.0"}]'
    ) % (event_id.encode(), subject.encode(), note.encode())


def _message(sender: str) -> bytes:
    return msgspec.json.encode(
        {
            "from": sender,
            "smsRecipients": [{"to": _RECIPIENT}],
            "message": "The lights stay on.",
            "smsSendOptions": {"enableDeliveryReport": True},
        }
    )


class _Result(msgspec.Struct, rename="camel"):
    successful: bool
    message_id: str | None = None


class _Results(msgspec.Struct):
    value: list[_Result]


_results = msgspec.json.Decoder(_Results)


def _message_ids(answer: Answer) -> list[str]:
    results = _results.decode(answer.body).value
    return [each.message_id for each in results if each.successful and each.message_id]
