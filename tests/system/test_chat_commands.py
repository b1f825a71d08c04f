"""`switchhook chat` beside a running server."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from examples.stage import running_switchhook
from switchhook.cli.arm_client import ArmClient
from switchhook.cli.chat_client import CHAT_VERSION, DataPlane
from switchhook.cli.main import main
from switchhook.defaults import COMMUNICATION_NAME
from switchhook.errors import RequestError
from tests.system.conftest import Serve
from tests.system.server_process import Command, Ended, RunningCommand

pytestmark = pytest.mark.system

WAIT = 15.0

Chat = Callable[..., Any]
"""Runs a chat command that has to succeed; answers what it prints as JSON."""
Refused = Callable[..., str]
"""Runs one that has to fail; answers what it says."""


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    """The data folder of a server for all tests but those that end it."""
    with running_switchhook() as stage:
        yield str(stage.folder)


@pytest.fixture
def place(folder: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, ...]:
    """Options that name a resource of the test's own."""
    name = f"chat-{uuid4().hex[:8]}"
    assert main(["communication", "create", name, "--data", folder]) == 0
    capsys.readouterr()
    return ("--communication", name, "--data", folder)


@pytest.fixture
def chat(place: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Chat:
    """Runs in this process: only the server is another."""

    def run(*words: str) -> Any:
        code = main(["chat", *words, *place, "--json"])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return json.loads(captured.out) if captured.out else None

    return run


@pytest.fixture
def refused(place: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Refused:
    """The same for a command that has to fail: answers what it says."""

    def run(*words: str, code: int = 1) -> str:
        assert main(["chat", *words, *place]) == code
        return capsys.readouterr().err

    return run


@pytest.fixture
def thread(chat: Chat) -> str:
    """The id of a thread of Alice and Bob."""
    words = ("thread", "create", "--topic", "Dinner", "--as", "alice", "--with", "bob")
    thread_id: str = chat(*words)["chatThread"]["id"]
    return thread_id


def id_of(chat: Chat, name: str) -> str:
    """The raw id of a user."""
    raw_id: str = chat("user", "create", name)["identity"]["id"]
    return raw_id


def texts(chat: Chat, thread: str, user: str = "alice") -> list[str]:
    """What people wrote, oldest first."""
    found = chat("history", thread, "--as", user)
    return [each.get("content", {}).get("message") for each in found if each["type"] == "text"]


def test_name_is_one_user(chat: Chat) -> None:
    """A name stands for the same user each time; without one it is another user."""
    alice = id_of(chat, "alice")

    assert id_of(chat, "alice") == alice
    assert id_of(chat, "bob") != alice
    assert chat("user", "create")["identity"]["id"] != alice


def test_token_is_of_its_user(
    place: tuple[str, ...], chat: Chat, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is printed alone, for scripts; by raw id as by name."""
    alice = id_of(chat, "alice")
    code = main(["chat", "user", "token", alice, *place])
    token = capsys.readouterr().out

    assert code == 0
    assert token.count(".") == 2
    assert len(token.split()) == 1
    assert set(chat("user", "token", "alice", "--scope", "voip")) == {"token", "expiresOn"}


def test_users_who_are_deleted_leave(chat: Chat, thread: str, refused: Refused) -> None:
    """The name then stands for nobody, and its next use makes another user."""
    before = id_of(chat, "bob")
    chat("user", "delete", "bob")

    assert id_of(chat, "bob") != before
    assert "not allowed" in refused("send", thread, "Hello", "--as", "bob")


def test_unknown_name_is_nobody(chat: Chat, thread: str, refused: Refused) -> None:
    """Where a command is about somebody who is there already, it makes no user."""
    before = chat("user", "list")
    for words in (
        ("user", "revoke", "alcie"),
        ("user", "delete", "alcie"),
        ("thread", "remove", thread, "alcie", "--as", "alice"),
    ):
        assert "no such user: 'alcie'" in refused(*words, code=2)

    assert [each["name"] for each in chat("user", "list")] == [each["name"] for each in before]


def test_users_are_listed(
    place: tuple[str, ...], chat: Chat, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those with names and those without, deleted ones no longer."""
    ids = [id_of(chat, name) for name in ("alice", "bob")]
    nameless = chat("user", "create")["identity"]["id"]
    chat("user", "delete", "bob")
    chat("user", "token", "alice")
    found = {each["name"]: each["properties"] for each in chat("user", "list")}
    assert main(["chat", "user", "list", *place]) == 0
    table = capsys.readouterr().out.splitlines()

    client = ArmClient.open(place[3])
    path = f"{client.communication_id(place[1])}/providers/Switchhook.Communication/users"
    paged = client.list(f"{path}?api-version=2025-02-15&$top=1")

    assert [each["name"] for each in paged] == sorted([ids[0], nameless])
    assert found.keys() == {ids[0], nameless}
    assert [found[each]["customId"] for each in (ids[0], nameless)] == ["alice", None]
    assert found[ids[0]]["lastTokenIssuedOn"] >= found[ids[0]]["createdOn"]
    assert found[nameless]["lastTokenIssuedOn"] is None
    assert len(table) == 3
    assert any(line.startswith(f"alice  {ids[0]}") for line in table)


def test_those_who_come_and_go_are_named(
    place: tuple[str, ...], thread: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line each time."""
    assert main(["chat", "thread", "add", thread, "carol", "dave", "--as", "alice", *place]) == 0
    assert main(["chat", "thread", "remove", thread, "dave", "--as", "alice", *place]) == 0

    assert capsys.readouterr().out == "added: carol, dave\nremoved: dave\n"


def test_reset_leaves_users_and_their_tokens(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are part of what a test has set up; `--all` leaves nobody."""

    def run(*words: str) -> Any:
        assert main([*words, "--data", folder, "--json"]) == 0, capsys.readouterr().err
        text = capsys.readouterr().out
        return json.loads(text) if text else None

    arguments = argparse.Namespace(data=folder, communication=COMMUNICATION_NAME)
    plane = DataPlane.open(arguments)
    threads = f"/chat/threads?api-version={CHAT_VERSION}"
    token = run("chat", "user", "token", "alice")["token"]
    created = run("chat", "thread", "create", "--topic", "Dinner", "--as", "alice", "--with", "bob")
    users = [each["name"] for each in run("chat", "user", "list")]

    run("reset")

    assert [each["name"] for each in run("chat", "user", "list")] == users
    assert plane.exchange("GET", threads, None, token)["value"] == []
    gone = ("chat", "history", created["chatThread"]["id"], "--as", "alice")
    assert main([*gone, "--data", folder]) == 1
    capsys.readouterr()
    assert run("chat", "thread", "create", "--topic", "Dinner", "--as", "alice")["chatThread"]

    run("reset", "--all")

    assert run("chat", "user", "list") == []
    with pytest.raises(RequestError) as refused:
        plane.exchange("GET", threads, None, token)
    assert refused.value.status == 401


def test_participants_have_their_names(chat: Chat, thread: str) -> None:
    """The creator is one of them, once."""
    found = chat("thread", "show", thread, "--as", "bob")

    assert found["topic"] == "Dinner"
    people = {each["communicationIdentifier"]["rawId"]: each for each in found["participants"]}
    assert {raw_id: each["displayName"] for raw_id, each in people.items()} == {
        id_of(chat, "alice"): "alice",
        id_of(chat, "bob"): "bob",
    }


def test_participants_come_and_go(chat: Chat, thread: str, refused: Refused) -> None:
    """Who is added may write, who is removed may not."""
    chat("thread", "add", thread, "carol", "--as", "alice")
    chat("send", thread, "Hello", "--as", "carol")
    chat("thread", "remove", thread, "carol", "--as", "bob")

    assert "not allowed" in refused("send", thread, "Hello again", "--as", "carol")
    assert texts(chat, thread) == ["Hello"]


def test_unknown_user_is_not_added(chat: Chat, thread: str, refused: Refused) -> None:
    """It is said who, and the exit code is 1."""
    nobody = id_of(chat, "alice")[:-12] + "0" * 12

    assert f"not added: {nobody}: " in refused("thread", "add", thread, nobody, "--as", "alice")


def test_thread_is_known_by_its_topic(chat: Chat, thread: str, refused: Refused) -> None:
    """If the user has one thread of that topic, and no other."""
    chat("send", "Dinner", "Soup?", "--as", "bob")
    assert texts(chat, thread) == ["Soup?"]

    said = refused("send", "Lunch", "Soup?", "--as", "bob", code=2)
    assert "'bob' has no thread with the topic 'Lunch'" in said
    other = chat("thread", "create", "--topic", "Dinner", "--as", "bob")["chatThread"]["id"]
    said = refused("send", "Dinner", "Soup?", "--as", "bob", code=2)
    assert "'bob' has 2 threads" in said
    assert sorted(said.split()[-2:]) == sorted([thread, other])
    assert len(chat("thread", "list", "--as", "bob")) == 2
    assert len(chat("thread", "list", "--as", "alice")) == 1


def test_deleted_thread_is_gone(
    place: tuple[str, ...],
    chat: Chat,
    thread: str,
    refused: Refused,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For everybody; its topic is free for another, and lists mark it."""
    chat("thread", "delete", thread, "--as", "alice")

    assert refused("history", thread, "--as", "bob").startswith("switchhook: ")
    said = refused("history", "Dinner", "--as", "bob", code=2)
    assert said.endswith("'Dinner'; it was deleted\n")
    chat("thread", "create", "--topic", "Dinner", "--as", "bob")
    chat("send", "Dinner", "Soup?", "--as", "bob")
    assert texts(chat, "Dinner", "bob") == ["Soup?"]
    assert main(["chat", "thread", "list", "--as", "bob", *place]) == 0
    listed = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "Dinner (deleted " in listed[thread]
    assert sum("(deleted" in line for line in listed.values()) == 1


def test_message_is_edited_and_deleted(chat: Chat, thread: str, refused: Refused) -> None:
    """By its sender alone."""
    first = chat("send", thread, "Soup?", "--as", "alice")["id"]
    second = chat("send", thread, "<b>Soup!</b>", "--html", "--as", "bob")["id"]
    chat("edit", thread, first, "Salad?", "--as", "alice")
    chat("delete", thread, second, "--as", "bob")

    assert refused("edit", thread, first, "Steak", "--as", "bob").startswith("switchhook: ")
    found = {each["id"]: each for each in chat("history", thread, "--as", "bob")}
    assert found[first]["content"]["message"] == "Salad?"
    assert found[first]["senderDisplayName"] == "alice"
    assert found[second]["type"] == "html"
    assert "deletedOn" in found[second]


def test_history_ends_with_the_last(chat: Chat, thread: str) -> None:
    """`--last` leaves out what is older."""
    for text in ("one", "two", "three"):
        chat("send", thread, text, "--as", "alice")

    shown = chat("history", thread, "--as", "bob", "--last", "2")
    assert [each["content"]["message"] for each in shown] == ["two", "three"]


def test_tables_are_for_people(
    place: tuple[str, ...], chat: Chat, thread: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever people write into them."""
    chat("send", thread, "\x1b[2Jboo", "--as", "alice")

    def shown(*words: str) -> str:
        assert main(["chat", *words, "--as", "bob", *place]) == 0
        return capsys.readouterr().out

    history = shown("history", thread)
    assert "\\u001b[2Jboo" in history
    assert "\x1b" not in history
    assert "alice set the topic to 'Dinner'" in history
    assert "Dinner" in shown("thread", "list")
    assert "bob " in shown("thread", "show", thread)


async def test_watch_prints_what_happens(
    place: tuple[str, ...], command: Command, chat: Chat, thread: str
) -> None:
    """Messages, edits, deletions, topics and people; Ctrl-C is its end, and no error."""
    first = chat("send", thread, "before", "--as", "alice")["id"]
    watching = await command.start(*("chat", "watch", thread, "--as", "bob", "--last", "1", *place))
    lines = [await watching.line(WAIT)]
    for words in (
        ("send", thread, "Soup?", "--as", "alice"),
        ("edit", thread, first, "changed", "--as", "alice"),
        ("delete", thread, first, "--as", "alice"),
        ("thread", "add", thread, "carol", "--as", "alice"),
    ):
        chat(*words)
        lines.append(await watching.line(WAIT))
    ended = await stopped(watching, signal.SIGINT)

    said = [line.rstrip("\n").partition("  ")[2] for line in lines]
    assert said == [
        "alice: before",
        "alice: Soup?",
        f"alice: changed (edited) [{first}]",
        f"alice: (deleted) [{first}]",
        "* alice added carol",
    ]
    assert (ended.code, ended.stderr) == (0, "")


async def test_watch_ends_when_the_user_is_removed(
    place: tuple[str, ...], command: Command, chat: Chat, thread: str
) -> None:
    """It says why; the exit code is 0, for nothing failed."""
    words = ("chat", "watch", thread, "--as", "bob", "--last", "1", "--json")
    watching = await command.start(*words, *place)
    line = json.loads(await watching.line(WAIT))
    chat("thread", "remove", thread, "bob", "--as", "alice")
    ended = await watching.ended(WAIT)

    assert line["type"] == "topicUpdated"
    assert ended.code == 0
    assert "the thread has ended for this user" in ended.stderr


async def test_watch_ends_with_the_server(serve: Serve, command: Command) -> None:
    """That is a failure: the exit code is 1."""
    server = await serve()
    data = ("--data", str(server.data))
    await command.run("chat", "thread", "create", "--topic", "Dinner", "--as", "alice", *data)
    watching = await command.start("chat", "watch", "Dinner", "--as", "alice", *data)
    await watching.line(WAIT)
    await server.stop()
    ended = await watching.ended(WAIT)

    assert ended.code == 1
    assert "no server answers" in ended.stderr


async def test_talk_sends_lines_and_prints_those_of_others(
    place: tuple[str, ...], command: Command, chat: Chat, thread: str
) -> None:
    """One's own are not repeated; a line that looks like a command is not sent by accident."""
    async with talking(command, place, thread, "alice") as talk:
        assert "set the topic" in await last_of_before(talk)
        chat("send", thread, "Hello Alice", "--as", "bob")
        assert (await talk.line()).endswith("  bob: Hello Alice\n")
        for line in ("Hello Bob", "", "/who", "//shrug", "x" * 30_000, "Bye", "/quit", "not sent"):
            talk.type(line)
        ended = await talk.ended()

    assert texts(chat, thread) == ["Hello Alice", "Hello Bob", "/shrug", "Bye"]
    assert ended.code == 0
    assert ended.stdout == ""
    assert "only /quit is a command" in ended.stderr
    assert "not sent: " in ended.stderr


async def test_talk_goes_on_with_a_new_token(
    place: tuple[str, ...], command: Command, chat: Chat, thread: str
) -> None:
    """When the one that it had is worthless."""
    async with talking(command, place, thread, "alice") as talk:
        await last_of_before(talk)
        chat("user", "revoke", "alice")
        talk.type("Still here")
        ended = await talk.ended()

    assert (ended.code, ended.stderr) == (0, "")
    assert texts(chat, thread) == ["Still here"]


async def test_talk_ends_with_its_input(
    place: tuple[str, ...], command: Command, chat: Chat, thread: str
) -> None:
    """As in a pipe: what was typed is sent, the last line without an end too."""
    async with talking(command, place, thread, "bob") as talk:
        talk.type("one\ntwo", end="")
        ended = await talk.ended()

    assert (ended.code, ended.stderr) == (0, "")
    assert texts(chat, thread) == ["one", "two"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_talk_ends_with_a_signal(
    place: tuple[str, ...], command: Command, thread: str, number: signal.Signals
) -> None:
    """Though it waits for a line."""
    async with talking(command, place, thread, "bob") as talk:
        await last_of_before(talk)
        ended = await talk.ended_at(number)

    assert (ended.code, ended.stderr) == (0, "")


async def last_of_before(talk: "Talk") -> str:
    """The second of the messages that tell of a new thread."""
    await talk.line()
    return await talk.line()


async def stopped(process: RunningCommand, number: signal.Signals) -> Ended:
    """How a command ends at a signal."""
    process.send_signal(number)
    return await process.ended(WAIT)


class Talk:
    """A running `chat talk` and its keyboard."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def type(self, text: str, end: str = "\n") -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write((text + end).encode())

    async def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), WAIT)).decode()

    async def ended_at(self, number: signal.Signals) -> Ended:
        """How it ends at a signal, with its input still open."""
        self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), WAIT)
        stdout, stderr = await self.process.communicate()
        return Ended(code, stdout.decode(), stderr.decode())

    async def ended(self) -> Ended:
        """How it ends when its input does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        stdout, stderr = await asyncio.wait_for(self.process.communicate(), WAIT)
        code = self.process.returncode
        assert code is not None
        return Ended(code, stdout.decode(), stderr.decode())


@asynccontextmanager
async def talking(
    command: Command, place: tuple[str, ...], thread: str, user: str
) -> AsyncIterator[Talk]:
    """A talk that ends with the test."""
    words = ("chat", "talk", thread, "--as", user, *place)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "switchhook", *words),
        env=command.environment,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )
    try:
        yield Talk(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
