"""A span for each call, with OpenTelemetry's names for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (version 1.37; not yet stable, so
all of its names stand here). Prompts and answers are not recorded.
"""

from opentelemetry.propagate import extract, inject
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)

from stellwerk.features.usage.types import UsageRow

# Of the operations that the conventions know; others keep their own name.
NAMES = {"chat.completions": "chat", "responses": "chat", "completions": "text_completion"}
NANO = 10**9
FAILED = 400


class Spans:
    """Makes the spans of one process."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, operation: str, model: str, parent: str | None, time: float) -> "CallSpan":
        """`parent` is the caller's `traceparent`; `time` is in Unix seconds."""
        name = NAMES.get(operation, operation)
        span = self._tracer.start_span(
            f"{name} {model}",
            extract({"traceparent": parent}) if parent else None,
            SpanKind.CLIENT,
            {
                "gen_ai.operation.name": name,
                # The upstreams' API; whose server it is, tells the target.
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": model,
            },
            start_time=round(time * NANO),
        )
        return CallSpan(span)


class CallSpan:
    """The span of one call."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        """What the target is to be sent."""
        carrier: dict[str, str] = {}
        inject(carrier, set_span_in_context(self._span))
        return carrier.get("traceparent")

    def end(self, row: UsageRow) -> None:
        """The call is over, and took this."""
        span = self._span
        if span.is_recording():
            span.set_attributes(_attributes(row))
            if row.status >= FAILED:
                span.set_attribute("error.type", str(row.status))
                span.set_status(Status(StatusCode.ERROR))
        span.end(round((row.time + row.duration_ms / 1000) * NANO))


def _attributes(row: UsageRow) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {
        "gen_ai.usage.input_tokens": row.prompt_tokens,
        "gen_ai.usage.cache_read.input_tokens": row.cached_tokens,
        "gen_ai.usage.output_tokens": row.completion_tokens,
        "http.response.status_code": row.status,
        "stellwerk.request_id": row.request_id,
        "stellwerk.key_id": row.key_id,
        "stellwerk.project_id": row.project_id,
        "stellwerk.target": row.target,
    }
    if row.first_byte_ms is not None:
        found["stellwerk.first_byte_ms"] = row.first_byte_ms
    return found
