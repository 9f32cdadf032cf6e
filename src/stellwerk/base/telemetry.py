"""Prometheus metrics of the verbs.

A call only adds to plain numbers; `flush` hands them to prometheus-client. With several hub
processes, `PROMETHEUS_MULTIPROC_DIR` makes prometheus-client keep the counts in files that any of
them can sum; it must be set before this module is imported.
"""

from bisect import bisect_left
from collections import defaultdict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# What nginx logs for a client that hung up before the end of its answer.
CLIENT_GONE = 499

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
BY_TARGET = ("operation", "model", "target")
Labels = tuple[str, str, str]


class BulkHistogram(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, counts: list[int], total: float) -> None:
        """`counts` of each bucket (the last one is +Inf) and the sum of all values."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class _Distribution:
    """Observations since the last flush."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.clear()

    def clear(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def flush(self, histogram: BulkHistogram) -> None:
        if any(self.counts):
            histogram.add(self.counts, self.total)
            self.clear()


class Series:
    """The numbers of one operation, model and target since the last flush. Times in seconds."""

    __slots__ = (
        "cached",
        "completion",
        "duration",
        "first_byte",
        "per_token",
        "prompt",
        "statuses",
    )

    def __init__(self) -> None:
        self.statuses: dict[int, int] = defaultdict(int)
        self.first_byte = _Distribution(SECONDS)
        self.duration = _Distribution(SECONDS)
        self.per_token = _Distribution(TOKEN_SECONDS)
        self.prompt = self.cached = self.completion = 0

    def add(self, status: int, began: float, first: float, ended: float, tokens: int) -> None:
        """One call: when it began, when its first byte came (0: none did), and when it ended."""
        self.statuses[status] += 1
        self.duration.observe(ended - began)
        self.completion += tokens
        if first:
            self.first_byte.observe(first - began)
            if tokens > 1:
                self.per_token.observe((ended - first) / (tokens - 1))


class Metrics:
    """The metrics of one hub process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._series: dict[Labels, Series] = {}
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

    def series(self, operation: str, model: str, target: str) -> Series:
        labels = operation, model, target
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = Series()
        return series

    def flush(self) -> None:
        """Hand over what was counted since the last time."""
        for (operation, model), count in self.running.items():
            self._in_flight.labels(operation, model).set(count)
        for labels, series in self._series.items():
            if not series.statuses:
                continue
            for status, count in series.statuses.items():
                self._requests.labels(*labels, str(status)).inc(count)
            series.statuses.clear()
            series.first_byte.flush(self._first_byte.labels(*labels))
            series.duration.flush(self._duration.labels(*labels))
            series.per_token.flush(self._per_token.labels(*labels))
            self._flush_tokens(labels, series)

    def _flush_tokens(self, labels: Labels, series: Series) -> None:
        for kind in ("prompt", "cached", "completion"):
            if count := getattr(series, kind):
                self._tokens.labels(*labels, kind).inc(count)
                setattr(series, kind, 0)
