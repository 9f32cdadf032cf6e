"""OpenTelemetry, where it is wanted and installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from stellwerk.base.errors import StellwerkError
from stellwerk.base.settings import TracingSettings
from stellwerk.operations.meter import SpanMaker

NEEDED = ("opentelemetry.sdk.trace.export", "opentelemetry.exporter.otlp.proto.http.trace_exporter")


class NoTracingError(StellwerkError):
    """What traces need is not installed."""

    code = "tracing_not_installed"


def check_tracing(settings: TracingSettings) -> None:
    """Raise `NoTracingError` when traces are wanted and the packages are missing."""
    if settings.endpoint is None:
        return
    try:
        for name in NEEDED:
            import_module(name)
    except ImportError as error:
        raise NoTracingError(
            "tracing.endpoint is set, and OpenTelemetry is not installed: "
            "pip install 'stellwerk[otel]'."
        ) from error


@contextmanager
def tracing(settings: TracingSettings) -> Iterator[SpanMaker | None]:
    """What makes spans, sent to `settings.endpoint` until the context ends; None without one.

    Who starts this process has called `check_tracing`.
    """
    if settings.endpoint is None:
        yield None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from stellwerk.operations.spans import Spans

    exporter = OTLPSpanExporter(endpoint=f"{str(settings.endpoint).rstrip('/')}/v1/traces")
    name = os.environ.get("OTEL_SERVICE_NAME", "stellwerk")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Spans(provider.get_tracer("stellwerk"))
    finally:
        provider.shutdown()
