"""The handlers of the examples keep what they promise: nothing is lost, nothing is done twice."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from examples.sms_to_email.inbox import running_inbox
from examples.sms_to_work_item.tracker import PROJECT, TOKEN, running_tracker
from examples.stage import CODE, CUSTOMER, Stage, running_handler, wait_for
from tests.services.postgres import Postgres, new_name

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
TEXT = "Zwei Plätze, bitte <b>heute</b>; 'schnell'\n🍕"

Texts = Callable[[], list[tuple[str, str]]]
"""What stands behind a handler by now: of each item its identity and its text."""

pytestmark = pytest.mark.system


class Backend:
    """What stands behind a handler: its settings are known before it is up."""

    def __init__(
        self, folder: str, settings: dict[str, str], up: Callable[[], AbstractContextManager[Texts]]
    ) -> None:
        self.folder = EXAMPLES / folder
        self.settings = settings
        self.up = up


@pytest.fixture
def database(postgres: Postgres) -> Backend:
    """A database that is not there yet."""
    name = new_name()
    url = postgres.url_of(name)

    @contextmanager
    def up() -> Iterator[Texts]:
        postgres.create(name)
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute((EXAMPLES / "sms_to_database/table.sql").read_bytes())
            query = "SELECT event_id, message FROM sms"
            yield lambda: [(row[0], row[1]) for row in connection.execute(query).fetchall()]

    return Backend("sms_to_database", {"DATABASE_URL": url}, up)


@pytest.fixture
def tracker(listener: socket.socket) -> Backend:
    """A tracker on a port that refuses connections until it is up."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{PROJECT}"

    @contextmanager
    def up() -> Iterator[Texts]:
        with running_tracker(listener) as (_, items):
            fields = "System.Tags", "System.Description"
            yield lambda: [tuple(item["fields"][name] for name in fields) for item in items]

    return Backend("sms_to_work_item", {"TRACKER_URL": url, "TRACKER_TOKEN": TOKEN}, up)


@pytest.fixture
def inbox(listener: socket.socket) -> Backend:
    """A mail server on a port that refuses connections until it is up."""

    @contextmanager
    def up() -> Iterator[Texts]:
        with running_inbox(listener) as (_, mails):
            yield lambda: [(str(mail["Message-ID"]), body(mail)) for mail in mails]

    addresses = {"MAIL_FROM": "sms@example.com", "MAIL_TO": "support@example.com"}
    port = str(listener.getsockname()[1])
    return Backend("sms_to_email", {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": port, **addresses}, up)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that has a port and does not listen on it."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


@pytest.fixture(params=["database", "tracker", "inbox"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each of the three."""
    found: Backend = request.getfixturevalue(request.param)
    return found


def test_text_arrives_by_a_retry_when_the_backend_was_down(
    stage: Stage, backend: Backend, tmp_path: Path
) -> None:
    """While it is down the handler says so, and Switchhook delivers again until it is up."""
    name, log = f"retried-{uuid4().hex[:8]}", tmp_path / "log"
    with ExitStack() as stack:
        handler = stack.enter_context(running_handler(backend.folder, backend.settings, log))
        stage.subscribe(name, handler, "--profile", "fast")
        stack.callback(stage.unsubscribe, name)
        stage.text("It is urgent.")
        assert wait_for(lambda: "not " in log.read_text() or None)

        texts = stack.enter_context(backend.up())

        ((_, text),) = wait_for(lambda: texts() or None) or [("", "nothing came")]
        assert text.strip() == "It is urgent."


def test_backend_that_is_down_is_a_503(backend: Backend) -> None:
    """A 4xx would not always be retried, and a 2xx would lose the event."""
    with running_handler(backend.folder, backend.settings) as handler:
        assert post(handler, [event(TEXT)]) == (503, b"")


def test_event_that_comes_twice_is_one_item(backend: Backend) -> None:
    """Deliveries are at least once; the identity of the item is that of the event."""
    first, second = event(TEXT), event("another")
    with backend.up() as texts, running_handler(backend.folder, backend.settings) as handler:
        for events in ([first], [first, second], [second, first]):
            assert post(handler, events) == (200, b"")
        found = texts()

    assert len({identity for identity, _ in found}) == 2
    assert {text.strip() for _, text in found} == {shown(TEXT, backend), "another"}
    # Only mails come more than once: no server can tell that it had them, but a mailbox can.
    assert len(found) == 2 or backend.folder.name == "sms_to_email"


def test_handler_answers_the_handshake(backend: Backend) -> None:
    """With the code, and before the backend is up."""
    with running_handler(backend.folder, backend.settings) as handler:
        asked = [{"data": {"validationCode": "c0de"}}]
        answer = post(handler, asked, {"aeg-event-type": "SubscriptionValidation"})

    assert answer == (200, b'{"validationResponse":"c0de"}')


@pytest.mark.parametrize("query", ["", "?code=", "?code=wrong"])
def test_handler_refuses_strangers(backend: Backend, query: str) -> None:
    """Anybody can post to a webhook; without its secret nothing happens, not even a handshake."""
    with backend.up() as texts, running_handler(backend.folder, backend.settings) as handler:
        assert post(handler, [event(TEXT)], query=query)[0] == 401
        assert texts() == []


def shown(text: str, backend: Backend) -> str:
    """What a text looks like there: descriptions of work items are HTML."""
    if backend.folder.name != "sms_to_work_item":
        return text
    return "Zwei Plätze, bitte &lt;b&gt;heute&lt;/b&gt;; &#x27;schnell&#x27;\n🍕"


def body(mail: EmailMessage) -> str:
    """The text of a mail, whose lines end as mails have it."""
    text: str = mail.get_content()
    return text.replace("\r\n", "\n")


def event(text: str) -> dict[str, Any]:
    """An SMS that came in."""
    event_id = str(uuid4())
    data = {"messageId": event_id, "from": CUSTOMER, "to": "+15555550100", "message": text}
    return {
        "id": event_id,
        "data": {**data, "receivedTimestamp": "2026-01-01T11:59:58.1234567Z"},
        "eventType": "Microsoft.Communication.SMSReceived",
        "eventTime": "2026-01-01T12:00:00.1234567Z",
    }


def post(
    url: str, body: Any, headers: dict[str, str] | None = None, query: str = f"?code={CODE}"
) -> tuple[int, bytes]:
    """The status of the answer, and its body if that is a success."""
    request = urllib.request.Request(  # noqa: S310 - a loopback address
        url + query,
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, b""
