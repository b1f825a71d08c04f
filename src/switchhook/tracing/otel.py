"""How do publishing and deliveries become spans of OpenTelemetry?

`publish` is a child of the publisher's span; `deliver` is a child of the `publish` of its event, or
linked to those of its events where they are several. Attributes are those of the semantic
conventions for messaging. This module needs the extra `otel`; only `start` imports it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from switchhook.tracing.context import Headers, TraceParent, parse_traceparent, traceparent_of
from switchhook.tracing.model import DeliveryAttempt, Tracing

# How long the end of the server waits for the last export.
LAST_EXPORT_SECONDS = 3.0

_SYSTEM = "eventgrid"  # the conventions' word for Azure Event Grid
_EXPORT_PATH = "/v1/traces"


class OtelTracing(Tracing):
    """Records spans with a provider of its own; the process-wide one is left alone."""

    is_on = True

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("switchhook")

    def on_publish(self, headers: Headers, topic: str) -> AbstractContextManager[str]:
        return self._publishing(traceparent_of(headers), topic)

    @contextlib.contextmanager
    def _publishing(self, parent: TraceParent | None, topic: str) -> Iterator[str]:
        span = self._tracer.start_span(
            f"publish {topic}",
            # An empty context where there is no parent: a trace of its own.
            context=_below(parent) if parent else Context(),
            kind=SpanKind.SERVER,
            attributes={
                "messaging.system": _SYSTEM,
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.destination.name": topic,
            },
        )
        try:
            yield str(_position(span))
        except Exception as error:
            _fail(span, type(error).__name__)  # not its message, which may quote the event
            raise
        finally:
            span.end()

    def on_delivery(
        self, traceparents: Collection[str], attempt: DeliveryAttempt
    ) -> "OtelDeliverySpan":
        """Begin an attempt; the texts are those that were stored with its events."""
        parsed = (parse_traceparent(text) for text in dict.fromkeys(traceparents))
        parents = [parent for parent in parsed if parent is not None]
        span = self._tracer.start_span(
            f"deliver {attempt.topic}",
            context=_below(parents[0]) if len(parents) == 1 else Context(),
            kind=SpanKind.CLIENT,
            links=[Link(_context(parent)) for parent in parents] if len(parents) > 1 else (),
            attributes=_attributes(attempt),
        )
        return OtelDeliverySpan(span)

    async def close(self) -> None:
        loop, closed = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()  # it waits for the last export, which may be tried again
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(closed.set)

        # Not a thread of the loop's: nobody waits for a collector that does not answer.
        threading.Thread(target=shut_down, name="switchhook-traces", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), LAST_EXPORT_SECONDS)


class OtelDeliverySpan:
    """An attempt under way."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.traceparent = str(_position(span))

    def end(self, status: int | None, outcome: str | None) -> None:
        """The webhook answered `status`, or nothing; `outcome` says what failed, None nothing."""
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if outcome is not None:
            _fail(self._span, outcome)
        self._span.end()


def open_exporting(otlp_endpoint: str | None, environment: Mapping[str, str]) -> OtelTracing:
    """Record spans and send them from a thread to the endpoint, or as the variables say."""
    names = environment.get("OTEL_SERVICE_NAME"), environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    is_named = bool(names[0]) or "service.name=" in (names[1] or "")
    provider = TracerProvider(
        resource=Resource.create({} if is_named else {"service.name": "switchhook"}),
        shutdown_on_exit=False,
    )
    endpoint = otlp_endpoint + _EXPORT_PATH if otlp_endpoint else None
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return OtelTracing(provider)


def _attributes(attempt: DeliveryAttempt) -> dict[str, AttributeValue]:
    url = urlsplit(attempt.url)  # its path and query may hold secrets
    attributes: dict[str, AttributeValue] = {
        "messaging.system": _SYSTEM,
        "messaging.operation.name": "deliver",
        "messaging.destination.name": attempt.topic,
        "messaging.destination.subscription.name": attempt.subscription,
        "http.request.method": "POST",
        "server.address": url.hostname or "",
        "server.port": url.port or (443 if url.scheme == "https" else 80),
    }
    if attempt.events > 1:
        attributes["messaging.batch.message_count"] = attempt.events
    else:
        attributes["messaging.message.id"] = attempt.event_id
    if attempt.attempts:
        attributes["http.request.resend_count"] = attempt.attempts
    return attributes


def _fail(span: Span, error_type: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR))


def _position(span: Span) -> TraceParent:
    context = span.get_span_context()
    return TraceParent(
        f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled
    )


def _context(position: TraceParent) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if position.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(
        int(position.trace_id, 16), int(position.span_id, 16), is_remote=True, trace_flags=flags
    )


def _below(parent: TraceParent) -> Context:
    return set_span_in_context(NonRecordingSpan(_context(parent)), Context())
