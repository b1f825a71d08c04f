"""Which trace does an event belong to? W3C Trace Context, and what is recorded of a trace.

Without a collector nothing is recorded and webhooks get no `traceparent`, as from Azure. With one,
`otel_tracing` records spans; OpenTelemetry is imported there and nowhere else.
"""

import contextlib
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from switchhook.errors import StartError

Headers = Iterable[tuple[bytes, bytes]]  # with lower-case names, as ASGI has them

# Version 00 has exactly these fields; later versions may add to them, and ff is none
# (W3C Trace Context, 3.2.2).
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<more>-.*)?",
    re.DOTALL,
)
_LONGEST = 512


class TraceParent(NamedTuple):
    """A position in a trace: ids as lower-case hexadecimal text."""

    trace_id: str
    span_id: str
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


def parse_traceparent(text: str) -> TraceParent | None:
    """The position that a `traceparent` header names; None for what is not valid."""
    found = _TRACEPARENT.fullmatch(text.strip(" \t")) if len(text) <= _LONGEST else None
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    if not found["trace"].strip("0") or not found["span"].strip("0"):
        return None
    return TraceParent(found["trace"], found["span"], bool(int(found["flags"], 16) & 1))


def traceparent_of(headers: Headers) -> TraceParent | None:
    """The position that a request's headers name; None without exactly one valid one."""
    given = [value for name, value in headers if name == b"traceparent"]
    return parse_traceparent(given[0].decode("latin-1")) if len(given) == 1 else None


# --- what is recorded ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """What a trace says of a delivery attempt.

    `url` is recorded as host and port alone. `attempts` were made before; `event_id` is the first
    event's.
    """

    topic: str
    subscription: str
    url: str
    event_id: str
    events: int = 1
    attempts: int = 0


class DeliverySpan(Protocol):
    """An attempt under way. Its `traceparent` goes to the webhook."""

    traceparent: str

    def end(self, status: int | None, outcome: str | None) -> None:
        """The webhook answered `status`, or nothing; `outcome` says what failed, None nothing."""


class Tracing:
    """Records nothing."""

    is_on = False

    def on_publish(self, headers: Headers, topic: str) -> AbstractContextManager[str]:
        """Surround the publishing of a request to the topic of this name.

        Gives the `traceparent` to store with the events, or "". An error that leaves the block
        marks the span.
        """
        return _NOTHING

    def on_delivery(
        self, traceparents: Collection[str], attempt: DeliveryAttempt
    ) -> DeliverySpan | None:
        """Begin an attempt; the texts are those that were stored with its events.

        Ask only while `is_on`, so that nobody builds an attempt in vain.
        """
        return None

    async def close(self) -> None:
        """Send what is recorded and not sent yet."""


_NOTHING = contextlib.nullcontext("")  # it has no state: everybody may use it at once


def open_tracing(otlp_endpoint: str | None, environment: Mapping[str, str]) -> Tracing:
    """Record what is to be recorded: to the endpoint, else as the standard variables say.

    Raises:
        StartError: traces are wanted, and cannot be sent.
    """
    if not _is_wanted(otlp_endpoint, environment):
        return Tracing()
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := environment.get(name):
            if protocol != "http/protobuf":
                raise StartError(f"{name} is {protocol}: traces are sent as http/protobuf only")
            break
    try:
        from switchhook import otel_tracing
    except ModuleNotFoundError as error:
        raise StartError(
            "traces are asked for (--otlp-endpoint or OTEL_EXPORTER_OTLP_ENDPOINT), but "
            f"{error.name} is not installed: pip install 'switchhook[otel]', "
            "or set OTEL_SDK_DISABLED=true"
        ) from error
    return otel_tracing.open_exporting(otlp_endpoint, environment)


def _is_wanted(otlp_endpoint: str | None, environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if otlp_endpoint is not None:
        return True
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return any(environment.get(name) for name in names)
