"""What one call took: counted, and told to whoever keeps the books."""

import time

from stellwerk.base.telemetry import Metrics
from stellwerk.operations.operation import Call
from stellwerk.upstreams.reading import Tokens


class Meter:
    """One call, from its admission to its end."""

    _first = 0.0
    target = ""

    def __init__(self, metrics: Metrics, operation: str, model: str, call: Call) -> None:
        self._metrics = metrics
        self._operation = operation
        self._call = call
        self._began = time.perf_counter()
        self.model = model
        metrics.running[operation, model] += 1

    def first_byte(self) -> None:
        if not self._first:
            self._first = time.perf_counter()

    def end(self, status: int, tokens: Tokens) -> None:
        ended = time.perf_counter()
        metrics = self._metrics
        metrics.running[self._operation, self.model] -= 1
        series = metrics.series(self._operation, self.model, self.target)
        series.add(status, self._began, self._first, ended, tokens.completion)
        series.prompt += tokens.prompt
        series.cached += tokens.cached
