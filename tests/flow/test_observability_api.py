"""`/metrics` and the health routes, over HTTP through the real server."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from starlette.applications import Starlette

from switchhook.clock import SECOND
from switchhook.communication.readings import CommunicationReadings
from switchhook.errors import RequestError
from switchhook.grace import Grace
from switchhook.grid.metrics import Metrics
from switchhook.grid.ports import WebhookResponse
from switchhook.grid.readings import read_now
from switchhook.grid.topics import TopicKind
from switchhook.http import observability_api
from switchhook.http.errors import exception_handlers
from switchhook.http.listener import listening
from switchhook.http.management_guard import ManagementGuard
from switchhook.sockets import bind
from tests.builders import a_subscription, a_topic
from tests.flow.conftest import Flow
from tests.scripted_transport import always

TOKEN = "a-management-token"
DOMAIN = a_topic(name="shop", kind=TopicKind.DOMAIN, incarnation="t2")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
START = 1_767_225_600 * SECOND

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass
class Site:
    """A server, what it reports of, and a client."""

    flow: Flow
    port: int
    http: aiohttp.ClientSession
    metrics: Metrics
    readiness: observability_api.Readiness
    trouble: list[str] = field(default_factory=list)

    async def ask(
        self, path: str, method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """What the server answers."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.http.request(method, url, headers=headers) as answer:
            found = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, found, await answer.text()

    async def samples(self) -> Samples:
        """Every sample of a scrape, by name and labels."""
        status, _, text = await self.ask("/metrics", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        found: Samples = {}
        for family in read_text(text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in found, f"{key} stands there twice"
                found[key] = sample.value
        return found


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """A sample's key, of the custom topic unless the labels say otherwise."""
    return name, frozenset(({"kind": "custom", "resource": "orders"} | labels).items())


async def _serve(flow: Flow, *, needs_token: bool) -> AsyncIterator[Site]:
    trouble: list[str] = []
    readiness = observability_api.Readiness(lambda: trouble[0] if trouble else None)
    metrics = Metrics()
    engine = flow.engine
    routes = observability_api.routes(
        scrapes=observability_api.Scrapes(
            metrics=metrics,
            read=lambda: read_now(store=flow.store, router=engine.router, clock=flow.clock),
            communication=lambda: CommunicationReadings(connections=3, users=2, throttled=5),
            started_at=START,
        ),
        readiness=readiness,
        guard=ManagementGuard(TOKEN, ["switchhook"]),
        needs_token=needs_token,
    )
    app = Starlette(routes=routes, exception_handlers=exception_handlers())
    listener: socket.socket = bind("127.0.0.1", 0, "--http-port")
    async with listening(app, [listener], None, Grace(1)), aiohttp.ClientSession() as http:
        yield Site(flow, listener.getsockname()[1], http, metrics, readiness, trouble)
    listener.close()


@pytest.fixture
async def site(flow: Flow) -> AsyncIterator[Site]:
    """A server that only this machine reaches."""
    async for each in _serve(flow, needs_token=False):
        yield each


@pytest.fixture
async def exposed(flow: Flow) -> AsyncIterator[Site]:
    """A server that other machines reach."""
    async for each in _serve(flow, needs_token=True):
        yield each


# --- metrics -------------------------------------------------------------------------------------


async def test_every_metric_of_azure_is_there_with_its_dimensions(site: Site) -> None:
    """All eleven, of a topic and one of its subscriptions."""
    topic = site.metrics.topic(a_topic())
    topic.accepted(3, 4_000_000)
    topic.unmatched += 1
    topic.refused(RequestError(401, "Unauthorized", "m"))
    hook = site.metrics.subscription(a_topic(), a_subscription())
    hook.matched += 2
    hook.advanced_filter_evaluations += 5
    hook.attempted(WebhookResponse(status=200, duration=7_000_000))
    hook.attempted(WebhookResponse(status=503, duration=1_000_000))
    hook.gave_up("NotRetriable")
    hook.gave_up("TimeToLiveExceeded", is_dead_lettered=True)
    own = {"EventSubscriptionName": "hook"}

    samples = await site.samples()

    expected: dict[Any, float] = {
        key("PublishSuccessCount_total"): 3,
        key("PublishFailCount_total", Error="Unauthorized", ErrorType="Unauthorized"): 1,
        key("PublishSuccessLatencyInMs_bucket", le="2.0"): 0,
        key("PublishSuccessLatencyInMs_bucket", le="5.0"): 1,
        key("PublishSuccessLatencyInMs_bucket", le="+Inf"): 1,
        key("PublishSuccessLatencyInMs_count"): 1,
        key("PublishSuccessLatencyInMs_sum"): 4,
        key("UnmatchedEventCount_total"): 1,
        key("MatchedEventCount_total", **own): 2,
        key("DeliverySuccessCount_total", **own): 1,
        key("DeliveryAttemptFailCount_total", Error="Busy", ErrorType="ServerError", **own): 1,
        key("DestinationProcessingDurationInMs_bucket", le="1.0", **own): 1,
        key("DestinationProcessingDurationInMs_bucket", le="+Inf", **own): 2,
        key("DestinationProcessingDurationInMs_count", **own): 2,
        key("DestinationProcessingDurationInMs_sum", **own): 8,
        key("DeadLetteredCount_total", DeadLetterReason="TimeToLiveExceeded", **own): 1,
        key("DroppedEventCount_total", DropReason="NotRetriable", **own): 1,
        key("AdvancedFilterEvaluationCount_total", **own): 5,
    }
    assert expected.items() <= samples.items()


async def test_communication_services_are_read_as_a_whole(site: Site) -> None:
    """Who is connected in real time now, and how often chat told somebody to wait."""
    samples = await site.samples()

    assert samples["switchhook_realtime_connections", frozenset()] == 3
    assert samples["switchhook_realtime_users", frozenset()] == 2
    assert samples["switchhook_chat_throttled_requests_total", frozenset()] == 5


async def test_domain_is_counted_by_topic_but_for_latency_and_unmatched_events(
    site: Site,
) -> None:
    """As Azure's table of a domain's metrics has it."""
    domain = site.metrics.topic(DOMAIN)
    domain.accepted_in_domain(["eu", "us"], 1_000_000)
    domain.unmatched += 1
    site.metrics.subscription(DOMAIN, a_subscription()).of("eu").matched += 1
    shop = {"kind": "domain", "resource": "shop"}

    samples = await site.samples()

    assert samples[key("PublishSuccessCount_total", **shop, Topic="eu")] == 1
    assert samples[key("PublishSuccessLatencyInMs_count", **shop)] == 1
    name = key("MatchedEventCount_total", **shop, Topic="eu", DomainEventSubscriptionName="hook")
    assert samples[name] == 1
    assert not any(
        name == "UnmatchedEventCount_total" or ("Topic" in dict(labels) and "Latency" in name)
        for name, labels in samples
    )


async def test_openmetrics_is_for_who_accepts_it(site: Site) -> None:
    """Strictly parsed, with quotes and line ends in a name."""
    site.metrics.topic(a_topic(name='a "b"\\\n')).accepted(1, 1)
    _, headers, text = await site.ask("/metrics", Accept=OPENMETRICS)
    parsed = read_openmetrics(text)  # type: ignore[no-untyped-call]  # the library's own gap
    families = {family.name: family for family in parsed}

    assert headers["content-type"].startswith("application/openmetrics-text")
    assert families["PublishSuccessCount"].type == "counter"
    assert families["PublishSuccessCount"].samples[0].labels["resource"] == 'a "b"\\\n'
    assert families["PublishSuccessLatencyInMs"].type == "histogram"
    _, headers, _ = await site.ask("/metrics")
    assert headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "accept",
    [
        'application/openmetrics-text; version="1.0.0"',
        "application/openmetrics-text; version=abc",
        "text/plain;;=;version",
    ],
)
async def test_any_accept_header_is_answered(site: Site, accept: str) -> None:
    """A version that nobody has gets the usual one."""
    status, headers, _ = await site.ask("/metrics", Accept=accept)

    assert status == 200
    assert headers["content-type"].startswith(("text/plain", "application/openmetrics-text"))


async def test_gauges_show_what_a_subscription_has_to_do(site: Site) -> None:
    """A retry that waits, and how long ago its event was published."""
    site.flow.transport.answer = always(503)
    await site.flow.subscribe()
    await site.flow.publish("a", "b")
    await site.flow.engine.quiet()
    await site.flow.engine.checkpoint.write()
    await site.flow.advance(seconds=20)
    samples = await site.samples()
    hook = {"EventSubscriptionName": "hook"}

    assert samples[key("switchhook_deliveries_waiting", **hook)] == 2
    assert samples[key("switchhook_deliveries_in_flight", **hook)] == 0
    assert samples[key("switchhook_subscription_parked", **hook)] == 0
    assert samples[key("switchhook_queue_age_seconds", **hook)] == 20
    assert samples["switchhook_log_end_position", frozenset()] == 2
    assert samples["switchhook_log_bytes", frozenset()] == site.flow.store.extent().size > 0
    assert samples["process_start_time_seconds", frozenset()] == START / SECOND


async def test_parked_subscription_ages_although_it_keeps_nothing_in_memory(site: Site) -> None:
    """Its events are in the log alone; the oldest is the one that failed first."""
    site.flow.transport.answer = always(404)
    await site.flow.subscribe()
    await site.flow.publish(*(f"event-{number}" for number in range(10)))
    await site.flow.engine.quiet()
    await site.flow.engine.checkpoint.write()
    await site.flow.advance(seconds=5)
    await site.flow.publish("later")
    samples = await site.samples()
    hook = {"EventSubscriptionName": "hook"}

    assert samples[key("switchhook_subscription_parked", **hook)] == 1
    assert samples[key("switchhook_queue_age_seconds", **hook)] == 5


async def test_idle_subscription_has_no_age(site: Site) -> None:
    """All that it wanted is delivered."""
    await site.flow.subscribe()
    await site.flow.publish("a")
    await site.flow.engine.quiet()
    await site.flow.advance(hours=1)
    samples = await site.samples()

    assert samples[key("switchhook_queue_age_seconds", EventSubscriptionName="hook")] == 0


async def test_number_of_folded_label_sets_is_told(site: Site) -> None:
    """So that nobody takes `other` for a resource."""
    assert (await site.samples())["switchhook_metrics_folded_total", frozenset()] == 0


# --- who may read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "switchhook:8443"}, 200),
        ({"Host": "10.1.2.3:8080"}, 200),
        ({"Host": "[fd00::1]:8080"}, 200),
        ({"Host": "attacker.example"}, 403),
        ({"Host": "10.1.2.3.attacker.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://attacker.example"}, 403),
    ],
)
async def test_web_pages_cannot_read_metrics(
    site: Site, headers: dict[str, str], status: int
) -> None:
    """Neither by their origin nor by a name that points here; an address cannot be pointed."""
    assert (await site.ask("/metrics", **headers))[0] == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "attacker.example"}, 403),
    ],
)
async def test_exposed_metrics_need_the_management_token(
    exposed: Site, headers: dict[str, str], status: int
) -> None:
    """They name resources, and what happens to them."""
    answered, found, text = await exposed.ask("/metrics", **headers)

    assert answered == status
    assert ("www-authenticate" in found) is (status == 401)
    assert TOKEN not in text


# --- health --------------------------------------------------------------------------------------


async def test_health_is_open_to_every_prober(exposed: Site) -> None:
    """Probers ask by address or by names of their own, without credentials."""
    exposed.readiness.pause = None
    for path, status in (("/health/live", "live"), ("/health/ready", "ready")):
        answered, headers, text = await exposed.ask(path, Host="pod-7.cluster")

        assert (answered, text) == (200, f'{{"status":"{status}"}}')
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("pause", "trouble", "reason"),
    [
        (observability_api.STARTING, [], "The server is starting."),
        (observability_api.STOPPING, ["The store has failed."], "The server is stopping."),
        (None, ["The event log or the disk is full."], "The event log or the disk is full."),
    ],
)
async def test_server_that_takes_no_events_is_alive_and_not_ready(
    site: Site, pause: str | None, trouble: list[str], reason: str
) -> None:
    """503 with the reason; a restart would not help, so that it is alive."""
    site.readiness.pause = pause
    site.trouble.extend(trouble)
    status, headers, text = await site.ask("/health/ready")

    assert (status, text) == (503, f'{{"status":"unavailable","reason":"{reason}"}}')
    assert headers["content-type"] == "application/json"
    assert (await site.ask("/health/live"))[0] == 200


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready"])
async def test_routes_can_be_read_and_nothing_else(site: Site, path: str) -> None:
    """HEAD is GET without the body; every other method is refused."""
    site.readiness.pause = None
    status, headers, text = await site.ask(path, "HEAD")
    assert (status, text) == (200, "")
    assert int(headers["content-length"]) > 0

    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        status, headers, text = await site.ask(path, method)
        assert (status, set(headers["allow"].split(", "))) == (405, {"GET", "HEAD"}), method
        assert '"MethodNotAllowed"' in text
