"""How names become connections: every allowed address in turn, one question for many."""

import asyncio
from collections.abc import Awaitable, Callable

from switchhook.grid.ports import Failure, WebhookRequest
from switchhook.webhook.addresses import AddressRules, Endpoint
from switchhook.webhook.connect import Connector, Unreachable
from switchhook.webhook.connection import Connection
from switchhook.webhook.proxies import ProxyEnvironment
from switchhook.webhook.traffic import Traffic
from switchhook.webhook.trust import make_context
from tests.receiver import Receiver
from tests.webhook.exchanges import within

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Owner:
    """Nobody pools these connections."""

    def released(self, connection: Connection, now: int) -> None:
        """Never: nothing is sent."""

    def lost(self, connection: Connection, unanswered: WebhookRequest | None) -> None:
        """The test is over."""


def knowing(*addresses: str) -> Resolve:
    """A resolver for one name."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return resolve


def a_connector(port: int, resolve: Resolve, *, allow_http: bool = False) -> Connector:
    """For `hooks.example`."""
    rules = AddressRules(allow_http, ProxyEnvironment({}))
    return Connector(Endpoint("http", "hooks.example", port), rules, make_context, resolve)


async def connect(connector: Connector) -> Connection | Unreachable:
    """One connection, closed again."""
    outcome = await within(connector.connect(lambda: Connection(Owner(), Traffic()), 5.0))
    if isinstance(outcome, Connection):
        outcome.abandon()
    return outcome


async def test_every_address_is_tried_in_turn(receiver: Receiver) -> None:
    """The first refuses, the second answers."""
    connector = a_connector(receiver.port, knowing("127.0.0.9", "127.0.0.1"))

    assert isinstance(await connect(connector), Connection)


async def test_failure_names_every_address() -> None:
    """So that one sees what was tried."""
    async with Receiver() as gone:
        port = gone.port

    outcome = await connect(a_connector(port, knowing("127.0.0.8", "127.0.0.9")))

    assert isinstance(outcome, Unreachable)
    assert outcome.failure is Failure.SOCKET_ERROR
    assert "127.0.0.8" in outcome.detail
    assert "127.0.0.9" in outcome.detail


async def test_resolved_address_decides_whether_http_is_allowed(receiver: Receiver) -> None:
    """A name proves nothing: the addresses behind it are what is connected to."""
    away = await connect(a_connector(receiver.port, knowing("192.0.2.1")))
    mixed = await connect(a_connector(receiver.port, knowing("192.0.2.1", "127.0.0.1")))

    assert isinstance(away, Unreachable)
    assert away.failure is Failure.ABORTED
    assert "192.0.2.1" in away.detail
    assert isinstance(mixed, Connection)


async def test_many_connections_share_one_question(receiver: Receiver) -> None:
    """A burst to a new webhook asks for its addresses once."""
    questions = 0

    async def resolve(_host: str, _port: int) -> list[str]:
        nonlocal questions
        questions += 1
        await asyncio.Event().wait() if questions > 1 else None
        return ["127.0.0.1"]

    connector = a_connector(receiver.port, resolve)
    await asyncio.gather(*(connect(connector) for _ in range(10)))
    await connect(connector)

    assert questions == 1


async def test_failed_question_is_asked_again(receiver: Receiver) -> None:
    """A name that was not there may be there now."""
    answers: list[list[str]] = [[], ["127.0.0.1"]]

    async def resolve(_host: str, _port: int) -> list[str]:
        addresses = answers.pop(0)
        if not addresses:
            raise OSError("no such name")
        return addresses

    connector = a_connector(receiver.port, resolve)
    first = await connect(connector)
    second = await connect(connector)

    assert isinstance(first, Unreachable)
    assert first.failure is Failure.RESOLUTION_ERROR
    assert isinstance(second, Connection)
