"""What do sending, editing and deleting a message come to?"""

from typing import Any

import pytest
from msgspec import UNSET

from switchhook.clock import MILLISECOND, SECOND
from switchhook.communication.chat.happenings import MessageDeleted, MessageEdited, MessageSent
from switchhook.communication.chat.messages import (
    MAX_SANITIZED_BYTES,
    delete,
    edit,
    is_visible,
    send,
)
from switchhook.communication.chat.metadata import MetadataPatch, merge
from switchhook.communication.chat.model import Head, MessageKind, Participant
from switchhook.communication.chat.request_values import (
    MAX_CONTENT_BYTES,
    MAX_MESSAGE_METADATA_BYTES,
)
from switchhook.communication.chat.requests import SendMessage, UpdateMessage
from switchhook.communication.chat.state import Step
from switchhook.errors import RequestError
from tests.rules.chat.message_builders import (
    ALICE,
    BOB,
    CAROL,
    NOW,
    NOW_IN_MS,
    a_message,
    a_state,
)

LATER = NOW + 5 * SECOND
LATER_IN_MS = NOW_IN_MS + 5000
NEW_TEXT = UpdateMessage(content="hello again")


@pytest.mark.parametrize("kind", [MessageKind.TEXT, MessageKind.HTML])
def test_sent_message_comes_next(kind: MessageKind) -> None:
    """Its version is its id; the thread, the record and the happening agree."""
    state = a_state(head=Head(sequence=2, message_id=NOW_IN_MS - 50))
    request = SendMessage(
        content="καλημέρα 🌞", kind=kind, sender_display_name="A.", metadata={"k": "v"}
    )
    step = send(state, ALICE, request, NOW)
    (message,) = step.messages

    assert (message.id, message.version, message.sequence) == (NOW_IN_MS, NOW_IN_MS, 3)
    assert (message.kind, message.content, message.metadata) == (kind, "καλημέρα 🌞", {"k": "v"})
    assert (message.sender, message.sender_display_name) == (ALICE, "A.")
    assert (message.created_at, message.edited_at, message.deleted_at) == (NOW, None, None)
    assert step.state.head == Head(sequence=3, message_id=NOW_IN_MS, last_message_at=NOW)
    assert step.happening == MessageSent(thread=state.thread, message=message)


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("<p>Soup &amp; <b>bread</b><br></p>", "<p>Soup &amp; <b>bread</b><br></p>"),
        ('<a href="https://example.com/menu">menu</a>',) * 2,
        ("no markup at all",) * 2,
        ("hi<script>alert(1)</script>", "hi"),
        ('<img src="https://example.com/x.png" alt="x" onerror="alert(1)">', '<img alt="x">'),
        ('<a href="javascript:alert(1)">x</a>', "<a>x</a>"),
        ('<a href="ftp://example.com/x">x</a>', "<a>x</a>"),
        ("<details><summary>x</summary></details>", "x"),
        ('<p style="position:fixed" class="a" onclick="f()">x</p>', "<p>x</p>"),
        ("<form><input value='x'>text</form><iframe src=x></iframe>", "text"),
        ("1 < 2", "1 &lt; 2"),
        ('<b title="x">1</b><I/>2</I> <b y <b', "<b>1</b><i>2</i> "),
    ],
)
def test_html_is_sanitized(content: str, kept: str) -> None:
    """When it is sent and when it is edited; text that only looks like HTML is not touched."""
    state = a_state()
    sent = send(state, ALICE, SendMessage(content=content, kind=MessageKind.HTML), NOW)
    edited = edit(state, sent.messages[0], ALICE, UpdateMessage(content=content), LATER)
    plain = send(state, ALICE, SendMessage(content=content), NOW)

    assert sent.messages[0].content == edited.messages[0].content == kept
    assert plain.messages[0].content == content


def test_html_does_not_grow_by_what_it_leaves_open() -> None:
    """Parsers open such elements again in every paragraph: 75 MB of 28 KB."""
    left_open = "".join(f"<b title={each}>" for each in range(1000))
    content = f"<p>{left_open}</p>" + "<p>x" * 3000
    sent = send(a_state(), ALICE, SendMessage(content=content, kind=MessageKind.HTML), NOW)

    assert len(sent.messages[0].content or "") < MAX_SANITIZED_BYTES


def test_html_that_grows_too_large_is_refused() -> None:
    """When it is sent and when it is edited; what only has to be escaped is not."""
    state = a_state()
    escaped = SendMessage(content="&" * MAX_CONTENT_BYTES, kind=MessageKind.HTML)
    sent = send(state, ALICE, escaped, NOW).messages[0]
    large = "<p><b><i><u><s><em><code><small>" * 3 + "<p>x" * 6000

    with pytest.raises(RequestError, match="'content' has over 143360 bytes") as refused:
        send(state, ALICE, SendMessage(content=large, kind=MessageKind.HTML), NOW)
    with pytest.raises(RequestError, match="'content' has over 143360 bytes"):
        edit(state, sent, ALICE, UpdateMessage(content=large), LATER)

    assert refused.value.status == 400
    assert len(sent.content or "") == MAX_SANITIZED_BYTES


def test_messages_of_one_millisecond_have_ids_of_their_own() -> None:
    """Ids and sequences rise by one each."""
    state = a_state()
    ids = []
    for number in range(3):
        step = send(state, BOB, SendMessage(content="x"), NOW + number)
        state = step.state
        ids.append((step.messages[0].id, step.messages[0].version, step.messages[0].sequence))

    assert ids == [
        (NOW_IN_MS, NOW_IN_MS, 1),
        (NOW_IN_MS + 1, NOW_IN_MS + 1, 2),
        (NOW_IN_MS + 2, NOW_IN_MS + 2, 3),
    ]


def test_edited_message_tells_when() -> None:
    """Its version is the millisecond of the edit; when it was composed never changes."""
    state, message = a_state(), a_message()
    step = edit(state, message, ALICE, NEW_TEXT, LATER)
    (edited,) = step.messages

    assert (edited.content, edited.metadata) == ("hello again", {"colour": "red"})
    assert (edited.version, edited.edited_at) == (LATER_IN_MS, LATER)
    assert (edited.id, edited.created_at, edited.sequence) == (NOW_IN_MS, NOW, 3)
    assert step.state is state
    assert step.happening == MessageEdited(thread=state.thread, message=edited)


@pytest.mark.parametrize("now", [NOW, NOW + MILLISECOND // 2, NOW - SECOND])
def test_version_rises_even_within_a_millisecond(now: int) -> None:
    """Or when the clock was set back."""
    first = edit(a_state(), a_message(), ALICE, NEW_TEXT, now).messages[0]
    second = delete(a_state(), first, ALICE, now).messages[0]

    assert (first.version, second.version) == (NOW_IN_MS + 1, NOW_IN_MS + 2)


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (UNSET, {"a": "1", "b": "2", "empty": ""}),
        ({}, {"a": "1", "b": "2", "empty": ""}),
        (None, {}),
        ({"a": "3"}, {"a": "3", "b": "2", "empty": ""}),
        ({"a": ""}, {"b": "2", "empty": ""}),
        ({"unknown": ""}, {"a": "1", "b": "2", "empty": ""}),
        ({"c": "ü", "b": ""}, {"a": "1", "empty": "", "c": "ü"}),
    ],
)
def test_metadata_is_patched_pair_by_pair(patch: MetadataPatch, expected: dict[str, str]) -> None:
    """An empty value takes its pair away, null takes all away."""
    assert merge({"a": "1", "b": "2", "empty": ""}, patch) == expected


@pytest.mark.parametrize(("limit", "fits"), [(7, True), (6, False)])
def test_patched_metadata_keeps_its_limit(limit: int, fits: bool) -> None:
    """It counts as a whole: two names, an `é` of two bytes and three letters."""
    if fits:
        assert merge({"a": "é"}, {"b": "xyz"}, limit) == {"a": "é", "b": "xyz"}
    else:
        with pytest.raises(RequestError, match="'metadata' must not have over 6 bytes") as refusal:
            merge({"a": "é"}, {"b": "xyz"}, limit)
        assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("request_", "content", "metadata"),
    [
        (UpdateMessage(metadata={"size": "2"}), "hello", {"colour": "red", "size": "2"}),
        (UpdateMessage(metadata=None), "hello", {}),
        (UpdateMessage(content="x", metadata={"colour": ""}), "x", {}),
    ],
)
def test_edit_changes_what_it_names(
    request_: UpdateMessage, content: str, metadata: dict[str, str]
) -> None:
    """Content and metadata, each by itself or both."""
    edited = edit(a_state(), a_message(), ALICE, request_, LATER).messages[0]

    assert (edited.content, edited.metadata, edited.edited_at) == (content, metadata, LATER)


@pytest.mark.parametrize("request_", [UpdateMessage(), UpdateMessage(metadata={})])
def test_edit_that_names_nothing_changes_nothing(request_: UpdateMessage) -> None:
    """No record and no event."""
    state = a_state()

    assert edit(state, a_message(), ALICE, request_, LATER) == Step(state=state)


def test_edited_message_may_have_as_much_metadata_as_a_new_one() -> None:
    """More than threads and participants: clients keep links to files there."""
    bare, links = a_message(metadata={}), {"k": "x" * (MAX_MESSAGE_METADATA_BYTES - 1)}

    (edited,) = edit(a_state(), bare, ALICE, UpdateMessage(metadata=links), LATER).messages

    assert edited.metadata["k"] == links["k"]


def test_message_keeps_less_metadata_than_would_fill_a_store() -> None:
    """Patches add up to the limit and no further."""
    full = a_message(metadata={"k": "x" * (MAX_MESSAGE_METADATA_BYTES - 1)})

    with pytest.raises(RequestError) as refusal:
        edit(a_state(), full, ALICE, UpdateMessage(metadata={"l": "y"}), LATER)
    assert refusal.value.status == 400


def test_deleted_message_has_no_content() -> None:
    """Nor metadata; the rest stays, and the happening carries it as it is now."""
    state = a_state()
    edited = a_message(edited_at=NOW + SECOND, version=NOW_IN_MS + 1000)
    step = delete(state, edited, ALICE, LATER)
    (deleted,) = step.messages

    assert (deleted.content, deleted.metadata) == (None, {})
    assert (deleted.version, deleted.deleted_at) == (LATER_IN_MS, LATER)
    assert (deleted.id, deleted.created_at, deleted.edited_at) == (NOW_IN_MS, NOW, NOW + SECOND)
    assert (deleted.sender, deleted.sender_display_name) == (ALICE, "Alice")
    assert step.state is state
    assert step.happening == MessageDeleted(thread=state.thread, message=deleted)


def test_message_is_deleted_once() -> None:
    """A repeated request succeeds and changes nothing."""
    state = a_state()
    deleted = delete(state, a_message(), ALICE, NOW).messages[0]

    assert delete(state, deleted, ALICE, LATER) == Step(state=state)


SYSTEM = {"kind": MessageKind.TOPIC_UPDATED, "sender": None, "initiator": ALICE, "topic": "x"}


@pytest.mark.parametrize(
    ("caller", "members", "status"),
    [
        (BOB, {}, 403),
        (CAROL, {}, 403),
        (CAROL, {"sender": CAROL}, 403),
        (ALICE, SYSTEM, 403),
        (BOB, {"deleted_at": NOW}, 403),
        (ALICE, {"created_at": NOW - 1}, 404),
    ],
)
def test_others_may_not_change_a_message(caller: str, members: dict[str, Any], status: int) -> None:
    """Nor may its sender who left the thread, nor anybody one of the service."""
    state, message = a_state(share_history_time=NOW), a_message(**members)

    with pytest.raises(RequestError) as edit_refusal:
        edit(state, message, caller, NEW_TEXT, LATER)
    with pytest.raises(RequestError) as delete_refusal:
        delete(state, message, caller, LATER)
    assert (edit_refusal.value.status, delete_refusal.value.status) == (status, status)


def test_deleted_message_cannot_be_edited() -> None:
    """Not even by its sender, and not by a request that names nothing."""
    deleted = a_message(deleted_at=NOW, content=None)

    for request in (NEW_TEXT, UpdateMessage()):
        with pytest.raises(RequestError, match="was deleted") as refusal:
            edit(a_state(), deleted, ALICE, request, LATER)
        assert refusal.value.status == 404


def test_only_participants_send() -> None:
    """The thread may be known to others."""
    with pytest.raises(RequestError) as refusal:
        send(a_state(), CAROL, SendMessage(content="x"), NOW)

    assert (refusal.value.status, refusal.value.code) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("shared_since", "visible"), [(0, True), (NOW - 1, True), (NOW, True), (NOW + 1, False)]
)
def test_history_is_shared_since_an_instant(shared_since: int, visible: bool) -> None:
    """That instant included."""
    participant = Participant(raw_id=BOB, share_history_time=shared_since)

    assert is_visible(participant, a_message()) is visible
