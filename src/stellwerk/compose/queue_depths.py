"""How deep the queue is, as gauges: counted when the page of metrics is asked for."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stellwerk.features.queue.overview import Depth


class QueueDepths(Collector):
    """Requests that have not ended, by operation and state."""

    def __init__(self, depths: Sequence[Depth]) -> None:
        self._depths = depths

    def collect(self) -> Iterator[Metric]:
        labels = ["operation", "state"]
        number = GaugeMetricFamily(
            "stellwerk_queue_requests", "Requests of the queue that have not ended.", labels=labels
        )
        age = GaugeMetricFamily(
            "stellwerk_queue_oldest_seconds", "Age of the oldest of them.", labels=labels
        )
        for depth in self._depths:
            number.add_metric([depth.operation, depth.state], depth.number)
            age.add_metric([depth.operation, depth.state], depth.age)
        yield from (number, age)
