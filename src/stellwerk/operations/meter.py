"""What one call took: counted, and told to whoever keeps the books."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from stellwerk.base.prices import Prices, cost
from stellwerk.base.telemetry import CLIENT_GONE, Metrics
from stellwerk.features.catalog.types import Model
from stellwerk.features.usage.types import UsageRow
from stellwerk.operations.operation import Call
from stellwerk.upstreams.reading import Tokens

# A token of English or of code is about four bytes; where a target does not count, this must do.
BYTES_A_TOKEN = 4
FAILED = 400


@dataclass(frozen=True, slots=True)
class Books:
    """Where calls are counted: metrics at once, `record` keeps a row of each."""

    metrics: Metrics
    record: Callable[[UsageRow], None]


class Meter:
    """One call, from its admission to its end."""

    _first = 0.0
    target = ""

    def __init__(self, books: Books, operation: str, model: Model, call: Call) -> None:
        self._books = books
        self._operation = operation
        self._model = model
        self._call = call
        self._time, self._began = time.time(), time.monotonic()
        books.metrics.running[operation, model.id] += 1

    @property
    def model(self) -> str:
        return self._model.id

    def first_byte(self) -> None:
        if not self._first:
            self._first = time.monotonic()

    def end(self, status: int, tokens: Tokens, *, stream: bool) -> int:
        """Count the call; gives its cost in nano-units."""
        # The clock of the wall may be set; a duration is measured by another one.
        began, first, ended = self._began, self._first, time.monotonic()
        metrics, model, call = self._books.metrics, self._model, self._call
        metrics.running[self._operation, model.id] -= 1
        series = metrics.series(self._operation, model.id, self.target)
        if not tokens.known and first:
            tokens.prompt = call.prompt_size // BYTES_A_TOKEN
        series.add(status, began, first, ended, tokens.completion)
        series.prompt += tokens.prompt
        series.cached += tokens.cached
        prices = model.entry.prices
        price = _price(prices, status, tokens) if prices is not None else 0
        self._books.record(
            UsageRow(
                self._time,
                call.request_id,
                call.principal.key_id,
                call.principal.project_id,
                model.id,
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
        )
        return price


def _price(prices: Prices, status: int, tokens: Tokens) -> int:
    """Nothing for a call that failed before its first token; else what was produced."""
    served = status < FAILED or tokens.completion > 0
    if not served or (status == CLIENT_GONE and not tokens.prompt):
        return 0
    return cost(prices, tokens.prompt, tokens.cached, tokens.completion)
