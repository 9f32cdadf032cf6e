"""The page of metrics: the verbs of all hub processes, and the engines that they share."""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from stellwerk.base.errors import StellwerkError
from stellwerk.compose.queue_depths import QueueDepths
from stellwerk.features.queue.overview import Overview

Exposition = Callable[[], Awaitable[bytes]]
Snapshot = Callable[[], Awaitable[dict[str, Any]]]


def exposition(
    own: CollectorRegistry, snapshot: Snapshot, flush: Callable[[], None], queue: Overview
) -> Exposition:
    """`own` holds what this process counted itself and `flush`es, `snapshot` asks the broker."""

    async def page() -> bytes:
        flush()
        everything = CollectorRegistry()
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            # The parent made all hubs keep their counts in files, which are summed here.
            MultiProcessCollector(everything)  # type: ignore[no-untyped-call]
        else:
            everything.register(own)
        # When the supervisor is ending, what the hubs counted is worth having all the same.
        with suppress(StellwerkError):
            everything.register(Engines(await snapshot()))
        # When the database is away, too.
        with suppress(StellwerkError):
            everything.register(QueueDepths(await queue.depths()))
        return generate_latest(everything)

    return page


class Engines(Collector):
    """The broker's books as gauges."""

    def __init__(self, books: dict[str, Any]) -> None:
        self._books = books

    def collect(self) -> Iterator[Metric]:
        books, prefix = self._books, "stellwerk_engine"
        yield _gauge(f"{prefix}s_memory_budget_bytes", "That engines may use.", books["budget"])
        yield _gauge(f"{prefix}s_memory_used_bytes", "That engines use.", books["used"])
        size = GaugeMetricFamily(f"{prefix}_memory_bytes", "Of an engine.", labels=["model"])
        state = GaugeMetricFamily(f"{prefix}_state", "1: it is so.", labels=["model", "state"])
        leases = GaugeMetricFamily(f"{prefix}_leases", "Requests running.", labels=["model"])
        waiting = GaugeMetricFamily(f"{prefix}_waiting", "Requests waiting.", labels=["model"])
        for engine in books["engines"]:
            model = [engine["model"]]
            size.add_metric(model, engine["footprint"])
            state.add_metric([*model, engine["state"]], 1)
            leases.add_metric(model, engine["leases"])
            waiting.add_metric(model, engine["waiting"])
        yield from (size, state, leases, waiting)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
