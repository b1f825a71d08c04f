"""Are traces wanted, and can they be sent? Only then OpenTelemetry is imported."""

from collections.abc import Mapping

from switchhook.errors import StartError
from switchhook.tracing.model import Tracing


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
        from switchhook.tracing import otel
    except ModuleNotFoundError as error:
        raise StartError(
            "traces are asked for (--otlp-endpoint or OTEL_EXPORTER_OTLP_ENDPOINT), but "
            f"{error.name} is not installed: pip install 'switchhook[otel]', "
            "or set OTEL_SDK_DISABLED=true"
        ) from error
    return otel.open_exporting(otlp_endpoint, environment)


def _is_wanted(otlp_endpoint: str | None, environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if otlp_endpoint is not None:
        return True
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return any(environment.get(name) for name in names)
