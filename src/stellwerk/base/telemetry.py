"""Prometheus metrics of the verbs.

With several hub processes, `PROMETHEUS_MULTIPROC_DIR` makes prometheus-client keep the counts in
files that any of them can sum; it must be set before this module is imported.
"""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# What nginx logs for a client that hung up before the end of its answer.
CLIENT_GONE = 499

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Meter:
    """One call, from its admission to its end."""

    def __init__(self, metrics: "Metrics", operation: str, model: str) -> None:
        self._metrics = metrics
        self._labels = (operation, model)
        self._began = time.perf_counter()
        self.status = CLIENT_GONE
        self._waiting = True
        metrics.in_flight.labels(*self._labels).inc()

    def answered(self, status: int) -> None:
        self.status = status

    def first_byte(self) -> None:
        if self._waiting:
            self._waiting = False
            elapsed = time.perf_counter() - self._began
            self._metrics.first_byte.labels(*self._labels).observe(elapsed)

    def end(self) -> float:
        """Count the call; gives the seconds that it took."""
        elapsed = time.perf_counter() - self._began
        self._metrics.in_flight.labels(*self._labels).dec()
        self._metrics.requests.labels(*self._labels, str(self.status)).inc()
        self._metrics.duration.labels(*self._labels).observe(elapsed)
        return elapsed


class Metrics:
    """The metrics of one hub process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("operation", "model")
        self.requests = Counter(
            "stellwerk_requests", "Calls ended.", (*labels, "status"), registry=registry
        )
        self.in_flight = Gauge(
            "stellwerk_requests_in_flight",
            "Calls running.",
            labels,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.first_byte = Histogram(
            "stellwerk_first_byte_seconds",
            "Time from a call to the first byte of its answer.",
            labels,
            registry=registry,
            buckets=SECONDS,
        )
        self.duration = Histogram(
            "stellwerk_request_seconds",
            "Time from a call to its end.",
            labels,
            registry=registry,
            buckets=SECONDS,
        )

    def begin(self, operation: str, model: str) -> Meter:
        return Meter(self, operation, model)
