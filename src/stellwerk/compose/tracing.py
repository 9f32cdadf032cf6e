"""OpenTelemetry, where it is wanted and installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from stellwerk.base.errors import StellwerkError
from stellwerk.base.settings import TracingSettings
from stellwerk.operations.meter import SpanMaker


class NoTracingError(StellwerkError):
    """What traces need is not installed."""

    code = "tracing_not_installed"


def check_tracing(settings: TracingSettings) -> None:
    """Raise `NoTracingError` when traces are wanted and the packages are missing."""
    with tracing(settings):
        pass


@contextmanager
def tracing(settings: TracingSettings) -> Iterator[SpanMaker | None]:
    """What makes spans, sent to `settings.endpoint` until the context ends; None without one.

    Raises `NoTracingError`.
    """
    if settings.endpoint is None:
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from stellwerk.operations.spans import Spans
    except ImportError as error:
        raise NoTracingError(
            "tracing.endpoint is set, and OpenTelemetry is not installed: "
            "pip install 'stellwerk[otel]'."
        ) from error
    exporter = OTLPSpanExporter(endpoint=f"{str(settings.endpoint).rstrip('/')}/v1/traces")
    name = os.environ.get("OTEL_SERVICE_NAME", "stellwerk")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Spans(provider.get_tracer("stellwerk"))
    finally:
        provider.shutdown()
