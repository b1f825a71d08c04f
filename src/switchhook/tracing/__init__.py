"""Which trace does an event belong to, and what is recorded of it?"""

from switchhook.tracing.context import TraceParent, parse_traceparent, traceparent_of
from switchhook.tracing.model import DeliveryAttempt, DeliverySpan, Tracing
from switchhook.tracing.start import open_tracing

__all__ = [
    "DeliveryAttempt",
    "DeliverySpan",
    "TraceParent",
    "Tracing",
    "open_tracing",
    "parse_traceparent",
    "traceparent_of",
]
