"""What Prometheus is told of targets."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from stellwerk.upstreams.breaker import FAILURES
from stellwerk.upstreams.metrics import TargetMetrics
from stellwerk.upstreams.pool import Pool, Timeouts
from stellwerk.upstreams.remote import Base, HttpRoute
from stellwerk.upstreams.route import Route


@pytest.fixture
async def route() -> AsyncIterator[HttpRoute]:
    base = Base.of("http://127.0.0.1:9/v1")
    pool = Pool(base.address, Timeouts(), None)
    yield HttpRoute("gpu-1", "llama", base, pool)
    pool.close()


async def test_a_target_s_load_and_health(route: HttpRoute) -> None:
    registry = CollectorRegistry()
    routes: list[tuple[str, tuple[Route, ...]]] = [("chat", (route,))]
    metrics = TargetMetrics(registry, lambda: routes)

    def told() -> tuple[float | None, float | None]:
        metrics.flush()
        labels = {"model": "chat", "target": "gpu-1"}
        return (
            registry.get_sample_value("stellwerk_target_requests_in_flight", labels),
            registry.get_sample_value("stellwerk_target_open", labels),
        )

    assert told() == (0, 0)
    route.in_flight = 3
    for _ in range(FAILURES):
        route.breaker.bad()
    assert told() == (3, 1)
    # A target that was taken out of the catalogue does not stay broken for ever.
    routes.clear()
    assert told() == (0, 0)
