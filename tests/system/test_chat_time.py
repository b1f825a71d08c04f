"""What happens to chat as time goes by, on a running server whose clock is moved."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio

from tests.crash.management import Management
from tests.flow.realtime.world import Visitor
from tests.receiver import Receiver
from tests.system.chat_clients import User, chat_clients, identifier
from tests.system.publishing import exchange
from tests.system.server_process import Command, ServerProcess
from tests.system.test_chat import short_types, status_of, wait_idle
from tests.system.test_credentials import call

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

CLOCK = "/providers/Switchhook.EventGrid/clocks/default"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    command: Command, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerProcess]:
    """A server for all tests, whose time only goes on."""
    data = tmp_path_factory.mktemp("time") / "data"
    running = await command.serve(data, "--virtual-clock", "--chat-rate-limits", "off")
    yield running
    assert await running.stop() == 0


@asynccontextmanager
async def hearing(server: ServerProcess) -> AsyncIterator[Receiver]:
    """A receiver of all events of the resource."""
    async with Receiver() as receiver:
        management, scope = Management(server), server.ready.communication.resource_id
        subscription = await management.subscribe(scope, "time", receiver.url)
        yield receiver
        await management.request("DELETE", subscription)


async def advance(server: ServerProcess, by: str) -> None:
    """Move the time on; what comes due on the way has happened."""
    answer = await Management(server).request("POST", f"{CLOCK}/advance", {"by": by})
    assert answer.status == 200, answer


async def retain(server: ServerProcess, user: User, thread_id: str, days: int) -> None:
    """Set a retention policy, which the Python client does not know."""
    target = f"/chat/threads/{quote(thread_id)}?api-version=2025-03-15"
    policy = {"kind": "threadCreationDate", "deleteThreadAfterDays": days}
    headers = {
        "Authorization": f"Bearer {user.token}",
        "Content-Type": "application/merge-patch+json",
    }
    body = json.dumps({"retentionPolicy": policy}).encode()
    answer = await exchange(server.ready, "PATCH", target, headers, body)
    assert answer.status == 204, answer


async def test_retention_policy_deletes_a_thread(server: ServerProcess, command: Command) -> None:
    """When its days are over, with the events of a deletion; not a day before."""
    async with hearing(server) as receiver:
        with chat_clients(server) as clients:
            alice, bob = await call(lambda: (clients.user(), clients.user()))
            thread_id, other = await call(
                lambda: (clients.create(alice, bob), clients.create(alice, bob))
            )
            await call(clients.thread(alice, thread_id).send_message, "Hi")
            await retain(server, alice, thread_id, 30)
            await advance(server, "P29D")
            await wait_idle(server)
            before = len(receiver.events)
            assert await call(clients.texts, alice, thread_id) == ["Hi"]
            ended = await command.run("clock", "advance", "1d", "--data", str(server.data))
            events = receiver.events[before:]
            refused = await call(
                status_of, clients.thread(alice, thread_id).send_message, "Too late"
            )
            await call(clients.thread(alice, other).send_message, "Here")

    assert ended.code == 0, ended.stderr
    assert short_types(events) == {"ChatThreadDeleted": 1, "ChatThreadWithUserDeleted": 2}
    assert {each["data"]["threadId"] for each in events} == {thread_id}
    assert refused == 404


async def test_user_who_does_not_come_back_is_disconnected(server: ServerProcess) -> None:
    """After the grace period of virtual time, once; one who comes back in time is not."""
    with chat_clients(server) as clients:
        alice, bob = await call(lambda: (clients.user(), clients.user()))
    port = urlsplit(server.ready.http_endpoint).port
    assert port is not None
    visitor = Visitor(port)
    async with hearing(server) as receiver:
        async with visitor.page(alice.token), visitor.page(bob.token, "one"):
            await wait_idle(server)
        await advance(server, "PT20S")
        async with visitor.page(bob.token, "two"):
            await advance(server, "PT1H")
            events = receiver.events
        await advance(server, "PT1H")
        await advance(server, "PT1H")
        later = receiver.events[len(events) :]

    assert Counter(each["subject"] for each in events) == {f"user/{alice.raw_id}": 1}
    assert Counter(each["subject"] for each in later) == {f"user/{bob.raw_id}": 1}
    assert short_types([*events, *later]) == {"UserDisconnected": 2}


async def test_waiting_for_quiet_waits_for_chat(server: ServerProcess) -> None:
    """A deleted user has left all threads, more than one pass takes, and all has been delivered."""
    count = 120
    with chat_clients(server) as clients:
        alice, bob = await call(lambda: (clients.user(), clients.user()))
        threads = await call(lambda: [clients.create(alice, bob) for _ in range(count)])
        await wait_idle(server)
        async with hearing(server) as receiver:
            await call(clients.identity.delete_user, identifier(bob))
            await wait_idle(server)
            events = receiver.events

    assert short_types(events) == {
        "ChatThreadParticipantRemoved": count,
        "ChatParticipantRemovedFromThreadWithUser": count,
    }
    assert {each["data"]["threadId"] for each in events} == set(threads)
