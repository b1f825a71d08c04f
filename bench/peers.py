"""What do others reach beside us, with the same event, publishers and webhook?

Each runs on the first core with all its processes. What it guarantees when it acknowledges stands
beside its figure: a rate without that says nothing.

Not compared, because none installs from PyPI or Debian alone: AzureEventGridSimulator (.NET), Svix
(Rust, PostgreSQL, Redis), Convoy and Outpost (Go, PostgreSQL or Redis). Nor RabbitMQ, which Debian
has: like JetStream it is a broker that knows no webhooks, and would be measured by our bridge.
"""

import contextlib
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.bars import BARS, PEERS
from bench.loading import ROOT, Loader, bench_tool, loading, storage_event
from bench.machine import (
    MEASURED,
    cpu_seconds,
    free_port,
    process,
    server,
    wait_for_port,
)
from bench.model import Result, judge
from bench.round_trips import Order
from bench.typical_stack import CONNECTIONS, subscribed

# Where events go, with which body and headers; and the processes that take part.
Running = tuple[Order, list[int]]


class Peer(msgspec.Struct, frozen=True):
    """A system that takes events and has a webhook get them; `guarantee` is that of its answer."""

    name: str
    guarantee: str
    start: Callable[[Path, str], "contextlib.AbstractContextManager[Running]"]


def _order(url: str, body: str, headers: dict[str, str] | None = None) -> Order:
    return Order(url=url, body=body, headers=headers or {}, connections=CONNECTIONS, seconds=1)


@contextlib.contextmanager
def switchhook(folder: Path, webhook: str) -> Iterator[Running]:
    """Ourselves."""
    with server(folder / "data", config=subscribed(webhook)) as running:
        url = f"{running.http}/topics/{running.topic}/api/events"
        yield _order(url, storage_event(), {"aeg-sas-key": running.topic_key}), [running.pid]


@contextlib.contextmanager
def moto(_: Path, webhook: str) -> Iterator[Running]:
    """moto's server: SNS with a subscription over HTTP."""
    port = free_port()
    command = [bench_tool("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with process(command, MEASURED, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        wait_for_port(port)
        url = f"http://127.0.0.1:{port}/"
        topic = {"TopicArn": "arn:aws:sns:us-east-1:123456789012:bench"}
        _ask_sns(url, Action="CreateTopic", Name="bench")
        _ask_sns(url, Action="Subscribe", Protocol="http", Endpoint=webhook, **topic)
        body = _form(Action="Publish", Message=storage_event(), **topic)
        yield _order(url, body, _SNS), [child.pid]


_SNS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Authorization": "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/sns/aws4_request, "
    "SignedHeaders=host, Signature=none",
}


def _form(**fields: str) -> str:
    return urllib.parse.urlencode({"Version": "2010-03-31"} | fields)


def _ask_sns(url: str, **fields: str) -> None:
    request = urllib.request.Request(url, _form(**fields).encode(), _SNS)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass


_NATS = """
host: 127.0.0.1
port: {port}
jetstream {{ store_dir: "{folder}/jetstream", {sync} }}
"""


def jetstream(sync: str) -> Callable[[Path, str], contextlib.AbstractContextManager[Running]]:
    """NATS JetStream in files, with our bridge to webhooks behind it."""

    @contextlib.contextmanager
    def start(folder: Path, webhook: str) -> Iterator[Running]:
        port, file = free_port(), folder / "nats.conf"
        file.write_text(_NATS.format(port=port, folder=folder, sync=sync))
        url = f"nats://127.0.0.1:{port}"
        bridge = [bench_tool("python"), "-m", "bench.nats_client", url, webhook]
        with process(
            [bench_tool("nats-server"), "-c", file, "-l", folder / "log"], MEASURED
        ) as nats:
            wait_for_port(port)
            with process(bridge, MEASURED, stdout=subprocess.PIPE, cwd=ROOT) as child:
                assert child.stdout is not None  # noqa: S101  it is a pipe
                if not child.stdout.readline():
                    raise RuntimeError("the bridge did not start")
                yield _order(url, storage_event()), [nats.pid, child.pid]

    return start


OURS = Peer("Switchhook", "the event is on disk (fdatasync) before the answer", switchhook)
_MOTO, _SYNCED, _DEFAULT = PEERS
THEIRS = (
    Peer(_MOTO, "nothing is kept: the event is in memory, and its delivery tried once", moto),
    Peer(
        _SYNCED,
        "the event is on disk (fsync) before the acknowledgement",
        jetstream("sync_interval: always"),
    ),
    Peer(
        _DEFAULT,
        "the event is in the page cache, synced every 2 minutes: a power cut loses it",
        jetstream(""),
    ),
)


def measure(rounds: int, seconds: float) -> list[Result]:
    """Our rate over that of each peer, end to end, all in turn in each round."""
    columns: dict[str, list[float]] = {}
    with loading(bench_tool("python")) as loader:
        for _ in range(rounds):
            for peer in (OURS, *THEIRS):
                rate, cost = _run(loader, peer, seconds)
                columns.setdefault(f"{peer.name}: events/s", []).append(rate)
                columns.setdefault(f"{peer.name}: us/event", []).append(cost)
    return [_judge(peer, columns) for peer in THEIRS]


def _judge(peer: Peer, columns: dict[str, list[float]]) -> Result:
    ours, theirs = (f"{name}: events/s" for name in (OURS.name, peer.name))
    costs = (f"{name}: us/event" for name in (peer.name, OURS.name))
    return judge(
        BARS[f"peer {peer.name}"],
        {name: columns[name] for name in (theirs, ours, *costs)},
        lambda row: row[ours] / row[theirs],
        note=f"At the answer of {peer.name}: {peer.guarantee}. At ours: {OURS.guarantee}.",
    )


def _run(loader: Loader, peer: Peer, seconds: float) -> tuple[float, float]:
    """Events a second, and the processor's microseconds for each, after a run that warms up."""
    with (
        tempfile.TemporaryDirectory() as folder,
        peer.start(Path(folder), loader.webhook) as (order, pids),
    ):
        loader.run(msgspec.structs.replace(order, seconds=1.0))
        before = sum(map(cpu_seconds, pids))
        run = loader.run(msgspec.structs.replace(order, seconds=seconds))
        spent = sum(map(cpu_seconds, pids)) - before
    return run.per_second, spent / run.acknowledged * 1e6
