"""The one way to a model: every door hands its calls to `Runner.run`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from stellwerk.base.errors import StellwerkError
from stellwerk.base.log import get_logger
from stellwerk.base.telemetry import CLIENT_GONE, Meter, Metrics
from stellwerk.features.catalog.errors import WrongModelError
from stellwerk.features.catalog.service import Catalog
from stellwerk.features.catalog.types import Model
from stellwerk.operations.body import check, outline, with_model
from stellwerk.operations.operation import Call, Operation
from stellwerk.ports.sink import Headers, Sink
from stellwerk.upstreams.target import Answer, Target, UpstreamError
from stellwerk.wire.errors import error_event

log = get_logger("operations")

EVENT_STREAM = "text/event-stream"
LONGEST_REST = 65_536

Targets = Callable[[Model], Target]


@dataclass(frozen=True, slots=True)
class Runner:
    """Takes a call to the model that it names, and the answer to the sink."""

    catalog: Catalog
    targets: Targets
    metrics: Metrics

    async def run(self, operation: Operation, call: Call, sink: Sink) -> None:
        """Run one call. Raises `StellwerkError` as long as nothing was written to the sink.

        Cancelling this stops the model's work.
        """
        call.principal.require(operation.scope)
        asked = outline(call)
        model = self._model(operation, call, asked.model or "")
        body = self._body(operation, model, call)
        meter = self.metrics.begin(operation.name, model.id)
        try:
            async with self.targets(model).post(operation.path, body) as answer:
                meter.answered(answer.status)
                await _deliver(answer, sink, meter)
        except StellwerkError as error:
            meter.answered(error.kind.status)
            raise
        except asyncio.CancelledError:
            meter.answered(CLIENT_GONE)
            raise
        finally:
            elapsed = meter.end()
            log.info(
                "call",
                operation=operation.name,
                model=model.id,
                key=call.principal.key_id,
                status=meter.status,
                seconds=round(elapsed, 4),
                request_id=call.request_id,
            )

    def _model(self, operation: Operation, call: Call, name: str) -> Model:
        model = self.catalog.models.get(name)
        call.principal.require_model(model.id)
        if model.entry.type != operation.serves:
            raise self._wrong_model(operation, call, model)
        return model

    def _wrong_model(self, operation: Operation, call: Call, model: Model) -> WrongModelError:
        right = [
            other.id
            for other in self.catalog.models
            if other.entry.type == operation.serves and call.principal.may_use(other.id)
        ]
        use = f"Use one of: {', '.join(right)}." if right else "Your key has no model for it."
        return WrongModelError(
            f"{model.id!r} ({model.entry.type}) cannot do {operation.path}. {use}", param="model"
        )

    @staticmethod
    def _body(operation: Operation, model: Model, call: Call) -> bytes:
        if model.entry.upstream is None:
            body = with_model(call.body, call.model) if call.model else call.body
            check(operation, body)
            return body
        return with_model(call.body, model.entry.upstream.model or model.id)


async def _deliver(answer: Answer, sink: Sink, meter: Meter) -> None:
    if answer.content_type.startswith(EVENT_STREAM):
        await _stream(answer, sink, meter)
    else:
        # The body is read before the head is written: an answer that is cut becomes an error.
        body = b"".join([chunk async for chunk in answer.chunks()])
        meter.first_byte()
        await sink.head(answer.status, _headers(answer, len(body)))
        await sink.data(body)
        await sink.end()


async def _stream(answer: Answer, sink: Sink, meter: Meter) -> None:
    await sink.head(answer.status, _headers(answer, None))
    async for chunk in _until_cut(answer, meter):
        meter.first_byte()
        await sink.data(chunk)
    await sink.end()


async def _until_cut(answer: Answer, meter: Meter) -> AsyncIterator[bytes]:
    """Whole lines; a stream that is cut ends with an `error` event, never silently."""
    rest = b""
    try:
        async for chunk in answer.chunks():
            end = chunk.rfind(b"\n") + 1
            # What follows the last line's end waits, so that a cut leaves no half event behind.
            if end or len(rest) > LONGEST_REST:
                yield rest + chunk[:end]
                rest = b""
            rest += chunk[end:]
        if rest:
            yield rest
    except UpstreamError as error:
        meter.answered(error.kind.status)
        yield error_event(error)


def _headers(answer: Answer, length: int | None) -> Headers:
    headers = [(b"content-type", answer.content_type.encode("ascii"))]
    if length is None:
        headers.append((b"cache-control", b"no-cache"))
    else:
        headers.append((b"content-length", str(length).encode()))
    return headers
