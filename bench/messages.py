"""SMS and chat on their whole way: credential, one commit, event, webhook. And after many others.

Nothing counts that has not arrived: each message carries a mark, and the run fails when one of
those that were accepted does not come to the webhook in its event.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench import chat_histories, sms_histories
from bench.bars import BARS
from bench.chat_stage import Client
from bench.flow import busy_note
from bench.loading import Loader, loading, storage_event
from bench.machine import Server, cpu_seconds, server, wrk
from bench.model import Result, judge
from bench.round_trips import MARK, Order
from switchhook.defaults import COMMUNICATION_NAME
from tests.crash.chat_client import NO_RATE_LIMITS, create_user, path_of
from tests.crash.http_client import Connection
from tests.system.server_process import Ready

CONNECTIONS = 64
HISTORY = 100_000
# Its last four digits name no fate of the simulated carrier: the message is delivered.
_RECIPIENT = "+14255550100"
_REPORT = "Microsoft.Communication.SMSDeliveryReportReceived"
_MESSAGE = "Microsoft.Communication.ChatMessageReceivedInThread"
_CONFIG = """
[[subscriptions]]
name = "bench"
communication = "{name}"
endpoint = "{webhook}"
validate = false
includedEventTypes = ["{report}", "{message}"]
"""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Data folders with a thread of two: with nothing else in it, and with a long history."""

    fresh: Path
    grown: Path
    thread: str
    token: str


class Rates(msgspec.Struct, frozen=True):
    """Messages a second, the processor's microseconds for each, and how busy their sender was."""

    sms: float
    sms_cost: float
    sms_busy: float
    chat: float
    chat_cost: float
    chat_busy: float


def prepare(folder: Path) -> Stage:
    """Make the data folders."""
    fresh, grown = folder / "fresh", folder / "grown"
    with server(fresh) as running:
        thread, token = asyncio.run(_people(msgspec.convert(running.ready, Ready)))
    shutil.copytree(fresh, grown)
    wanted = chat_histories.Wanted(messages={thread: HISTORY}, threads={})
    asyncio.run(chat_histories.fill(grown, wanted))
    asyncio.run(sms_histories.fill(grown, HISTORY))
    return Stage(fresh=fresh, grown=grown, thread=thread, token=token)


async def _people(ready: Ready) -> tuple[str, str]:
    """A thread of two users, and the token of the first."""
    connection = await Connection.open(ready.http_endpoint)
    users = [await create_user(connection, ready) for _ in range(2)]
    thread = await Client(connection, users[0]).create(users[1:])
    connection.close()
    return thread, users[0].token


def measure(rounds: int, seconds: float) -> list[Result]:
    """Ingest, then both kinds of messages after none and after many, in each round."""
    columns: dict[str, list[float]] = {}
    with loading() as loader, tempfile.TemporaryDirectory() as parent:
        stage = prepare(Path(parent))
        for _ in range(rounds):
            found = {"ingest/s": _ingest(stage, seconds)}
            for name, folder in (("", stage.fresh), (" grown", stage.grown)):
                rates = _rates(stage, folder, loader, seconds)
                found[f"sms/s{name}"], found[f"chat/s{name}"] = rates.sms, rates.chat
                found[f"us/sms{name}"], found[f"us/chat{name}"] = rates.sms_cost, rates.chat_cost
                found[f"sms load{name}"] = rates.sms_busy
                found[f"chat load{name}"] = rates.chat_busy
            for name, value in found.items():
                columns.setdefault(name, []).append(value)
    note = "An SMS is two commits and an event: accepted, then reported by the carrier."
    return [
        _judged("SMS", columns, "ingest/s", "sms", note=note),
        _judged("SMS growth", columns, "sms/s", "sms", " grown"),
        _judged(
            "chat message",
            columns,
            "ingest/s",
            "chat",
            note="Each is two events, one for each person.",
        ),
        _judged("chat growth", columns, "chat/s", "chat", " grown"),
    ]


def _judged(
    bar: str,
    columns: dict[str, list[float]],
    limit: str,
    kind: str,
    after: str = "",
    note: str = "",
) -> Result:
    ours, cost, load = f"{kind}/s{after}", f"us/{kind}{after}", f"{kind} load{after}"
    used = {name: columns[name] for name in (limit, ours, cost, load)}
    found = judge(BARS[bar], used, lambda row: row[ours] / row[limit])
    note = f"{note} {busy_note(found.medians[load])}".lstrip()
    return msgspec.structs.replace(found, note=note)


@contextmanager
def _copy(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as parent:
        yield shutil.copytree(folder, Path(parent) / "data")


def _ingest(stage: Stage, seconds: float) -> float:
    """Durable publishes of one event a second, which nobody subscribes to."""
    with _copy(stage.fresh) as data, server(data) as running:
        url = f"{running.http}/topics/{running.topic}/api/events"
        headers = {"aeg-sas-key": running.topic_key, "content-type": "application/json"}
        body = storage_event().encode()
        whole = max(1, round(seconds))  # wrk takes no fractions
        load = wrk(url, body, headers, connections=CONNECTIONS, seconds=whole)
        if load.refused:
            raise RuntimeError(f"{load.refused} publishes were refused")
        return load.per_second


def _rates(stage: Stage, folder: Path, loader: Loader, seconds: float) -> Rates:
    config = _CONFIG.format(
        name=COMMUNICATION_NAME, webhook=loader.webhook, report=_REPORT, message=_MESSAGE
    )
    with _copy(folder) as data, server(data, *NO_RATE_LIMITS, config=config) as running:
        sms = _run(loader, sms_order(running, seconds), running.pid)
        chat = _run(loader, chat_order(running, stage, seconds), running.pid)
    return Rates(*sms, *chat)


def sms_order(running: Server, seconds: float) -> Order:
    """Messages of one recipient, each signed, each with a report that has the message's tag."""
    resource = msgspec.convert(running.ready, Ready).communication
    body = {
        "from": resource.numbers[0],
        "smsRecipients": [{"to": _RECIPIENT}],
        "message": "The last table is free from eight.",
        "smsSendOptions": {"enableDeliveryReport": True, "tag": MARK},
    }
    return Order(
        url=f"{running.http}/sms?api-version=2026-01-23",
        body=msgspec.json.encode(body).decode(),
        key=resource.access_key,
        connections=CONNECTIONS,
        seconds=seconds,
    )


def chat_order(running: Server, stage: Stage, seconds: float) -> Order:
    """Messages of one user to a thread of two."""
    body = {"content": f"{MARK}: the last table is free from eight.", "type": "text"}
    return Order(
        url=f"{running.http}{path_of(stage.thread, 'messages')}?api-version=2025-03-15",
        body=msgspec.json.encode(body).decode(),
        headers={"Authorization": f"Bearer {stage.token}"},
        connections=CONNECTIONS,
        seconds=seconds,
    )


def _run(loader: Loader, order: Order, pid: int) -> tuple[float, float, float]:
    """Messages a second, what each costs, and how busy their sender was, after a short run that
    warms up."""
    loader.run(msgspec.structs.replace(order, seconds=min(0.3, order.seconds)))
    before = cpu_seconds(pid)
    run = loader.run(order)
    return run.per_second, (cpu_seconds(pid) - before) / run.acknowledged * 1e6, run.busy
