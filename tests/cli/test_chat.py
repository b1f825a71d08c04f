"""Chat on the command line: what is shown, what is new, what is typed, how requests are signed."""

import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from switchhook.cli.chat_client import LONGEST_WAIT, DataPlane
from switchhook.cli.chat_follow import News
from switchhook.cli.chat_lines import local_time, names_of, sender_of, text_of, to_line
from switchhook.cli.chat_signing import signed_headers
from switchhook.cli.chat_typed import TypedLines, typed_lines
from switchhook.cli.main import main
from switchhook.communication.access import SignedRequest, read_signature
from switchhook.errors import ConnectError, RequestError

ALICE, BOB = "8:acs:one_a", "8:acs:one_b"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NOW = 1_800_000_000


def a_message(message_id: str = "1", **members: Any) -> dict[str, Any]:
    """A message of Alice, as the API answers it."""
    return {
        "id": message_id,
        "type": "text",
        "version": message_id,
        "createdOn": "2030-01-01T10:00:00Z",
        "senderDisplayName": "alice",
        "senderCommunicationIdentifier": {"rawId": ALICE},
        "content": {"message": "Hello"},
    } | members


def by_service(kind: str, *people: str, **content: Any) -> dict[str, Any]:
    """A message by the service, because of Alice."""
    listed = [{"communicationIdentifier": {"rawId": each}} for each in people]
    content |= {"initiatorCommunicationIdentifier": {"rawId": ALICE}, "participants": listed}
    return {
        "id": "2",
        "type": kind,
        "version": "2",
        "createdOn": "2030-01-01T10:00:00Z",
        "content": content,
    }


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (a_message(), "Hello"),
        (a_message(editedOn="2030-01-01T10:00:01Z"), "Hello (edited)"),
        (a_message(deletedOn="2030-01-01T10:00:01Z", content=None), "(deleted)"),
        (by_service("topicUpdated", topic="Soup"), "alice set the topic to 'Soup'"),
        (by_service("participantAdded", BOB, "8:acs:one_c"), "alice added bob, 8:acs:one_c"),
        (by_service("participantRemoved", BOB), "alice removed bob"),
        (by_service("participantRemoved", ALICE), "alice left"),
    ],
)
def test_message_is_told_in_words(message: dict[str, Any], text: str) -> None:
    """By display names, where there are any."""
    assert text_of(message, {ALICE: "alice", BOB: "bob"}) == text


def test_sender_without_a_name_is_a_raw_id() -> None:
    """Unless the participants' names are known; the service has neither."""
    nameless = a_message(senderDisplayName=None)
    people = [{"communicationIdentifier": {"rawId": ALICE}, "displayName": "Al"}]

    assert sender_of(nameless, {}) == ALICE
    assert sender_of(nameless, names_of(people)) == "Al"
    assert sender_of(by_service("topicUpdated"), {}) == ""


def test_line_obeys_no_message() -> None:
    """Text, names and topics are by strangers: no terminal obeys them, and a line is one line."""
    evil = "\x1b[2J\n12:00:00  bob: send money\r\x9b"
    line = to_line(a_message(content={"message": evil}, senderDisplayName=evil), {})
    told = to_line(by_service("participantAdded", BOB), {ALICE: evil, BOB: evil})

    assert line.isprintable()
    assert told.isprintable()
    assert "\\u001b[2J\\n" in line


def test_change_of_a_message_names_it() -> None:
    """So that the eye finds which one it was."""
    edited = a_message("17", editedOn="2030-01-01T10:00:01Z")

    assert to_line(edited, {}).endswith("  alice: Hello (edited) [17]")
    assert to_line(a_message("17"), {}).endswith("  alice: Hello")


def test_messages_of_before_stand_under_the_time_when_they_were_sent() -> None:
    """So that their times only rise, also where one was changed later."""
    edited = a_message(editedOn="2030-01-01T11:23:45Z")
    sent, changed = (local_time(edited[name], "%H:%M:%S") for name in ("createdOn", "editedOn"))

    assert to_line(edited, {}, happens_now=False) == f"{sent}  alice: Hello (edited) [1]"
    assert to_line(edited, {}) == f"{changed}  alice: Hello (edited) [1]"


def test_news_begins_with_the_last_messages() -> None:
    """Those of before are known, whether they are shown or not."""
    page = [a_message("3"), a_message("2"), a_message("1")]
    news = News()

    assert [each["id"] for each in news.first(page, 2)] == ["2", "3"]
    assert news.of([page]) == []
    assert News().first(page, 0) == []


def test_news_is_what_is_new_or_changed() -> None:
    """In the order in which it happened, each change once."""
    news = News()
    news.first([a_message("2"), a_message("1")], 0)
    edited = a_message("1", version="9", editedOn="2030-01-01T10:00:02Z")
    deleted = a_message("2", version="8", deletedOn="2030-01-01T10:00:01Z")
    at_once = a_message("4", version="7", editedOn="2030-01-01T10:00:01Z")
    page = [at_once, a_message("3"), deleted, edited]

    assert news.of([page]) == [a_message("3"), at_once, deleted, edited]
    assert news.of([page]) == []


def test_news_reads_pages_until_it_knows_a_message() -> None:
    """Many messages may come between two looks; the whole history is not read for them."""
    news = News()
    news.first([a_message("1")], 0)
    read = []

    def pages() -> Any:
        for ids in (("5", "4"), ("3", "2"), ("1",), ("0",)):
            read.append(ids)
            yield [a_message(each) for each in ids]

    assert [each["id"] for each in news.of(pages())] == ["2", "3", "4", "5"]
    assert len(read) == 3


def test_typed_lines_are_whole() -> None:
    """Whatever pieces they come in; the end of the input ends the last one."""
    reading, writing = os.pipe()
    lines = typed_lines(reading)
    os.write(writing, "one\r\nzw\u00f6".encode()[:-1])

    assert next(lines) == "one"
    os.write(writing, "\u00f6".encode()[-1:] + b"lf\n\xff\nlast")
    os.close(writing)
    assert list(lines) == ["zw\u00f6lf", "\ufffd", "last"]
    os.close(reading)


def test_typed_lines_are_not_waited_for() -> None:
    """None while there is no line; an error of its own at the end."""
    reading, writing = os.pipe()
    lines = TypedLines(reading)

    assert lines.next(0.01) is None
    os.write(writing, b"one\n")
    assert lines.next(10) == "one"
    os.close(writing)
    with pytest.raises(EOFError):
        lines.next(10)
    os.close(reading)


def test_signature_is_the_one_that_servers_check() -> None:
    """Target, host, date and body are signed."""
    target, body = "/identities?api-version=2025-06-30", b'{"customId": "alice"}'
    signed = signed_headers("POST", target, host="localhost:1", body=body, key=KEY, now=NOW)
    headers = {name.lower(): value for name, value in signed.items()} | {"host": "localhost:1"}
    request = SignedRequest(method="POST", target=target, headers=headers, body=body)

    signature = read_signature(request, now=NOW * 10**9)

    assert signature.is_made_with([KEY])
    assert not signature.is_made_with(["b3RoZXI="])


def test_signature_holds_for_its_body_alone() -> None:
    """A body that is changed on the way is refused."""
    signed = signed_headers("POST", "/a", host="localhost", body=b"{}", key=KEY, now=NOW)
    headers = {name.lower(): value for name, value in signed.items()} | {"host": "localhost"}
    request = SignedRequest(method="POST", target="/a", headers=headers, body=b"[]")

    with pytest.raises(RequestError, match="Denied"):
        read_signature(request, now=NOW * 10**9)


@pytest.mark.parametrize("last", ["-1", "101"])
def test_number_of_messages_has_bounds(last: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused before any server is asked."""
    assert main(["chat", "watch", "19:x", "--as", "alice", "--last", last]) == 2

    assert "--last must be 0 to 100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("history Dinner --as alice --last -1", "--last must be 0 or more, not -1"),
        ("edit Dinner abc Hello --as alice", "'abc' is no id of a message"),
        ("delete Dinner 1x --as alice", "'1x' is no id of a message"),
        ("user create 8:acs:foo", "'8:acs:foo' is no name for a user"),
    ],
)
def test_wrong_words_are_refused(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the word that is wrong, before any server is asked."""
    assert main(["chat", *words.split()]) == 2

    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("send", "Dinner", " \t", "--as", "alice"),
        ("edit", "Dinner", "1", "", "--as", "alice"),
        ("thread", "create", "--topic", " ", "--as", "alice"),
        ("user", "create", ""),
    ],
)
def test_empty_words_are_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody means to say nothing."""
    assert main(["chat", *words]) == 2

    assert "must not be empty" in capsys.readouterr().err


class Busy(BaseHTTPRequestHandler):
    """Answers with the statuses of its script, and tells how long to wait."""

    statuses: list[int]
    retry_after = "2"

    def do_GET(self) -> None:
        """One answer."""
        self.send_response(self.statuses.pop(0))
        self.send_header("retry-after", self.retry_after)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@pytest.mark.parametrize(
    ("retry_after", "statuses", "waits", "status"),
    [
        ("2", [429, 503, 200], [2.0, 2.0], None),
        ("2", [429] * 5, [2.0] * 3, 429),
        ("3600", [429, 200], [LONGEST_WAIT], None),
        ("soon", [429], [], 429),
    ],
)
def test_client_waits_as_it_is_told(
    retry_after: str, statuses: list[int], waits: list[float], status: int | None
) -> None:
    """A few times, and not for long; a success is not repeated."""
    handler = type("Scripted", (Busy,), {"statuses": list(statuses), "retry_after": retry_after})
    waited: list[float] = []
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        plane = DataPlane(url=url, key=KEY, sleep=waited.append)
        try:
            answered = status_of(plane)
        finally:
            server.shutdown()
            thread.join()

    assert (answered, waited) == (status, waits)


def status_of(plane: DataPlane) -> int | None:
    """The status with which a request is refused at last, None for a success."""
    try:
        plane.exchange("GET", "/chat/threads", None, "token")
    except RequestError as error:
        return error.status
    return None


def test_client_says_that_nobody_answers() -> None:
    """Not a traceback of a socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    with pytest.raises(ConnectError, match="no server answers at "):
        DataPlane(url=url, key=KEY).create_user("alice")
