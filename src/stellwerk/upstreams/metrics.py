"""How busy the targets of models are, and whether they are well, as one process sees it."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge

from stellwerk.upstreams.breaker import State
from stellwerk.upstreams.route import Route

# (model's id, its routes)
Routes = Callable[[], Iterable[tuple[str, tuple[Route, ...]]]]
Labels = tuple[str, str]


class TargetMetrics:
    """Gauges by model and target; `flush` brings them up to date."""

    def __init__(self, registry: CollectorRegistry, routes: Routes) -> None:
        self._routes = routes
        self._told: set[Labels] = set()
        self._in_flight = Gauge(
            "stellwerk_target_requests_in_flight",
            "Calls that a target has in hand, of all models that share it.",
            ("model", "target"),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._open = Gauge(
            "stellwerk_target_open",
            "1: a target is left alone after failures, or is being probed (the circuit is open).",
            ("model", "target"),
            registry=registry,
            multiprocess_mode="livemax",
        )

    def flush(self) -> None:
        """What is now. A target that is gone counts as idle and well from then on."""
        found: dict[Labels, tuple[int, bool]] = {}
        for model, routes in self._routes():
            for route in routes:
                broken = route.breaker.state is not State.CLOSED
                found[model, route.name] = route.in_flight, broken
        for labels in self._told | found.keys():
            in_flight, broken = found.get(labels, (0, False))
            self._in_flight.labels(*labels).set(in_flight)
            self._open.labels(*labels).set(broken)
        self._told |= found.keys()
