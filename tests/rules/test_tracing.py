"""Traces: which `traceparent` is valid, and which spans come of publishing and delivering."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from switchhook.errors import StartError, StoreFullError
from switchhook.tracing import (
    DeliveryAttempt,
    TraceParent,
    Tracing,
    open_tracing,
    parse_traceparent,
    traceparent_of,
)
from switchhook.tracing.otel import OtelTracing

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (SENT, (TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-00", (TRACE, SPAN, False)),
        (f"00-{TRACE}-{SPAN}-03", (TRACE, SPAN, True)),
        (f" {SENT}\t", (TRACE, SPAN, True)),
        (f"01-{TRACE}-{SPAN}-01-later", (TRACE, SPAN, True)),
        (f"cc-{TRACE}-{SPAN}-02", (TRACE, SPAN, False)),
        ("", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01-later", None),
        (f"01-{TRACE}-{SPAN}-01later", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{TRACE[1:]}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-0g", None),
        (f"0-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01\n", None),
        (f"{SENT},{SENT}", None),
        (f"01-{TRACE}-{SPAN}-01-" + "x" * 600, None),
    ],
)
def test_traceparent_is_read_as_the_recommendation_says(
    text: str, position: tuple[str, str, bool] | None
) -> None:
    """Version 00 exactly; a later version by its first four fields; everything else is invalid."""
    assert parse_traceparent(text) == (position and TraceParent(*position))


def test_traceparent_is_written_as_it_was_read() -> None:
    """Of the flags only the known one is passed on."""
    assert str(parse_traceparent(SENT)) == SENT
    assert str(parse_traceparent(f"01-{TRACE}-{SPAN}-fe")) == f"00-{TRACE}-{SPAN}-00"


@pytest.mark.parametrize(
    ("headers", "is_found"),
    [
        ([], False),
        ([(b"host", b"h"), (b"traceparent", SENT.encode())], True),
        ([(b"traceparent", SENT.encode())] * 2, False),
        ([(b"traceparent", b"\xff")], False),
    ],
)
def test_request_has_one_traceparent_or_none(
    headers: list[tuple[bytes, bytes]], is_found: bool
) -> None:
    """Of two headers neither counts."""
    assert (traceparent_of(headers) is not None) is is_found


# --- without a collector -------------------------------------------------------------------------


def test_without_a_collector_nothing_is_recorded() -> None:
    """Nothing is stored with the events, and webhooks get no `traceparent`."""
    tracing = Tracing()
    with tracing.on_publish([(b"traceparent", SENT.encode())], "orders") as stored:
        assert stored == ""

    assert not tracing.is_on
    assert tracing.on_delivery([""], an_attempt()) is None


@pytest.mark.parametrize(
    ("endpoint", "environment", "is_on"),
    [
        (None, {}, False),
        ("http://localhost:4318", {}, True),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, True),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:4318/v1/traces"}, True),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_TRACES_EXPORTER": "none"}, False),
        ("http://localhost:4318", {"OTEL_SDK_DISABLED": "true"}, False),
        (
            "http://localhost:4318",
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_TRACES_EXPORTER": "none"},
            True,
        ),
    ],
)
async def test_traces_are_recorded_where_a_collector_is_named(
    endpoint: str | None, environment: Mapping[str, str], is_on: bool
) -> None:
    """By the setting or by the standard variables; the standard ways to say no are heard."""
    tracing = open_tracing(endpoint, environment)
    await tracing.close()

    assert tracing.is_on is is_on


async def test_protocol_that_cannot_be_spoken_is_refused() -> None:
    """The variable for traces alone has the last word."""
    environment = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(StartError, match="OTEL_EXPORTER_OTLP_PROTOCOL is grpc"):
        open_tracing("http://localhost:4317", environment)

    own = environment | {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}
    tracing = open_tracing("http://localhost:4318", own)
    await tracing.close()
    assert tracing.is_on


def test_missing_extra_is_one_clear_line() -> None:
    """In a process where OpenTelemetry cannot be imported."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from switchhook.errors import StartError\n"
        "from switchhook.tracing import open_tracing\n"
        "try: open_tracing('http://localhost:4318', {})\n"
        "except StartError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "pip install 'switchhook[otel]'" in said.stdout


def test_server_does_not_load_opentelemetry() -> None:
    """Nor the library of the metrics' text form: a start pays for neither."""
    code = (
        "import sys, switchhook.server\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules}"
        " & {'opentelemetry', 'prometheus_client', 'requests'}))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


# --- with one ------------------------------------------------------------------------------------


class Recorder:
    """Tracing whose spans stay in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = OtelTracing(provider)

    def spans(self) -> list[ReadableSpan]:
        """What has ended, in that order."""
        return list(self._exporter.get_finished_spans())

    def publish(self, *headers: tuple[bytes, bytes], topic: str = "orders") -> str:
        """Publish a request; answers what is stored with its events."""
        with self.tracing.on_publish(headers, topic) as stored:
            return stored


def an_attempt(**members: Any) -> DeliveryAttempt:
    """The first attempt of one event."""
    defaults: dict[str, Any] = {
        "topic": "orders",
        "subscription": "hook",
        "url": "https://hook.example/in?code=secret",
        "event_id": "event-1",
    }
    return DeliveryAttempt(**(defaults | members))


def ids(span: ReadableSpan) -> tuple[str, str | None]:
    """Its trace and the id of its parent."""
    parent = f"{span.parent.span_id:016x}" if span.parent else None
    return f"{span.context.trace_id:032x}", parent


def test_publish_continues_the_publishers_trace() -> None:
    """The span is a child of the publisher's, and its position is stored with the events."""
    recorder = Recorder()
    stored = recorder.publish((b"traceparent", SENT.encode()))
    (span,) = recorder.spans()

    assert ids(span) == (TRACE, SPAN)
    assert stored == f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert (span.name, span.kind) == ("publish orders", SpanKind.SERVER)
    assert dict(span.attributes or {}) == {
        "messaging.system": "eventgrid",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "orders",
    }


@pytest.mark.parametrize("headers", [[], [(b"traceparent", b"nonsense")]])
def test_publish_without_a_trace_begins_one(headers: list[tuple[bytes, bytes]]) -> None:
    """An invalid header counts as absent."""
    recorder = Recorder()
    stored = recorder.publish(*headers)
    (span,) = recorder.spans()

    assert span.parent is None
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", stored)


def test_publisher_who_is_not_sampled_stays_so() -> None:
    """Nothing is recorded, and the decision travels on to the webhook."""
    recorder = Recorder()
    stored = recorder.publish((b"traceparent", f"00-{TRACE}-{SPAN}-00".encode()))
    delivery = recorder.tracing.on_delivery([stored], an_attempt())
    delivery.end(200, None)

    assert recorder.spans() == []
    assert delivery.traceparent.startswith(f"00-{TRACE}-")
    assert delivery.traceparent.endswith("-00")


def test_refused_publish_is_an_error() -> None:
    """By the kind of error; its words, which may quote an event, are not recorded."""
    recorder = Recorder()
    with (
        pytest.raises(StoreFullError),
        recorder.tracing.on_publish([], "orders"),
    ):
        raise StoreFullError("confidential")
    (span,) = recorder.spans()

    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == "StoreFullError"
    assert "confidential" not in span.to_json()


def test_delivery_is_a_child_of_its_publish() -> None:
    """From publisher to webhook it is one trace; the URL's query is not recorded."""
    recorder = Recorder()
    stored = recorder.publish((b"traceparent", SENT.encode()))
    delivery = recorder.tracing.on_delivery([stored], an_attempt(attempts=2))
    delivery.end(200, None)
    publish, deliver = recorder.spans()

    assert ids(deliver) == (TRACE, f"{publish.context.span_id:016x}")
    assert delivery.traceparent == f"00-{TRACE}-{deliver.context.span_id:016x}-01"
    assert (deliver.name, deliver.kind, deliver.links) == ("deliver orders", SpanKind.CLIENT, ())
    assert deliver.status.status_code is StatusCode.UNSET
    assert dict(deliver.attributes or {}) == {
        "messaging.system": "eventgrid",
        "messaging.operation.name": "deliver",
        "messaging.destination.name": "orders",
        "messaging.destination.subscription.name": "hook",
        "messaging.message.id": "event-1",
        "http.request.method": "POST",
        "http.request.resend_count": 2,
        "http.response.status_code": 200,
        "server.address": "hook.example",
        "server.port": 443,
    }


@pytest.mark.parametrize(("status", "outcome"), [(503, "Busy"), (None, "TimedOut")])
def test_failed_delivery_is_an_error(status: int | None, outcome: str) -> None:
    """By Azure's name of the outcome."""
    recorder = Recorder()
    recorder.tracing.on_delivery([], an_attempt()).end(status, outcome)
    (span,) = recorder.spans()
    attributes = dict(span.attributes or {})

    assert span.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == outcome
    assert attributes.get("http.response.status_code") == status


def test_delivery_of_several_traces_is_linked_to_each() -> None:
    """A batch has one span in a trace of its own; events without a trace do not hinder it."""
    recorder = Recorder()
    stored = [recorder.publish(), recorder.publish()]
    attempt = an_attempt(events=3)
    recorder.tracing.on_delivery([*stored, stored[0], ""], attempt).end(200, None)
    first, second, deliver = recorder.spans()

    linked = {link.context.span_id for link in deliver.links}
    assert linked == {first.context.span_id, second.context.span_id}
    assert len(deliver.links) == 2
    assert deliver.parent is None
    assert dict(deliver.attributes or {})["messaging.batch.message_count"] == 3


def test_publish_in_one_task_is_no_parent_of_another() -> None:
    """Spans are passed by hand: what runs at the same time does not mix."""
    recorder = Recorder()

    async def one(topic: str) -> None:
        with recorder.tracing.on_publish([], topic):
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(one("a"), one("b"))

    asyncio.run(both())
    traces = {span.context.trace_id for span in recorder.spans()}
    assert len(traces) == 2
