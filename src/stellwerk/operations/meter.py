"""What one call took: counted, and told to whoever keeps the books."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from stellwerk.base.prices import Prices, cost
from stellwerk.features.catalog.types import Model
from stellwerk.features.usage.types import UsageRow
from stellwerk.operations.metrics import CLIENT_GONE, Metrics
from stellwerk.operations.operation import Call
from stellwerk.upstreams.reading import Tokens

# A token of English or of code is about four bytes; where a target does not count, this must do.
BYTES_A_TOKEN = 4
FAILED = 400


class Span(Protocol):
    """A call as a part of a trace."""

    @property
    def traceparent(self) -> str | None: ...

    def end(self, row: UsageRow) -> None: ...


class SpanMaker(Protocol):
    """Begins spans; `parent` is the caller's `traceparent`, `time` is in Unix seconds."""

    def begin(self, operation: str, model: str, parent: str | None, time: float) -> Span: ...


@dataclass(frozen=True, slots=True)
class Books:
    """Where calls are counted: metrics at once, `record` keeps a row of each, `spans` traces it."""

    metrics: Metrics
    record: Callable[[UsageRow], None]
    spans: SpanMaker | None = None


def estimated(model: Model, call: Call) -> int:
    """Tokens that a model reads, by the size of the body. The bytes of a picture are none."""
    if model.entry.type == "OCR":
        return 0
    again = _read_again(call) if model.entry.type == "RERANK" else 0
    return (call.prompt_size + again) // BYTES_A_TOKEN


class Compared(msgspec.Struct):
    """A question and the texts that it is compared with."""

    query: str = ""
    documents: list[msgspec.Raw] = []


def _read_again(call: Call) -> int:
    """Bytes of the question for each text but the first: a rerank model reads it with every one."""
    try:
        asked = msgspec.json.decode(call.body, type=Compared)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0
    return len(asked.query.encode()) * max(0, len(asked.documents) - 1)


class Meter:
    """One call, from its admission to its end."""

    # When the first byte came; 0: it has not.
    first = 0.0
    _span: Span | None = None
    target = ""

    def __init__(self, books: Books, operation: str, model: Model, call: Call) -> None:
        self._books = books
        self._operation = operation
        self._model = model
        self.model = model.id
        self._call = call
        self._time, self._began = time.time(), time.monotonic()
        books.metrics.running[operation, self.model] += 1
        if books.spans is not None:
            self._span = books.spans.begin(operation, self.model, call.trace, self._time)

    @property
    def trace(self) -> str | None:
        """`traceparent` for the target: our span's, or the caller's where we make none."""
        return self._call.trace if self._span is None else self._span.traceparent

    def first_byte(self) -> None:
        self.first = time.monotonic()

    def end(self, status: int, tokens: Tokens, *, stream: bool) -> int:
        """Count the call; gives its cost in nano-units."""
        # The clock of the wall may be set; a duration is measured by another one.
        began, first, ended = self._began, self.first, time.monotonic()
        books, call = self._books, self._call
        books.metrics.running[self._operation, self.model] -= 1
        if not tokens.known and first:
            tokens.prompt = estimated(self._model, call)
        prices = self._model.entry.prices
        price = _price(prices, status, tokens) if prices is not None else 0
        row = UsageRow(
            self._time,
            call.request_id,
            call.principal.key_id,
            call.principal.project_id,
            self.model,
            self.target,
            self._operation,
            tokens.prompt,
            tokens.cached,
            tokens.completion,
            price,
            (first - began) * 1000 if first else None,
            (ended - began) * 1000,
            status,
            not tokens.known,
            stream,
        )
        books.metrics.count(row)
        books.record(row)
        if self._span is not None:
            self._span.end(row)
        return price


def _price(prices: Prices, status: int, tokens: Tokens) -> int:
    """Nothing for a call that failed before its first token; else what was produced."""
    made = tokens.images or tokens.seconds
    served = status < FAILED or tokens.completion > 0 or made
    if not served or (status == CLIENT_GONE and not tokens.prompt and not made):
        return 0
    return cost(
        prices,
        tokens.prompt,
        tokens.cached,
        tokens.completion,
        images=tokens.images,
        audio_seconds=tokens.seconds,
    )
