"""Identity and chat of the real command, with the official Python clients."""

import asyncio
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from azure.core.exceptions import HttpResponseError

from tests.crash.management import Management
from tests.receiver import Receiver
from tests.system.chat_clients import User, chat_clients, identifier, participant
from tests.system.publishing import exchange
from tests.system.server_process import Command, ServerProcess
from tests.system.test_credentials import call
from tests.wire import signed_headers

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

BOT = "28:orgid:11111111-2222-4333-8444-555555555555"
SCRIPT = Path(__file__).parents[1] / "compat/scripts/chat.py"
WAIT_IDLE = "/providers/Switchhook.EventGrid/waitIdle"


def status_of(action: Callable[..., Any], *arguments: Any, **options: Any) -> int | None:
    """With what status something is refused."""

    def read() -> None:
        list(action(*arguments, **options))  # what is a list asks only when it is read

    with pytest.raises(HttpResponseError) as refused:
        read()
    return refused.value.status_code


async def wait_idle(server: ServerProcess) -> None:
    """Until nothing is due or on its way."""
    answer = await Management(server).request("POST", WAIT_IDLE)
    assert answer.status == 200, answer


def short_types(events: list[dict[str, Any]]) -> Counter[str]:
    """How many there are of each type."""
    return Counter(event["eventType"].rpartition(".")[2] for event in events)


def topic_of(server: ServerProcess, resource: str) -> str:
    """What all records of a resource begin with: the incarnation of its events' topic."""
    found = read(server, "SELECT value FROM records WHERE collection = 'resources'")
    (own,) = (
        record["resource"]
        for (record,) in ((json.loads(row[0]),) for row in found)
        if record.get("resource", {}).get("name") == resource
    )
    return str(own["topic"])


def rows(server: ServerProcess, topic: str) -> dict[str, int]:
    """How many records each collection has of a resource; what is due disappears in its time."""
    query = (
        "SELECT collection, count(*) FROM records WHERE key >= ? AND key < ? "
        "AND collection NOT LIKE '%-due' GROUP BY collection"
    )
    return dict(read(server, query, f"{topic}/", f"{topic}0"))


def read(server: ServerProcess, query: str, *values: str) -> list[Any]:
    """What a server has written down."""
    path = f"file:{server.data}/switchhook.db?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as database:
        return database.execute(query, values).fetchall()


# --- addresses -----------------------------------------------------------------------------------


async def talk(command: Command, exports: str, **variables: str) -> list[str]:
    """What the script of the official clients prints, in a shell with these exports."""
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'{exports}\nexec "$@"', "sh", sys.executable, str(SCRIPT)),
        env={**command.environment, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-3000:]
    said: list[str] = json.loads(output)
    return said


async def test_clients_talk_over_https_by_the_exports(
    server: ServerProcess, command: Command
) -> None:
    """What `switchhook endpoints --exports` prints, and the connection string; nothing else."""
    ended = await command.run("endpoints", "--exports", "--data", str(server.data))
    communication = server.ready.communication

    said = await talk(
        command,
        ended.stdout,
        CONNECTION_STRING=communication.connection_string,
        ENDPOINT=communication.endpoint,
    )

    assert said == ["héllo", "hi 🥗"]


async def test_clients_talk_over_http(server: ServerProcess, command: Command) -> None:
    """With endpoint and key; a token goes that way when the client is told so."""
    ready = server.ready

    said = await talk(command, "", ENDPOINT=ready.http_endpoint, KEY=ready.communication.access_key)

    assert said == ["héllo", "hi 🥗"]


# --- a restart -----------------------------------------------------------------------------------


async def test_restart_changes_nothing(command: Command, tmp_path: Path) -> None:
    """Tokens in force stay so, those that are not do too; threads have their history."""
    server = await command.serve(tmp_path / "data")
    with chat_clients(server) as clients:

        def before() -> tuple[User, User, User, User, str]:
            alice, bob, carol = (clients.user() for _ in range(3))
            thread_id = clients.create(alice, bob, carol)
            clients.thread(alice, thread_id).send_message("before")
            clients.identity.revoke_tokens(identifier(bob))
            issued = clients.identity.get_token(identifier(bob), ["chat"])
            clients.identity.delete_user(identifier(carol))
            return alice, bob, User(bob.raw_id, issued.token), carol, thread_id

        alice, revoked, bob, carol, thread_id = await call(before)
        await wait_idle(server)
        told = await call(sequences, clients.thread(alice, thread_id))
    port = str(urlsplit(server.ready.https_endpoint).port)
    assert await server.stop() == 0
    again = await command.serve(tmp_path / "data", "--https-port", port)
    with chat_clients(again) as clients:

        def after() -> None:
            assert clients.texts(alice, thread_id) == ["before"]
            assert status_of(clients.chat(revoked).list_chat_threads) == 401
            assert status_of(clients.chat(carol).list_chat_threads) == 401
            clients.thread(bob, thread_id).send_message("after")
            thread = clients.thread(alice, thread_id)
            assert clients.texts(alice, thread_id) == ["before", "after"]
            assert sequences(thread) == [*told, str(int(told[-1]) + 1)]
            people = {each.identifier.raw_id for each in thread.list_participants()}
            assert people == {alice.raw_id, bob.raw_id}

        await call(after)
    assert await again.stop() == 0


def sequences(thread: Any) -> list[str]:
    """The numbers of a thread's messages, oldest first."""
    return [each.sequence_id for each in thread.list_messages()][::-1]


# --- users and resources that go -----------------------------------------------------------------


async def test_deleted_user_leaves_threads_with_events(server: ServerProcess) -> None:
    """In each of them the others are told, and the history says so."""
    async with Receiver() as receiver:
        management, communication = Management(server), server.ready.communication
        with chat_clients(server) as clients:
            alice, bob = await call(lambda: (clients.user(), clients.user()))
            threads = await call(lambda: [clients.create(alice, bob) for _ in range(3)])
            subscription = await management.subscribe(
                communication.resource_id, "leaving", receiver.url
            )
            await call(clients.identity.delete_user, identifier(bob))
            await wait_idle(server)
            events = receiver.events
            people, kinds = await call(after_leaving, clients, alice, threads)
        await management.request("DELETE", subscription)

    assert short_types(events) == {
        "ChatThreadParticipantRemoved": 3,
        "ChatParticipantRemovedFromThreadWithUser": 3,
    }
    for event in events:
        gone = event["data"]["participantRemoved"]["participantCommunicationIdentifier"]
        assert gone["rawId"] == bob.raw_id
    assert Counter(event["data"]["threadId"] for event in events) == dict.fromkeys(threads, 2)
    assert people == [{alice.raw_id}] * 3
    assert kinds == ["participantRemoved"] * 3


def after_leaving(
    clients: Any, alice: User, threads: list[str]
) -> tuple[list[set[str]], list[str]]:
    """Who is left in each thread, and of what kind its last message is."""
    clients_of = [clients.thread(alice, each) for each in threads]
    people = [{each.identifier.raw_id for each in one.list_participants()} for one in clients_of]
    return people, [str(next(iter(one.list_messages())).type.value) for one in clients_of]


@dataclass(frozen=True)
class Own:
    """A resource of a test's own; `guid` stands in its users' ids."""

    id: str
    guid: str
    key: str
    connection_string: str


async def own_resource(server: ServerProcess, name: str) -> Own:
    """Create a resource."""
    management = Management(server)
    id_ = f"{server.ready.communication.resource_id.rpartition('/')[0]}/{name}"
    body = {"location": "global", "properties": {"dataLocation": "Europe"}}
    assert (await management.request("PUT", id_, body)).status == 201
    guid = (await management.get(id_))["properties"]["immutableResourceId"]
    keys = json.loads((await management.request("POST", f"{id_}/listKeys")).body)
    return Own(id_, guid, keys["primaryKey"], keys["primaryConnectionString"])


async def named_user(server: ServerProcess, own: Own) -> str:
    """The raw id of the user of a custom id."""
    target, body = "/identities?api-version=2023-10-01", b'{"customId": "alice"}'
    host = urlsplit(server.ready.http_endpoint).netloc
    headers = signed_headers("POST", target, body, own.key, host, time.time())
    answer = await exchange(server.ready, "POST", target, headers, body)
    assert answer.status == 201, answer
    return str(json.loads(answer.body)["identity"]["id"])


async def test_users_of_two_resources_are_apart(server: ServerProcess) -> None:
    """No token, no thread and no id of one is worth anything in the other."""
    apart = await own_resource(server, "apart")
    with chat_clients(server) as here, chat_clients(server, apart.connection_string) as there:

        def work() -> None:
            alice, eve = here.user(), there.user()
            assert eve.raw_id.startswith(f"8:acs:{apart.guid}_")
            thread_id = here.create(alice)
            assert there.threads(eve) == []
            refused = [
                status_of(there.thread(eve, thread_id).list_messages),
                status_of(there.thread(eve, thread_id).send_message, "Hi"),
                status_of(there.identity.delete_user, identifier(alice)),
                status_of(there.identity.get_token, identifier(alice), ["chat"]),
            ]
            assert refused == [404, 404, 401, 401]
            ((who, error),) = here.thread(alice, thread_id).add_participants([participant(eve)])
            assert (who.identifier.raw_id, error.code) == (eve.raw_id, "403")

        await call(work)


async def test_deleted_resource_leaves_nothing(server: ServerProcess) -> None:
    """One of the same name begins with nothing, whatever people still hold."""
    first = await own_resource(server, "fleeting")
    with chat_clients(server, first.connection_string) as clients:

        def before() -> tuple[User, str]:
            alice, bob = clients.user(), clients.user()
            thread_id = clients.create(alice, bob)
            clients.thread(alice, thread_id).send_message("Hi")
            clients.thread(bob, thread_id).send_typing_notification()
            return alice, thread_id

        alice, thread_id = await call(before)
    name = await named_user(server, first)
    topic = topic_of(server, "fleeting")
    kept = rows(server, topic)
    deleted = await Management(server).request("DELETE", first.id)
    await wait_idle(server)
    left = rows(server, topic)
    second = await own_resource(server, "fleeting")
    with chat_clients(server, second.connection_string) as clients:

        def after() -> None:
            assert status_of(clients.chat(alice).list_chat_threads) == 401
            again = clients.user()
            assert clients.threads(again) == []
            assert status_of(clients.thread(again, thread_id).list_messages) == 404

        await call(after)

    assert await named_user(server, second) != name
    assert deleted.status == 204, deleted
    assert first.guid != second.guid
    assert {"identity-users", "chat-threads", "chat-messages", "chat-members"} <= kept.keys()
    assert left == {}


# --- events --------------------------------------------------------------------------------------


async def test_chat_event_is_explained_and_shown(server: ServerProcess, command: Command) -> None:
    """By the id that its receiver saw, and among the events that were accepted."""
    data = ("--data", str(server.data))
    async with Receiver() as receiver:
        management, scope = Management(server), server.ready.communication.resource_id
        subscription = await management.subscribe(scope, "explained", receiver.url)
        with chat_clients(server) as clients:
            alice = await call(clients.user)
            thread_id = await call(clients.create, alice)
        (event,) = await receiver.wait_for_events(1)
        await wait_idle(server)
        ended, tailed = await asyncio.gather(
            command.run("explain", event["id"], "--json", *data),
            command.run("events", "tail", "--no-follow", "--json", *data),
        )
        await management.request("DELETE", subscription)

    (explanation,) = json.loads(ended.stdout)["value"]
    (told,) = [each for each in explanation["subscriptions"] if each["name"] == "explained"]
    shown = [json.loads(line) for line in tailed.stdout.splitlines()]
    assert event["eventType"] == "Microsoft.Communication.ChatThreadCreated"
    assert event["subject"] == f"thread/{thread_id}/createdBy/{alice.raw_id}"
    assert [each["stage"] for each in told["deliveries"]] == ["Delivered"]
    (found,) = [each for each in shown if each["id"] == event["id"]]
    for member in ("eventType", "subject", "topic"):
        assert found[member] == event[member]


CONFIG = """
[[communication]]
name = "dev-communication"
eventSettings = { typingEvents = true, includeInitiator = true, newestMembers = true }
"""


async def add_bot(server: ServerProcess, user: User, thread_id: str) -> None:
    """Add an app to a thread; the Python client stumbles over participants who are no users."""
    target = f"/chat/threads/{quote(thread_id)}/participants/:add?api-version=2025-03-15"
    body = {"participants": [{"communicationIdentifier": {"rawId": BOT}}]}
    headers = {"Authorization": f"Bearer {user.token}", "Content-Type": "application/json"}
    answer = await exchange(server.ready, "POST", target, headers, json.dumps(body).encode())
    assert (answer.status, json.loads(answer.body)) == (201, {}), answer


async def test_settings_of_events_hold_for_chat(command: Command, tmp_path: Path) -> None:
    """Those of the configuration file, and those that a command sets while the server runs."""
    config = tmp_path / "switchhook.toml"
    config.write_text(CONFIG)
    server = await command.serve(tmp_path / "data", "--config", str(config))
    words = ("communication", "events", "set", "botEvents=true", "includeInitiator=false")
    async with Receiver() as receiver:
        scope = server.ready.communication.resource_id
        await Management(server).subscribe(scope, "settings", receiver.url)
        with chat_clients(server) as clients:
            alice, bob = await call(lambda: (clients.user(), clients.user()))
            thread_id = await call(clients.create, alice, bob)
            thread = clients.thread(alice, thread_id)
            await call(thread.send_message, "Hi")
            await call(thread.send_typing_notification)
            await wait_idle(server)
            by_file = receiver.events
            changed = await command.run(*words, "--data", str(server.data))
            await add_bot(server, alice, thread_id)
            await call(thread.send_message, "Bot!")
            await wait_idle(server)
            by_command = receiver.events[len(by_file) :]
    await server.stop()

    assert changed.code == 0, changed.stderr
    assert short_types(by_file) == {
        "ChatThreadCreated": 1,
        "ChatThreadCreatedWithUser": 2,
        "ChatMessageReceivedInThread": 1,
        "ChatMessageReceived": 2,
        "ChatTypingIndicatorReceivedInThread": 1,
    }
    messages = [each["data"] for each in by_file if "ChatMessage" in each["eventType"]]
    assert len({each["sequenceId"] for each in messages}) == 1
    assert short_types(by_command)["ChatAzureBotCommandReceivedInThread"] == 1
    copies = [each for each in by_command if each["eventType"].endswith("ChatMessageReceived")]
    recipients = {each["subject"].rpartition("/recipient/")[2] for each in copies}
    assert recipients == {bob.raw_id, BOT}


async def test_reset_forgets_chat(server: ServerProcess, command: Command) -> None:
    """Threads and what was said; users and their tokens stay, and all begins anew."""
    with chat_clients(server) as clients:
        alice = await call(clients.user)
        thread_id = await call(clients.create, alice)
        ended = await command.run("reset", "--data", str(server.data))

        def after() -> None:
            assert clients.threads(alice) == []
            assert status_of(clients.thread(alice, thread_id).list_messages) == 404
            clients.thread(alice, clients.create(alice)).send_message("Hi")

        await call(after)

    assert ended.code == 0, ended.stderr
