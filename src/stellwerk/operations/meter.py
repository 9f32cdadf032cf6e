"""What one call took: counted, and told to whoever keeps the books."""

import time

from stellwerk.base.log import get_logger
from stellwerk.base.telemetry import Metrics
from stellwerk.operations.operation import Call
from stellwerk.upstreams.reading import Tokens

log = get_logger("operations")


class Meter:
    """One call, from its admission to its end."""

    __slots__ = ("_began", "_call", "_first", "_metrics", "_operation", "model", "status", "target")

    def __init__(self, metrics: Metrics, operation: str, model: str, call: Call) -> None:
        self._metrics = metrics
        self._operation = operation
        self._call = call
        self._began = time.perf_counter()
        self._first = 0.0
        self.model = model
        self.target = ""
        self.status = 0
        metrics.running[operation, model] += 1

    def first_byte(self) -> None:
        if not self._first:
            self._first = time.perf_counter()

    def end(self, status: int, tokens: Tokens) -> None:
        ended = time.perf_counter()
        elapsed = ended - self._began
        self.status = status
        self._metrics.running[self._operation, self.model] -= 1
        series = self._metrics.series(self._operation, self.model, self.target)
        series.statuses[status] += 1
        series.duration.observe(elapsed)
        if self._first:
            series.first_byte.observe(self._first - self._began)
            if tokens.completion > 1:
                series.per_token.observe((ended - self._first) / (tokens.completion - 1))
        series.prompt += tokens.prompt
        series.cached += tokens.cached
        series.completion += tokens.completion
        log.debug(
            "call",
            operation=self._operation,
            model=self.model,
            target=self.target,
            key=self._call.principal.key_id,
            status=status,
            seconds=round(elapsed, 4),
            request_id=self._call.request_id,
        )
