"""Prometheus metrics of the verbs.

A call only leaves its row; what many rows say is summed up at once, which costs a third. With
several hub processes, `PROMETHEUS_MULTIPROC_DIR` makes prometheus-client keep the counts in files
that any of them can sum; it must be set before this module is imported.
"""

from bisect import bisect_right
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stellwerk.features.usage.types import UsageRow

# What nginx logs for a client that hung up before the end of its answer.
CLIENT_GONE = 499

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
BY_TARGET = ("operation", "model", "target")
Labels = tuple[str, str, str]
# Rows that wait to be summed up.
MOST_ROWS = 4096


class BulkHistogram(Histogram):
    """A histogram that takes many observations at once."""

    def observe_all(self, values: list[float]) -> None:
        """Observe each of `values`, which are sorted by it."""
        if not values:
            return
        values.sort()
        self._sum.inc(sum(values))
        before = 0
        for bound, bucket in zip(self._upper_bounds, self._buckets, strict=True):
            upto = bisect_right(values, bound)
            if upto > before:
                bucket.inc(upto - before)
            before = upto


class Metrics:
    """The metrics of one hub process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows: list[UsageRow] = []
        # How many calls of each operation and model run at the moment.
        self.running: dict[tuple[str, str], int] = defaultdict(int)
        self._requests = Counter(
            "stellwerk_requests", "Calls ended.", (*BY_TARGET, "status"), registry=registry
        )
        self._tokens = Counter(
            "stellwerk_tokens", "Tokens of calls ended.", (*BY_TARGET, "kind"), registry=registry
        )
        self._in_flight = Gauge(
            "stellwerk_requests_in_flight",
            "Calls running.",
            ("operation", "model"),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._first_byte = BulkHistogram(
            "stellwerk_first_byte_seconds",
            "Time from a call to the first byte of its answer.",
            BY_TARGET,
            registry=registry,
            buckets=SECONDS,
        )
        self._duration = BulkHistogram(
            "stellwerk_request_seconds",
            "Time from a call to its end.",
            BY_TARGET,
            registry=registry,
            buckets=SECONDS,
        )
        self._per_token = BulkHistogram(
            "stellwerk_output_token_seconds",
            "Time for each further token after the first byte.",
            BY_TARGET,
            registry=registry,
            buckets=TOKEN_SECONDS,
        )

    def count(self, row: UsageRow) -> None:
        """A call has ended."""
        self._rows.append(row)
        if len(self._rows) >= MOST_ROWS:
            self._sum_up()

    def flush(self) -> None:
        """Hand over what was counted since the last time."""
        for (operation, model), count in self.running.items():
            self._in_flight.labels(operation, model).set(count)
        self._sum_up()

    def _sum_up(self) -> None:
        rows, self._rows = self._rows, []
        series: dict[Labels, list[UsageRow]] = defaultdict(list)
        for row in rows:
            series[row.operation, row.model, row.target].append(row)
        for labels, of_one in series.items():
            self._observe(labels, of_one)

    def _observe(self, labels: Labels, rows: Sequence[UsageRow]) -> None:
        for status, count in Tally([row.status for row in rows]).items():
            self._requests.labels(*labels, str(status)).inc(count)
        for kind in ("prompt", "cached", "completion"):
            if count := sum([getattr(row, f"{kind}_tokens") for row in rows]):
                self._tokens.labels(*labels, kind).inc(count)
        began = [row for row in rows if row.first_byte_ms is not None]
        self._duration.labels(*labels).observe_all([row.duration_ms / 1000 for row in rows])
        self._first_byte.labels(*labels).observe_all([_first(row) for row in began])
        self._per_token.labels(*labels).observe_all(
            [
                (row.duration_ms / 1000 - _first(row)) / (row.completion_tokens - 1)
                for row in began
                if row.completion_tokens > 1
            ]
        )


def _first(row: UsageRow) -> float:
    return (row.first_byte_ms or 0.0) / 1000
